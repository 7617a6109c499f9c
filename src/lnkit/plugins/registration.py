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
    from lnkit.plugins.registry import Registry

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
    stage = (_PointStage if kind == "point" else _SpecStage)(registry, plugin, kind)
    arguments: dict[str, Any] = {"register": stage}
    if kind == "point":
        arguments["backbones"] = MappingProxyType(registry.backbones)
    went_through = call_hook(plugin, hook, strict=strict, **arguments)
    stage.close(commit=went_through)


class _Stage:
    """Holds what is handed over until the hook has returned."""

    def __init__(self, registry: Registry, plugin: Plugin, kind: str) -> None:
        self.registry, self.plugin, self.kind = registry, plugin, kind
        self.staged: dict[str, Any] = {}  # name -> what is to be taken over
        self.open = True

    def stage(self, name: str, thing: object) -> None:
        """Keep one thing; raise PluginError if another of its kind has its name."""
        if not self.open:
            raise PluginError(f"register was called after the hook had returned; {name!r} came too late.")
        owner = self.plugin if name in self.staged else self.registry.providers.get((self.kind, name))
        if owner is not None:
            raise PluginError(
                f"The {self.kind} {name!r} is registered already, by plugin {owner.name!r}; choose another name."
            )
        self.staged[name] = thing

    def close(self, *, commit: bool) -> None:
        """End the hook's call: take over everything, or nothing."""
        self.open = False
        if commit and self.staged:
            self.commit()
            self.registry.providers.update({(self.kind, name): self.plugin for name in self.staged})
            self.plugin.added[self.kind] = list(self.staged)

    def commit(self) -> None:
        """Put what is staged into the registry."""
        raise NotImplementedError


class _SpecStage(_Stage):
    """``register(spec, ...)`` for backbones, distances and benchmarks."""

    def __call__(self, *specs: object) -> None:
        for spec in specs:
            checked = CHECKS[self.kind](spec)
            self.stage(checked.name, checked)

    def commit(self) -> None:
        getattr(self.registry, f"{self.kind}s").update(self.staged)


class _PointStage(_Stage):
    """``register(backbone, point, ...)`` for extraction points, which dangle where the backbone is not installed."""

    def __init__(self, registry: Registry, plugin: Plugin, kind: str) -> None:
        super().__init__(registry, plugin, kind)
        self.checked: dict[int, ExtractionPoint] = {}  # by id: networks of one family often share the very same points

    def __call__(self, backbone: str, *points: ExtractionPoint) -> None:
        if not isinstance(backbone, str):
            raise PluginError(
                f"register takes the name of a backbone and its points here, and {backbone!r:.80} came first."
            )
        for point in points:
            if id(point) not in self.checked:
                self.checked[id(point)] = check_point(backbone, point)
            self.stage(f"{backbone}:{point.name}", (backbone, point))

    def commit(self) -> None:
        for backbone, point in self.staged.values():
            if backbone in self.registry.backbones:
                self.registry.points.setdefault(backbone, {})[point.name] = point
            else:
                self.registry.dangling.append((backbone, point, self.plugin.name))
