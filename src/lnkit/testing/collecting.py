"""From a plugin's name to everything that is checked about it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lnkit.errors import UnknownNameError, UsageError, did_you_mean, near_names
from lnkit.plugins.isolation import Plugin
from lnkit.plugins.load import load_registry
from lnkit.plugins.registry import Registry
from lnkit.progress import Progress, SilentProgress
from lnkit.specs import LossNetworkId
from lnkit.testing.backbones import BackboneThing
from lnkit.testing.benchmarks import BenchmarkThing
from lnkit.testing.building import BUILDING, pretrained_weights
from lnkit.testing.distances import DistanceThing
from lnkit.testing.findings import Case, Thing
from lnkit.testing.points import POINTS
from lnkit.testing.registration import PluginThing

LIMIT = 20  # backbones of a plugin with many


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of a plugin's backbones are checked, and with which weights."""

    only: tuple[str, ...] = ()  # their names; empty chooses by number
    limit: int = LIMIT  # so many, evenly spread; 0 is all
    pretrained: bool = False  # with pretrained weights, which may have to be fetched
    progress: Progress = field(default_factory=SilentProgress)  # hears of that


def find_plugins(name: str, registry: Registry) -> list[Plugin]:
    """The plugins whose entry point has that name: one, unless two distributions claim it.

    Raises:
        UnknownNameError: there is none.
    """
    found = [plugin for plugin in registry.plugins if plugin.name == name]
    if not found:
        names = ", ".join(dict.fromkeys(plugin.name for plugin in registry.plugins))
        raise UnknownNameError(f"No plugin is called {name!r}; installed are: {names}.")
    return found


def collect(name: str, choice: Choice | None = None, registry: Registry | None = None) -> list[Case]:
    """Every check of everything that a plugin brings, in the order in which things are registered.

    Args:
        name: of the plugin's entry point: "lnkit_mine".
        choice: which backbones; by default up to LIMIT of them, with random weights.
        registry: what plugins registered; by default whatever is installed.

    Raises:
        UnknownNameError: no plugin has this name.
        UsageError: a backbone was chosen that the plugin has nothing to do with.
    """
    registry = registry or load_registry()
    return [
        Case(thing, check)
        for plugin in find_plugins(name, registry)
        for thing in _things(plugin, registry, choice or Choice())
        for check in thing.checks
    ]


def left_out(name: str, choice: Choice, registry: Registry) -> str:
    """A sentence that says so where not every backbone is checked; else nothing."""
    counts = [len(backbones_of(plugin)) for plugin in find_plugins(name, registry)]
    if choice.only or not choice.limit or max(counts) <= choice.limit:
        return ""
    return (
        f"{choice.limit} of the {max(counts):,} backbones of {name} are checked, evenly spread; "
        "--limit 0 checks all of them, and --only NAME one."
    )


def backbones_of(plugin: Plugin) -> dict[str, list[str]]:
    """Backbone -> names of the points that the plugin has for it, of its own backbones and of others'."""
    found: dict[str, list[str]] = {name: [] for name in plugin.added.get("backbone", [])}
    for place in plugin.added.get("point", []):
        backbone, _, point = place.rpartition(":")
        found.setdefault(backbone, []).append(point)
    return found


def _things(plugin: Plugin, registry: Registry, choice: Choice) -> Iterator[Thing]:
    yield PluginThing(plugin, registry)
    points = backbones_of(plugin)
    for name in _chosen(list(points), plugin, choice):
        if name in registry.backbones:  # else the points dangle, which is no fault
            yield _backbone(name, points[name], plugin, registry, choice)
    for name in plugin.added.get("distance", []):
        yield _distance(name, plugin, registry)
    for name in plugin.added.get("benchmark", []):
        yield BenchmarkThing(registry.benchmark(name), registry)


def _backbone(name: str, points: Sequence[str], plugin: Plugin, registry: Registry, choice: Choice) -> BackboneThing:
    """A backbone with what can be asked about it: of somebody else's, only the plugin's points are its business."""
    single = (point for one in points for point in registry.points_of(LossNetworkId(name, (one,))))
    by_name = tuple({point.name: point for point in single}.values())
    if name in plugin.added.get("backbone", []):
        title, checks = f"backbone {name}", (*BUILDING, *((pretrained_weights,) if choice.pretrained else ()), *POINTS)
    else:
        title, checks = f"points of {name}", POINTS
    return BackboneThing(title, registry.backbone(name), by_name, checks, choice.pretrained, choice.progress)


def _distance(name: str, plugin: Plugin, registry: Registry) -> DistanceThing:
    """A distance; a learned one with the first point of the first backbone whose distance it is."""
    spec = registry.distance(name)
    for backbone, points in backbones_of(plugin).items() if spec.per_point else ():
        owner = registry.backbones.get(backbone)
        if owner and owner.distance == name and points:
            (point, *_) = registry.points_of(LossNetworkId(backbone, (points[0],)))
            return DistanceThing(spec, (owner, point))
    return DistanceThing(spec)


def _chosen(names: list[str], plugin: Plugin, choice: Choice) -> list[str]:
    if unknown := [name for name in choice.only if name not in names]:
        hint = did_you_mean(near_names(unknown[0], names))
        raise UsageError(f"{plugin.name} has neither a backbone {unknown[0]!r} nor points for one.{hint}")
    if choice.only:
        return list(choice.only)
    return spread(names, choice.limit)


def spread(names: list[str], limit: int) -> list[str]:
    """``limit`` of the names from first to last, evenly; all of them for 0, or where they are no more."""
    if not limit or len(names) <= limit:
        return names
    step = (len(names) - 1) / max(1, limit - 1)
    return [names[round(index * step)] for index in range(limit)]
