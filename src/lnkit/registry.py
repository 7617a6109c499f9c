"""What all plugins registered, by name; and what to say when a name is not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar

from lnkit.errors import PluginError, UnknownNameError
from lnkit.plugins import Plugin, call_hook, load_plugins
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
RESERVED = frozenset(
    {ALL_POINTS, "random", "pretrained", "none"}
)  # words with a meaning of their own on the command line
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*(/[A-Za-z0-9][A-Za-z0-9._@-]*)*")
POINT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
NODE = re.compile(r"\w+(\.\w+)*")

PHASES = (
    ("register_backbone", "backbone"),
    ("register_extraction_points", "point"),
    ("register_distance", "distance"),
    ("register_benchmark", "benchmark"),
)


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

        ``late`` is one point, ``early+mid`` one loss network of two, ``early,late`` two loss networks, and ``all`` one for
        each registered single point. What is not registered is taken for a node path, unless it is near a registered name.

        Raises:
            UnknownNameError: the backbone is unknown, a point is misspelt, or ``all`` was asked where none is registered.
        """
        self.backbone(backbone)
        groups: list[tuple[str, ...]] = []
        for wish in text.split(","):
            if wish.strip() == ALL_POINTS:
                groups += [(name,) for name in self._single_points(backbone)]
            else:
                groups.append(
                    tuple(dict.fromkeys(self._point_name(backbone, part.strip()) for part in wish.split("+")))
                )
        return tuple(dict.fromkeys(groups))

    def points_of(self, network: LossNetworkId) -> tuple[ExtractionPoint, ...]:
        """The extraction points of a loss network; named sets and node paths become points named by their nodes."""
        registered = self.points.get(network.backbone, {})
        found: dict[str, ExtractionPoint] = {}
        for name in network.points:
            point = registered.get(name) or ExtractionPoint(name, node=name)
            parts = [point] if len(point.nodes) == 1 else [_part(point, node) for node in point.nodes]
            found |= {part.name: part for part in parts}
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
        near = _near(name, registered) if "." not in name else []
        if near or not NODE.fullmatch(name):
            raise UnknownNameError(
                f"{backbone!r} has no extraction point {name!r}.{_did_you_mean(near)} It has: {', '.join(registered)}; "
                f"`lnkit points {backbone}` shows them, and a node path of the network works too."
            )
        return name

    def _look_up(self, kind: str, name: str, known: Mapping[str, Spec]) -> Spec:
        if name in known:
            return known[name]
        where = f"`lnkit list-{kind}s` shows all {len(known)}."
        raise UnknownNameError(
            f"No {kind} is called {name!r}.{_did_you_mean(_near(name, known))} {where}{self._suspects()}"
        )

    def _suspects(self) -> str:
        failed = [plugin.name for plugin in self.plugins if plugin.failures]
        if not failed:
            return ""
        return f" Perhaps it belongs to a plugin that failed to load: {', '.join(failed)} (`lnkit plugins` says why)."


def load_registry(*, strict: bool = False, only: Sequence[str] | None = None) -> Registry:
    """Load all plugins and run the hooks, phase by phase: backbones, then points, then distances, then benchmarks.

    What a hook hands over counts once the hook has returned; of a hook that raises nothing counts.

    Raises:
        UsageError: ``only`` (or ``LNKIT_PLUGINS``) names a plugin that is not installed.
        PluginError: in strict mode, a plugin failed.
    """
    registry = Registry(plugins=tuple(load_plugins(strict=strict, only=only)))
    for hook, kind in PHASES:
        for plugin in registry.plugins:
            _run_hook(registry, plugin, hook, kind, strict)
    return registry


@cache
def default_registry() -> Registry:
    """The registry of whatever is installed; loaded once."""
    return load_registry()


def _run_hook(registry: Registry, plugin: Plugin, hook: str, kind: str, strict: bool) -> None:
    """Let one plugin hand things over, and take them when its hook has returned."""
    staged: list[Callable[[], None]] = []
    if kind == "point":
        points = _PointStage(registry, plugin, staged)
        arguments: dict[str, Any] = {"register": points, "backbones": MappingProxyType(registry.backbones)}
    else:
        arguments = {"register": _SpecStage(registry, plugin, kind, staged)}
    if call_hook(plugin, hook, strict=strict, **arguments):
        for commit in staged:
            commit()


class _SpecStage:
    """The ``register`` that a hook gets: refuses on the very line what is wrong, and keeps the rest until the end."""

    KINDS: Mapping[str, type] = {"backbone": BackboneSpec, "distance": DistanceSpec, "benchmark": BenchmarkSpec}

    def __init__(self, registry: Registry, plugin: Plugin, kind: str, staged: list[Callable[[], None]]) -> None:
        self.plugin, self.kind, self.staged = plugin, kind, staged
        self.known: dict[str, Any] = getattr(registry, f"{kind}s")
        self.providers = registry.providers
        self.names: set[str] = set()

    def __call__(self, spec: Any) -> None:
        expect_type(spec, self.KINDS[self.kind], f"register_{self.kind}")
        check_name(self.kind, spec.name, NAME)
        check_callables(spec)
        if spec.name in self.known or spec.name in self.names:
            owner = self.providers.get((self.kind, spec.name), self.plugin)
            raise PluginError(
                f"The {self.kind} {spec.name!r} is registered already, by plugin {owner.name!r}; choose another name."
            )
        self.names.add(spec.name)
        self.staged.append(lambda: self._commit(spec))

    def _commit(self, spec: Any) -> None:
        self.known[spec.name] = spec
        self.providers[self.kind, spec.name] = self.plugin
        self.plugin.added.setdefault(self.kind, []).append(spec.name)


class _PointStage:
    """The same for extraction points, which belong to a backbone, and dangle where that is not installed."""

    def __init__(self, registry: Registry, plugin: Plugin, staged: list[Callable[[], None]]) -> None:
        self.registry, self.plugin, self.staged = registry, plugin, staged
        self.names: set[tuple[str, str]] = set()

    def __call__(self, backbone: str, *points: ExtractionPoint) -> None:
        expect_type(backbone, str, "register_extraction_points")
        for point in points:
            self._stage(backbone, point)

    def _stage(self, backbone: str, point: ExtractionPoint) -> None:
        expect_type(point, ExtractionPoint, "register_extraction_points")
        check_name("extraction point", point.name, POINT_NAME)
        if not all(NODE.fullmatch(node) for node in point.nodes):
            raise PluginError(
                f"The point {backbone}:{point.name} has node {point.node!r}; expected a dotted module path."
            )
        if point.name in self.registry.points.get(backbone, {}) or (backbone, point.name) in self.names:
            raise PluginError(f"The point {backbone}:{point.name} is registered already; choose another name.")
        self.names.add((backbone, point.name))
        self.staged.append(lambda: self._commit(backbone, point))

    def _commit(self, backbone: str, point: ExtractionPoint) -> None:
        if backbone not in self.registry.backbones:
            self.registry.dangling.append((backbone, point, self.plugin.name))
            return
        self.registry.points.setdefault(backbone, {})[point.name] = point
        self.plugin.added.setdefault("point", []).append(f"{backbone}:{point.name}")


def expect_type(came: Any, wanted: type, hook: str) -> None:
    """Raise PluginError unless a hook handed over what it should."""
    if not isinstance(came, wanted):
        raise PluginError(f"{hook} takes {wanted.__name__}, and {type(came).__name__} came: {came!r:.80}.")


def check_name(kind: str, name: Any, pattern: re.Pattern[str]) -> None:
    """Raise PluginError unless ``name`` can be typed, filed and shown."""
    if not isinstance(name, str) or not pattern.fullmatch(name) or ".." in name:
        raise PluginError(
            f"{name!r:.80} cannot name a {kind}: use letters, digits and any of . _ - @, beginning with a letter or "
            "digit, in parts joined by /."
        )
    if name in RESERVED:
        raise PluginError(f"{name!r} cannot name a {kind}: the word has a meaning of its own on the command line.")


def check_callables(spec: Any) -> None:
    """Raise PluginError if a field that lnkit will call cannot be called."""
    for name in ("load", "open_data", "run"):
        if hasattr(spec, name) and not callable(getattr(spec, name)):
            raise PluginError(f"{type(spec).__name__} {spec.name!r}: its {name} must be callable.")


def _part(point: ExtractionPoint, node: str) -> ExtractionPoint:
    return ExtractionPoint(node, node, layout=point.layout, prefix_tokens=point.prefix_tokens)


def _near(name: str, known: Collection[str]) -> list[str]:
    from difflib import get_close_matches  # noqa: PLC0415 - only for a wrong name

    return get_close_matches(name, known, n=3, cutoff=0.6)


def _did_you_mean(near: Sequence[str]) -> str:
    return f" Did you mean {' or '.join(repr(name) for name in near)}?" if near else ""
