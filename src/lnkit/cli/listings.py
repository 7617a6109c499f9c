"""`lnkit list-backbones`, `list-benchmarks` and `list-distances`: everything registered, with its plugin."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import emit_json, json_option, print_table
from lnkit.cli._registry import open_registry
from lnkit.errors import UnknownNameError

if TYPE_CHECKING:
    from lnkit.benchmark import BenchmarkSpec
    from lnkit.plugins.registry import Registry
    from lnkit.specs import BackboneSpec, DistanceSpec


@click.command("list-backbones")
@click.argument("pattern", default="*")
@click.option("--family", metavar="NAME", help="Only backbones of this family, such as ResNet.")
@json_option
def list_backbones(pattern: str, family: str | None, as_json: bool) -> None:
    """List the backbones that can be cut into loss networks.

    PATTERN, such as 'timm/vit*' or resnet, selects names that match it, or that contain it if it has no wildcard.
    --json also shows the other weights of each backbone (NAME.TAG is the backbone with them), the nodes of its points
    and its input sizes.
    """
    registry = open_registry()
    facts = [_backbone_facts(registry, spec) for spec in _of_family(registry, family) if _matches(spec.name, pattern)]
    if not facts:
        raise UnknownNameError(f"No backbone's name matches {pattern!r}; `lnkit list-backbones` shows all of them.")
    if as_json:
        emit_json(facts)
        return
    rows = [[f["name"], f["family"], f["weights"], ", ".join(f["points"]), f["plugin"]] for f in facts]
    print_table(["backbone", "family", "weights", "points", "plugin"], rows)


@click.command("list-benchmarks")
@json_option
def list_benchmarks(as_json: bool) -> None:
    """List the benchmarks, their protocols and their scores."""
    registry = open_registry()
    facts = [_benchmark_facts(registry, benchmark) for benchmark in registry.benchmarks.values()]
    if as_json:
        emit_json(facts)
        return
    rows = [
        [f["name"], f["title"], f["version"], ", ".join(f["protocols"]), _score_names(f), f["plugin"]] for f in facts
    ]
    print_table(["benchmark", "title", "version", "protocols", "scores", "plugin"], rows)


@click.command("list-distances")
@json_option
def list_distances(as_json: bool) -> None:
    """List the distances between features."""
    registry = open_registry()
    facts = [_distance_facts(registry, distance) for distance in registry.distances.values()]
    if as_json:
        emit_json(facts)
        return
    rows = [[f["name"], f["description"], f["citation"], f["plugin"]] for f in facts]
    print_table(["distance", "what it computes", "source", "plugin"], rows)


def _matches(name: str, pattern: str) -> bool:
    """Return whether a name matches a shell pattern, or contains it if it has no wildcard."""
    from fnmatch import fnmatchcase  # noqa: PLC0415 - only for this list

    return fnmatchcase(name, pattern) if set("*?[") & set(pattern) else pattern in name


def _of_family(registry: Registry, family: str | None) -> list[BackboneSpec]:
    backbones = list(registry.backbones.values())
    if family is None:
        return backbones
    chosen = [backbone for backbone in backbones if backbone.family.lower() == family.lower()]
    if not chosen:
        families = ", ".join(dict.fromkeys(backbone.family for backbone in backbones))
        raise UnknownNameError(f"No backbone belongs to a family {family!r}; the families are: {families}.")
    return chosen


def _backbone_facts(registry: Registry, backbone: BackboneSpec) -> dict[str, Any]:
    return {
        "name": backbone.name,
        "family": backbone.family,
        "weights": backbone.weights,
        "tags": list(backbone.tags),
        "points": {name: point.node for name, point in registry.points_at(backbone.name).items()},
        "citation": backbone.citation,
        "min_size": backbone.min_size,
        "input": backbone.input_rule,
        "requires": list(backbone.requires),
        "plugin": registry.provider("backbone", backbone.name).name,
    }


def _benchmark_facts(registry: Registry, benchmark: BenchmarkSpec) -> dict[str, Any]:
    from lnkit.protocols import as_dict  # noqa: PLC0415 - only for this list

    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "version": benchmark.version,
        "protocols": {variant: as_dict(protocol) for variant, protocol in benchmark.protocols.items()},
        "scores": {
            score.name: {field: value for field, value in asdict(score).items() if field != "name"}
            for score in benchmark.scores
        },
        "datasets": [dataset.name for dataset in benchmark.datasets],
        "citation": benchmark.citation,
        "plugin": registry.provider("benchmark", benchmark.name).name,
    }


def _distance_facts(registry: Registry, distance: DistanceSpec) -> dict[str, Any]:
    return {
        "name": distance.name,
        "description": distance.description,
        "citation": distance.citation,
        "plugin": registry.provider("distance", distance.name).name,
    }


def _score_names(fact: dict[str, Any]) -> str:
    """Return the names of the primary scores, or of all scores if none is primary."""
    primary = [name for name, score in fact["scores"].items() if score["primary"]]
    return ", ".join(primary or fact["scores"])
