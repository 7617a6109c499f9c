"""`lnkit list-backbones`, `list-benchmarks` and `list-distances`: everything registered, with its plugin."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import echo, emit_json, is_wide, json_option, pager, print_sentence, print_table
from lnkit.cli._registry import open_registry
from lnkit.errors import UnknownNameError
from lnkit.specs import NO_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lnkit.benchmark import BenchmarkSpec
    from lnkit.plugins.registry import Registry
    from lnkit.specs import BackboneSpec, DistanceSpec

STANDARD_POINTS = ("early", "semi_early", "mid", "late")
MAX_POINTS = 24  # letters of a list of points on a terminal
UNKNOWN, NOTHING = "unknown", "-"


@click.command("list-backbones")
@click.argument("pattern", default="")
@click.option("--family", metavar="NAME", help="Only backbones of this family, such as ResNet.")
@click.option(
    "--trained-on",
    metavar="TEXT",
    help="Only weights that were trained on this, such as DINOv2, CLIP, COCO or ImageNet-21k: any part of the column "
    "`trained on`. Looks through all sets of weights.",
)
@json_option
def list_backbones(pattern: str, family: str | None, trained_on: str | None, as_json: bool) -> None:
    """List the backbones that can be cut into loss networks.

    PATTERN, such as 'timm/vit*' or resnet, selects names that match it, or that contain it if it has no wildcard.
    Without it a terminal shows those of the published study and how many others there are; '*' lists all.
    --json also shows the other weights of each backbone (NAME.TAG is the backbone with them), the nodes of its points
    and its input sizes.
    """
    registry = open_registry()
    named = [spec for spec in _of_family(registry, family) if _matches(spec.name, pattern)]
    if not named:
        raise UnknownNameError(f"No backbone's name matches {pattern!r}; `lnkit list-backbones` shows all of them.")
    chosen = named if trained_on is None else _trained_on(registry, named, trained_on)
    facts = [_backbone_facts(registry, spec) for spec in chosen]
    if as_json:
        emit_json(facts)
        return
    with pager():
        if trained_on is not None:
            _show_backbones(facts, least=("plugin", "points", "weights", "family"))
        elif pattern or family or is_wide():
            _show_backbones(facts)
        else:
            _show_overview(facts)


@click.command("list-benchmarks")
@json_option
def list_benchmarks(as_json: bool) -> None:
    """List the benchmarks, their protocols and their scores, and the suites that they belong to."""
    registry = open_registry()
    facts = [_benchmark_facts(registry, benchmark) for benchmark in registry.benchmarks.values()]
    if as_json:
        emit_json(facts)
        return
    rows = [
        [f["name"], f["title"], f["version"], ", ".join(f["protocols"]), _score_names(f), f["plugin"]] for f in facts
    ]
    columns = ["benchmark", "title", "version", "protocols", "scores", "plugin"]
    print_table(columns, rows, least=["plugin", "version"])
    if registry.suites:
        echo()
        suites = registry.suites.values()
        print_table(
            ["suite", "title", "score", "benchmarks"],
            [
                [s.name, s.title, s.score, ", ".join(n for n in s.benchmarks if n in registry.benchmarks)]
                for s in suites
            ],
        )


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


def _show_backbones(
    facts: Sequence[dict[str, Any]], least: Sequence[str] = ("plugin", "trained on", "weights", "points")
) -> None:
    """Print backbones as a table; a narrow terminal does without the columns in ``least`` first."""
    rows = [
        [f["name"], f["family"], f["weights"], f["trained_on"], _points_cell(f["points"]), f["plugin"]] for f in facts
    ]
    print_table(["backbone", "family", "weights", "trained on", "points", "plugin"], rows, least=least)


def _points_cell(points: Iterable[str]) -> str:
    """Return the names of points; on a terminal ``4 standard points + lpips``."""
    if is_wide():
        return ", ".join(points)
    named = [point for point in points if point not in STANDARD_POINTS]
    standard = "4 standard points" if set(STANDARD_POINTS) <= set(points) else ""
    others = ", ".join(named if standard else points)
    if len(others) > MAX_POINTS:
        first, *_, last = named if standard else points
        others = f"{first} to {last}"
    return " + ".join(part for part in (standard, others) if part)


def _show_overview(facts: Sequence[dict[str, Any]]) -> None:
    """Print the backbones of the published study, and the numbers of the others by supplier and by family."""
    from lnkit.analysis.published.tables import PIHLGREN2023, read_rows  # noqa: PLC0415 - only here

    by_name = {fact["name"]: fact for fact in facts}
    studied = [by_name[row["backbone"]] for row in read_rows("attributes") if row["backbone"] in by_name]
    print_sentence(f"The {len(studied)} backbones of the study ({PIHLGREN2023}):")
    _show_backbones(studied)
    suppliers = Counter(name.partition("/")[0] for name in by_name if "/" in name)
    families = Counter(fact["family"] for fact in facts)
    own = dict.fromkeys(fact["family"] for fact in facts if "/" not in fact["name"])
    echo()
    print_sentence(f"There are {len(facts):,} in all; `lnkit list-backbones '*'` lists them.")
    for supplier, number in suppliers.items():
        print_sentence(f"{supplier}: {number:,} architectures; `lnkit list-backbones '{supplier}/*'`")
    counts = ", ".join(f"{family} {families[family]:,}" for family in own)
    more = len(families) - len(own)
    print_sentence(f"Families: {counts}{f', and {more} more' if more else ''}; `lnkit list-backbones --family NAME`")


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


def _trained_on(registry: Registry, backbones: Iterable[BackboneSpec], text: str) -> list[BackboneSpec]:
    """Return the backbones, each with every set of its weights, that were trained on what ``text`` is a part of."""
    sets: list[BackboneSpec] = []
    for spec in backbones:
        others = (tag for tag in spec.tags if tag != spec.weights)
        sets += [spec, *(registry.backbone(f"{spec.name}.{tag}") for tag in others)]
    chosen = [spec for spec in sets if text.lower() in _training(spec).lower()]
    if not chosen:
        known = {part for spec in sets for part in _training(spec).split(", ")} - {NOTHING}
        there = f"There are: {', '.join(sorted(known, key=str.lower))}." if known else "They have no weights."
        raise UnknownNameError(f"No weights of these backbones were trained on {text!r}. {there}")
    return chosen


def _training(spec: BackboneSpec) -> str:
    """Return what the weights of a backbone were trained on, "unknown" if no plugin says it, "-" without weights."""
    return spec.trained_on or (UNKNOWN if spec.weights not in ("", NO_WEIGHTS) else NOTHING)


def _backbone_facts(registry: Registry, backbone: BackboneSpec) -> dict[str, Any]:
    return {
        "name": backbone.name,
        "family": backbone.family,
        "weights": backbone.weights,
        "tags": list(backbone.tags),
        "trained_on": _training(backbone),
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
        "suites": {s.name: s.score for s in registry.suites.values() if benchmark.name in s.benchmarks},
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
