"""What all plugins registered, by name; and what to say when a name is not there."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TypeVar

from lnkit.errors import UnknownNameError, UsageError
from lnkit.nearnames import did_you_mean, near_names
from lnkit.plugins.isolation import Plugin, load_plugins
from lnkit.plugins.registration import run_hooks
from lnkit.specs import (
    BackboneSpec,
    BenchmarkSpec,
    DistanceSpec,
    ExtractionPoint,
    LossNetworkId,
    PluginFailure,
)

Spec = TypeVar("Spec", BackboneSpec, BenchmarkSpec, DistanceSpec)

ALL_POINTS = "all"
NODE_PATH = re.compile(r"[\w-]+(\.[\w-]+)*")
DIGITS = re.compile(r"\d+")
MISSPELLED = 0.75  # difflib's ratio from which a word is taken for a point misspelled: "lat" for "late" has 0.86


@dataclass
class Registry:
    """Everything that can be named. Filled once by :func:`load_registry`, read ever after."""

    plugins: tuple[Plugin, ...] = ()
    backbones: dict[str, BackboneSpec] = field(default_factory=dict)
    points: dict[str, dict[str, ExtractionPoint]] = field(default_factory=dict)  # backbone -> name -> point
    distances: dict[str, DistanceSpec] = field(default_factory=dict)
    benchmarks: dict[str, BenchmarkSpec] = field(default_factory=dict)
    dangling: list[tuple[str, ExtractionPoint, str]] = field(default_factory=list)  # backbone, point, plugin
    providers: dict[tuple[str, str], Plugin] = field(default_factory=dict)  # ("backbone", "vgg16") -> plugin

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        return tuple(failure for plugin in self.plugins for failure in plugin.failures)

    def backbone(self, name: str) -> BackboneSpec:
        """The backbone of that name. Raises UnknownNameError, with near names."""
        return self._look_up("backbone", name, self.backbones)

    def benchmark(self, name: str) -> BenchmarkSpec:
        """The benchmark of that name. Raises UnknownNameError, with near names."""
        return self._look_up("benchmark", name, self.benchmarks)

    def distance(self, name: str) -> DistanceSpec:
        """The distance of that name. Raises UnknownNameError, with near names."""
        return self._look_up("distance", name, self.distances)

    def provider(self, kind: str, name: str) -> Plugin:
        """The plugin that brought a "backbone", "benchmark" or "distance"."""
        return self.providers[kind, name]

    def resolve_points(self, backbone: str, text: str) -> tuple[tuple[str, ...], ...]:
        """Read what a user wrote as loss networks, each a tuple of point names.

        ``late`` is one point, ``early+mid`` one loss network of two, ``early,late`` two loss networks, and ``all`` one
        for each registered single point. What is not registered is taken for a node path, which the network accepts or
        refuses later, unless it is near a registered name.

        Raises:
            UnknownNameError: the backbone is unknown, a point is misspelled, or there is no point for ``all``.
            UsageError: ``all`` is joined with something.
        """
        self.backbone(backbone)
        groups: list[tuple[str, ...]] = []
        for wish in text.split(","):
            names = [part.strip() for part in wish.split("+")]
            if names == [ALL_POINTS]:
                groups += [(name,) for name in self._single_points(backbone)]
            else:
                groups.append(tuple(dict.fromkeys(self._point_name(backbone, name) for name in names)))
        return tuple(dict.fromkeys(groups))

    def points_of(self, network: LossNetworkId) -> tuple[ExtractionPoint, ...]:
        """The extraction points of a loss network; named sets and node paths become points named by their nodes.

        A node that is named more than once counts once.
        """
        registered = self.points.get(network.backbone, {})
        found: dict[str, ExtractionPoint] = {}
        for name in network.points:
            point = registered.get(name) or ExtractionPoint(name, node=name)
            parts = [point] if len(point.nodes) == 1 else [_part(point, node) for node in point.nodes]
            for part in parts:
                found.setdefault(part.node, part)
        return tuple(found.values())

    def _single_points(self, backbone: str) -> list[str]:
        names = [name for name, point in self.points.get(backbone, {}).items() if len(point.nodes) == 1]
        if not names:
            raise UnknownNameError(
                f"No extraction point is registered for {backbone!r}: give a node path as the point."
            )
        return names

    def _point_name(self, backbone: str, name: str) -> str:
        registered = self.points.get(backbone, {})
        if name in registered:
            return name
        if name == ALL_POINTS:
            raise UsageError("'all' is one loss network at each point and cannot be joined with +; list the points.")
        near = _misspelled(name, registered)
        if near or not NODE_PATH.fullmatch(name):
            raise UnknownNameError(
                f"{backbone!r} has no extraction point {name!r}.{did_you_mean(near)} It has: {', '.join(registered)}; "
                f"`lnkit points {backbone}` shows them, and a node path of the network works too."
            )
        return name

    def _look_up(self, kind: str, name: str, known: Mapping[str, Spec]) -> Spec:
        if name in known:
            return known[name]
        where = f"`lnkit list-{kind}s` shows all {len(known)}."
        raise UnknownNameError(
            f"No {kind} is called {name!r}.{did_you_mean(near_names(name, known))} {where}{self._suspects()}"
        )

    def _suspects(self) -> str:
        failed = ", ".join(plugin.name for plugin in self.plugins if plugin.failures)
        off = ", ".join(plugin.name for plugin in self.plugins if plugin.state == "off")
        said = (
            f" Perhaps it belongs to a plugin that failed to load: {failed} (`lnkit plugins` says why)."
            if failed
            else ""
        )
        return said + (f" LNKIT_PLUGINS leaves out {off}, which may have it." if off else "")


def load_registry(*, strict: bool = False, only: Sequence[str] | None = None) -> Registry:
    """Load all plugins and run the hooks, phase by phase: backbones, then points, then distances, then benchmarks.

    What a hook hands over counts once the hook has returned; of a hook that raises nothing counts.

    Raises:
        UsageError: ``only`` (or ``LNKIT_PLUGINS``) names a plugin that is not installed.
        PluginError: in strict mode, a plugin failed.
    """
    registry = Registry(plugins=tuple(load_plugins(strict=strict, only=only)))
    run_hooks(registry, strict=strict)
    return registry


@cache
def default_registry() -> Registry:
    """The registry of whatever is installed; loaded once."""
    return load_registry()


def _part(point: ExtractionPoint, node: str) -> ExtractionPoint:
    return ExtractionPoint(node, node, layout=point.layout, prefix_tokens=point.prefix_tokens)


def _misspelled(name: str, registered: Collection[str]) -> list[str]:
    """The points that a plain word may have meant; one that differs in digits only (layer2, layer4) is a node."""
    if "." in name:
        return []
    near = near_names(name, registered, MISSPELLED)
    return [point for point in near if DIGITS.sub("", point) != DIGITS.sub("", name)]
