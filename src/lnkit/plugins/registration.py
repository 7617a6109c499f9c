"""Call the hooks of all plugins with a ``register`` that checks each item at once.

An invalid item raises on the very line of the plugin that registers it. Items enter the registry when the hook has
returned; if it raises, none of them does. No registered item is ever replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lnkit.errors import PluginError
from lnkit.plugins.hooks import HOOKS
from lnkit.plugins.isolation import Plugin, call_hook
from lnkit.plugins.validation import (
    check_backbone,
    check_benchmark,
    check_distance,
    check_executor,
    check_point,
    check_source,
    check_suite,
)
from lnkit.specs import ExtractionPoint

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

CHECKS: Mapping[str, Callable[[object], Any]] = {
    "backbone": check_backbone,
    "distance": check_distance,
    "benchmark": check_benchmark,
    "source": check_source,
    "executor": check_executor,
    "suite": check_suite,
}


def run_hooks(registry: Registry, *, strict: bool) -> None:
    """Call each hook of all plugins before the next hook, in the order of HOOKS."""
    for hook, kind in HOOKS.items():
        for plugin in registry.plugins:
            register = (_PointStage if kind == "point" else _SpecStage)(registry, plugin, kind)
            arguments: dict[str, Any] = {"register": register}
            if kind == "point":
                arguments["backbones"] = MappingProxyType(registry.backbones)
            register.close(commit=call_hook(plugin, hook, strict=strict, **arguments))


class _Stage:
    """Collects the items of one hook call until the hook has returned."""

    def __init__(self, registry: Registry, plugin: Plugin, kind: str) -> None:
        self.registry, self.plugin, self.kind = registry, plugin, kind
        self.staged: dict[str, Any] = {}  # name -> item
        self.open = True

    def stage(self, name: str, item: object) -> None:
        """Stage one item; raise PluginError if its name is taken."""
        if not self.open:
            raise PluginError(f"register was called after the hook had returned, for {name!r}; call it in the hook.")
        owner = self.plugin if name in self.staged else self.registry.providers.get((self.kind, name))
        if owner is not None:
            raise PluginError(
                f"The {self.kind} {name!r} is registered already, by plugin {owner.name!r}; choose another name."
            )
        if self.kind == "suite" and (benchmark := self.registry.providers.get(("benchmark", name))):
            raise PluginError(
                f"The suite {name!r} has the name of a benchmark of plugin {benchmark.name!r}; choose another name."
            )
        self.staged[name] = item

    def close(self, *, commit: bool) -> None:
        """Refuse further items, and put all staged ones into the registry if ``commit`` is true."""
        self.open = False
        if commit and self.staged:
            self.commit()
            self.registry.providers.update({(self.kind, name): self.plugin for name in self.staged})
            self.plugin.added[self.kind] = list(self.staged)

    def commit(self) -> None:
        """Put the staged items into the registry."""
        raise NotImplementedError


class _SpecStage(_Stage):
    """``register(spec, ...)`` for backbones, distances, benchmarks, executors and suites."""

    def __call__(self, *specs: object) -> None:
        for spec in specs:
            checked = CHECKS[self.kind](spec)
            self.stage(checked.name, checked)

    def commit(self) -> None:
        getattr(self.registry, f"{self.kind}s").update(self.staged)


class _PointStage(_Stage):
    """``register(backbone, point, ...)`` for extraction points; dangling if the backbone is not installed."""

    def __init__(self, registry: Registry, plugin: Plugin, kind: str) -> None:
        super().__init__(registry, plugin, kind)
        self.checked: dict[int, ExtractionPoint] = {}  # by id: backbones of one family often share the same objects

    def __call__(self, backbone: str, *points: ExtractionPoint) -> None:
        if not isinstance(backbone, str):
            raise PluginError(f"Expected register(backbone's name, point, ...), got {backbone!r:.80} as the name.")
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
