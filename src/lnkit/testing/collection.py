"""Collect the checks of everything that a plugin registers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.plugins.isolation import Plugin
from lnkit.plugins.load import load_registry
from lnkit.plugins.registry import Registry
from lnkit.progress import Progress, SilentProgress
from lnkit.specs import LossNetworkId
from lnkit.testing.backbones import BACKBONE_CHECKS, BackboneSubject, pretrained_weights
from lnkit.testing.benchmarks import BenchmarkSubject
from lnkit.testing.checks import Case, Subject
from lnkit.testing.distances import DistanceSubject
from lnkit.testing.points import POINT_CHECKS
from lnkit.testing.registration import PluginSubject
from lnkit.testing.suites import SuiteSubject

LIMIT = 20  # most backbones of one plugin that are checked by default


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """Which of a plugin's backbones to check, and with which weights."""

    only: tuple[str, ...] = ()  # names of the backbones; empty for up to `limit` of all
    limit: int = LIMIT  # most backbones, evenly spread; 0 for all
    pretrained: bool = False  # with pretrained weights, which may be downloaded
    progress: Progress = field(default_factory=SilentProgress)  # shows downloads


def collect(name: str, options: CheckOptions | None = None, registry: Registry | None = None) -> list[Case]:
    """Return all checks of everything that a plugin registers, in the order of registration.

    Args:
        name: of the plugin's entry point: "lnkit_mine".
        options: by default up to LIMIT backbones with random weights.
        registry: by default that of all installed plugins.

    Raises:
        UnknownNameError: no plugin has this name.
        UsageError: the plugin provides neither an ``only`` backbone nor points for it.

    Example::

        failed = [result for case in collect("lnkit_mine") if (result := case.run()).state == "failed"]
    """
    registry = registry or load_registry()
    return [
        Case(subject, check)
        for plugin in registry.plugins_named(name)
        for subject in _subjects(plugin, registry, options or CheckOptions())
        for check in subject.checks
    ]


def selection_note(name: str, options: CheckOptions, registry: Registry) -> str:
    """Return a sentence that says how many backbones are checked; empty if all or the chosen ones are.

    Args:
        name: of the plugin's entry point.
        options: as given to `collect`.
        registry: that contains the plugin.
    """
    count = max(len(_points_by_backbone(plugin)) for plugin in registry.plugins_named(name))
    if options.only or not options.limit or count <= options.limit:
        return ""
    return (
        f"{options.limit} of the {count:,} backbones of {name} are checked, evenly spread; "
        "--limit 0 checks all of them, and --only NAME one."
    )


def _points_by_backbone(plugin: Plugin) -> dict[str, list[str]]:
    """Return backbone -> names of the points that the plugin registers for it; backbones of other plugins included."""
    points: dict[str, list[str]] = {name: [] for name in plugin.added.get("backbone", [])}
    for qualified in plugin.added.get("point", []):
        backbone, _, point = qualified.rpartition(":")
        points.setdefault(backbone, []).append(point)
    return points


def _subjects(plugin: Plugin, registry: Registry, options: CheckOptions) -> Iterator[Subject]:
    yield PluginSubject(plugin, registry)
    points = _points_by_backbone(plugin)
    for name in _selected(list(points), plugin, options):
        if name in registry.backbones:  # else the points are dangling, which is no fault
            yield _backbone(name, points[name], plugin, registry, options)
    for name in plugin.added.get("distance", []):
        yield _distance(name, plugin, registry)
    for name in plugin.added.get("benchmark", []):
        yield BenchmarkSubject(registry.benchmark(name), registry)
    for name in plugin.added.get("suite", []):
        yield SuiteSubject(registry.suites[name], registry)


def _backbone(
    name: str, points: Sequence[str], plugin: Plugin, registry: Registry, options: CheckOptions
) -> BackboneSubject:
    """Return a backbone with its checks; of another plugin's backbone only the points are checked."""
    parts = (part for point in points for part in registry.points_of(LossNetworkId(name, (point,))))
    by_name = tuple({part.name: part for part in parts}.values())
    title, checks = f"points of {name}", POINT_CHECKS
    if name in plugin.added.get("backbone", []):
        weights = (pretrained_weights,) if options.pretrained else ()
        title, checks = f"backbone {name}", (*BACKBONE_CHECKS, *weights, *POINT_CHECKS)
    return BackboneSubject(title, registry.backbone(name), by_name, checks, options.pretrained, options.progress)


def _distance(name: str, plugin: Plugin, registry: Registry) -> DistanceSubject:
    """Return a distance; a learned one with the first point of the plugin's first backbone that uses it."""
    spec = registry.distance(name)
    for backbone, points in _points_by_backbone(plugin).items() if spec.per_point else ():
        owner = registry.backbones.get(backbone)
        if owner and owner.distance == name and points:
            (point, *_) = registry.points_of(LossNetworkId(backbone, (points[0],)))
            return DistanceSubject(spec, (owner, point))
    return DistanceSubject(spec)


def _selected(names: list[str], plugin: Plugin, options: CheckOptions) -> list[str]:
    """Return the backbones to check: those in ``only``, or ``limit`` of all, evenly spread from first to last."""
    if unknown := [name for name in options.only if name not in names]:
        hint = did_you_mean(near_names(unknown[0], names))
        raise UsageError(f"{plugin.name} has neither a backbone {unknown[0]!r} nor points for one.{hint}")
    if options.only or not options.limit or len(names) <= options.limit:
        return list(options.only) or names
    step = (len(names) - 1) / max(1, options.limit - 1)
    return [names[round(index * step)] for index in range(options.limit)]
