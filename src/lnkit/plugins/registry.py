"""What all plugins registered, by name; and what to say when a name is not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeVar

from lnkit.benchmark import BenchmarkSpec
from lnkit.errors import PluginError, UnknownNameError, UsageError, did_you_mean, near_names
from lnkit.plugins.failures import sentence_of
from lnkit.plugins.isolation import Plugin
from lnkit.plugins.user_backbones import import_backbone, is_own
from lnkit.plugins.validation import check_backbone
from lnkit.specs import BackboneSpec, DistanceSpec, ExtractionPoint, LossNetworkId, PluginFailure

Spec = TypeVar("Spec", BackboneSpec, BenchmarkSpec, DistanceSpec)

ALL_POINTS = "all"

NODE_PATH = re.compile(r"[\w-]+(\.[\w-]+)*")

DIGITS = re.compile(r"\d+")

DOT = re.compile(r"\.")

OWN_CODE = Plugin("own code", "", "own code", "")  # stands where a plugin would, for backbones that none brought

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
    found: dict[str, BackboneSpec] = field(default_factory=dict)  # asked for with other weights, or by own code

    @property
    def failures(self) -> tuple[PluginFailure, ...]:
        return tuple(failure for plugin in self.plugins for failure in plugin.failures)

    def backbone(self, name: str) -> BackboneSpec:
        """The backbone called ``name``: ``vgg16``, with other weights ``resnet50.IMAGENET1K_V2``, or own code.

        Own code is named as ``package.module:build`` and imported here.

        Raises:
            UnknownNameError: there is none, or none with these weights; the message has near names.
            UsageError: the own code cannot be imported.
        """
        if name not in self.backbones and (spec := self._tagged(name) or self._own(name)):
            self.found[name] = spec
        return self._look_up("backbone", name, self.found if name in self.found else self.backbones)

    def points_at(self, backbone: str) -> Mapping[str, ExtractionPoint]:
        """The extraction points of a backbone by name; none for one that is unknown."""
        return self.points.get(self._base(backbone), {})

    def benchmark(self, name: str) -> BenchmarkSpec:
        """The benchmark of that name. Raises UnknownNameError, with near names."""
        return self._look_up("benchmark", name, self.benchmarks)

    def distance(self, name: str) -> DistanceSpec:
        """The distance of that name. Raises UnknownNameError, with near names."""
        return self._look_up("distance", name, self.distances)

    def provider(self, kind: str, name: str) -> Plugin:
        """The plugin that brought a "backbone", "benchmark" or "distance"."""
        if kind == "backbone" and is_own(name):
            return OWN_CODE
        return self.providers[kind, self._base(name) if kind == "backbone" else name]

    def with_backbone(self, spec: BackboneSpec, points: Mapping[str, ExtractionPoint]) -> Registry:
        """A registry that has one more backbone, of the user's own code; this one stays as it is."""
        return replace(
            self,
            backbones={**self.backbones, spec.name: spec},
            points={**self.points, spec.name: dict(points)},
            providers={**self.providers, ("backbone", spec.name): OWN_CODE},
        )

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
        registered = self.points_at(network.backbone)
        found: dict[tuple[str, bool], ExtractionPoint] = {}
        for name in network.points:
            point = registered.get(name) or ExtractionPoint(name, node=name)
            parts = [point] if len(point.nodes) == 1 else [_part(point, node) for node in point.nodes]
            for part in parts:
                found.setdefault((part.node, part.layout == "CLS"), part)
        return tuple(found.values())

    def _single_points(self, backbone: str) -> list[str]:
        names = [name for name, point in self.points_at(backbone).items() if len(point.nodes) == 1]
        if not names:
            raise UnknownNameError(
                f"No extraction point is registered for {backbone!r}: give node paths, such as --point layer1,layer2. "
                f"`lnkit points {backbone} --all` lists them."
            )
        return names

    def _point_name(self, backbone: str, name: str) -> str:
        registered = self.points_at(backbone)
        if name in registered:
            return name
        if name == ALL_POINTS:
            raise UsageError("'all' is one loss network at each point and cannot be joined with +; list the points.")
        near = _misspelled(name, registered)
        if near or not NODE_PATH.fullmatch(name):
            has = ", ".join(registered) or "none of its own"
            raise UnknownNameError(
                f"{backbone!r} has no extraction point {name!r}.{did_you_mean(near)} It has: {has}; "
                f"`lnkit points {backbone}` shows them, and a node path of the network works too."
            )
        return name

    def _base(self, name: str) -> str:
        """The registered backbone behind ``name``: of ``resnet50.IMAGENET1K_V2`` it is ``resnet50``."""
        if name in self.backbones:
            return name
        bases = (name[: dot.start()] for dot in DOT.finditer(name))
        return next((base for base in bases if base in self.backbones and self.backbones[base].tags), name)

    def _tagged(self, name: str) -> BackboneSpec | None:
        """The backbone ``<name>.<tag>``, if there is one with tags. Raises UnknownNameError for another tag."""
        base = self._base(name)
        if base == name:
            return None
        known, tag = self.backbones[base], name.removeprefix(f"{base}.")
        if tag not in known.tags or known.with_tag is None:
            raise UnknownNameError(
                f"{base!r} has no weights {tag!r}.{did_you_mean(near_names(tag, known.tags))} "
                f"It has: {', '.join(known.tags)}."
            )
        return _describe_tagged(known.with_tag, tag, name)

    def _own(self, name: str) -> BackboneSpec | None:
        return import_backbone(name) if is_own(name) else None

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


def _part(point: ExtractionPoint, node: str) -> ExtractionPoint:
    return ExtractionPoint(node, node, layout=point.layout, prefix_tokens=point.prefix_tokens)


def _describe_tagged(describe: Callable[[str], BackboneSpec], tag: str, name: str) -> BackboneSpec:
    """Ask a plugin, which may raise anything, for a backbone with other weights. Raises PluginError."""
    try:
        spec = check_backbone(describe(tag))
    except Exception as error:
        raise PluginError(f"The plugin of {name} failed to describe it: {sentence_of(error)}") from error
    if spec.name != name:
        raise PluginError(f"The plugin of {name} describes {spec.name!r} under that name. Tell its author.")
    return spec


def _misspelled(name: str, registered: Collection[str]) -> list[str]:
    """The points that a plain word may have meant; one that differs in digits only (layer2, layer4) is a node."""
    if "." in name:
        return []
    near = near_names(name, registered, MISSPELLED)
    return [point for point in near if DIGITS.sub("", point) != DIGITS.sub("", name)]
