"""The ``register`` that a hook is called with: refuses on the very line what is wrong, keeps the rest until the end.

What one hook call hands over counts as a whole, once the hook has returned, or not at all. Nothing registered is ever
replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lnkit.errors import PluginError
from lnkit.plugins.isolation import Plugin, call_hook
from lnkit.plugins.validation import check_backbone, check_benchmark, check_distance, check_point
from lnkit.specs import ExtractionPoint

if TYPE_CHECKING:
    from lnkit.registry import Registry

PHASES = (
    ("register_backbone", "backbone"),
    ("register_extraction_points", "point"),
    ("register_distance", "distance"),
    ("register_benchmark", "benchmark"),
)
CHECKS: Mapping[str, Callable[[object], Any]] = {
    "backbone": check_backbone,
    "distance": check_distance,
    "benchmark": check_benchmark,
}


def run_hooks(registry: Registry, *, strict: bool) -> None:
    """Let all plugins register: first every plugin's backbones, then points, then distances, then benchmarks."""
    for hook, kind in PHASES:
        for plugin in registry.plugins:
            _run_hook(registry, plugin, hook, kind, strict)


def _run_hook(registry: Registry, plugin: Plugin, hook: str, kind: str, strict: bool) -> None:
    stage: _PointStage | _SpecStage
    if kind == "point":
        stage = _PointStage(registry, plugin)
        arguments: dict[str, Any] = {"register": stage, "backbones": MappingProxyType(registry.backbones)}
    else:
        stage = _SpecStage(registry, plugin, kind)
        arguments = {"register": stage}
    went_through = call_hook(plugin, hook, strict=strict, **arguments)
    stage.close(commit=went_through)


class _Stage:
    """Holds what is handed over until the hook has returned."""

    def __init__(self, plugin: Plugin, kind: str) -> None:
        self.plugin, self.kind = plugin, kind
        self.staged: dict[str, Callable[[], None]] = {}  # name -> what takes it over
        self.open = True

    def stage(self, name: str, owner: Plugin | None, commit: Callable[[], None]) -> None:
        """Keep one thing; ``owner`` is the plugin that has registered its name before, if any has."""
        if not self.open:
            raise PluginError(f"register was called after the hook had returned; {name!r} came too late.")
        owner = self.plugin if name in self.staged else owner
        if owner is not None:
            raise PluginError(
                f"The {self.kind} {name!r} is registered already, by plugin {owner.name!r}; choose another name."
            )
        self.staged[name] = commit

    def close(self, *, commit: bool) -> None:
        """End the hook's call: take over everything, or nothing."""
        self.open = False
        if not commit:
            return
        for take_over in self.staged.values():
            take_over()
        if self.staged:
            self.plugin.added[self.kind] = list(self.staged)


class _SpecStage(_Stage):
    """``register(spec)`` for backbones, distances and benchmarks."""

    def __init__(self, registry: Registry, plugin: Plugin, kind: str) -> None:
        super().__init__(plugin, kind)
        self.known: dict[str, Any] = getattr(registry, f"{kind}s")
        self.providers = registry.providers
        self.check = CHECKS[kind]

    def __call__(self, spec: object) -> None:
        checked = self.check(spec)
        self.stage(checked.name, self.providers.get((self.kind, checked.name)), lambda: self._take_over(checked))

    def _take_over(self, spec: Any) -> None:
        self.known[spec.name] = spec
        self.providers[self.kind, spec.name] = self.plugin


class _PointStage(_Stage):
    """``register(backbone, point, ...)`` for extraction points, which dangle where the backbone is not installed."""

    def __init__(self, registry: Registry, plugin: Plugin) -> None:
        super().__init__(plugin, "point")
        self.registry = registry

    def __call__(self, backbone: str, *points: ExtractionPoint) -> None:
        if not isinstance(backbone, str):
            raise PluginError(
                f"register takes the name of a backbone and its points here, and {backbone!r:.80} came first."
            )
        for point in points:
            self._stage_point(backbone, check_point(backbone, point))

    def _stage_point(self, backbone: str, point: ExtractionPoint) -> None:
        name = f"{backbone}:{point.name}"
        self.stage(name, self.registry.providers.get(("point", name)), lambda: self._take_over(backbone, point))

    def _take_over(self, backbone: str, point: ExtractionPoint) -> None:
        self.registry.providers["point", f"{backbone}:{point.name}"] = self.plugin
        if backbone in self.registry.backbones:
            self.registry.points.setdefault(backbone, {})[point.name] = point
        else:
            self.registry.dangling.append((backbone, point, self.plugin.name))
