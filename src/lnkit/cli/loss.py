"""`lnkit loss`: explain losses, and read those of other projects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._output import echo, emit_json, json_option, note, print_lines, print_sentence, print_table
from lnkit.cli._registry import open_registry

if TYPE_CHECKING:
    from lnkit.losses.as_backbone import LossBackbone
    from lnkit.losses.cost import PartCost
    from lnkit.losses.definition import Loss
    from lnkit.plugins.registry import Registry

TOML = click.option("--toml", "as_toml", is_flag=True, help="Print TOML, for a file that --loss takes.")
USUAL = "squared"  # distance of a term that names none, as in lnkit.load_loss


@click.group()
def loss() -> None:
    """Explain losses of several terms, and read those of other projects."""


@loss.command("show")
@click.argument("loss", metavar="LOSS|FILE")
@click.option(
    "--size", type=click.IntRange(1, 16_384), default=224, show_default=True, help="Side of the square image in pixels."
)
@TOML
@json_option
def show_command(loss: str, size: int, as_toml: bool, as_json: bool) -> None:
    """Say in words what a loss computes, and what it costs.

    Macs are multiply-adds for one image, of each network up to its deepest point. No weights are needed.
    """
    from lnkit.cli._progress import show_loading  # noqa: PLC0415 - not for help
    from lnkit.losses.as_backbone import loss_as_backbone  # noqa: PLC0415
    from lnkit.losses.given import given_loss  # noqa: PLC0415
    from lnkit.losses.toml import loss_to_toml  # noqa: PLC0415

    given, registry = given_loss(loss), open_registry()
    described = loss_as_backbone(given.with_distance(USUAL), registry)
    if as_toml:
        print_lines(loss_to_toml(given))
        return
    show_loading()
    from lnkit.losses.cost import costs  # noqa: PLC0415 - torch

    parts = costs(described, size)
    if as_json:
        emit_json(_facts(given, described, parts, registry))
    else:
        _show(given, described, parts, registry)


@loss.command("import")
@click.argument("source", metavar="FILE|NAME")
@TOML
@json_option
def import_command(source: str, as_toml: bool, as_json: bool) -> None:
    """Print the loss of another project: a name, or its option file.

    Reads YAML of BasicSR and traiNNer-redux, JSON of KAIR, and the names lpips-vgg, lpips-alex, lpips-squeeze,
    dists, convnext_s and lpips-convnext_s-1.0-0.1 (1d-tokenizer). A field that lnkit cannot honour is an error.
    """
    from lnkit.losses.imports.read import import_loss  # noqa: PLC0415 - not for help
    from lnkit.losses.toml import loss_to_toml  # noqa: PLC0415

    imported = import_loss(source)
    if as_json:
        emit_json([{"loss": str(each.loss), "notes": list(each.notes)} for each in imported])
        return
    for each in imported:
        print_lines(loss_to_toml(each.loss) if as_toml else f"{each.loss}\n")
        for sentence in each.notes:
            note(sentence)


def _rows(loss: Loss, registry: Registry) -> list[dict[str, Any]]:
    """Return one row for each point of each term."""
    from lnkit.specs import LossNetworkId  # noqa: PLC0415 - not for help

    return [
        {
            "weight": term.weight * weight,
            "backbone": f"{term.backbone}{term.input}",
            "point": name,
            "nodes": [point.node for point in registry.points_of(LossNetworkId(term.backbone, (name,)))],
            "distance": term.distance,
        }
        for term in loss.terms
        for name, weight in term.points.items()
    ]


def _facts(loss: Loss, described: LossBackbone, parts: list[PartCost], registry: Registry) -> dict[str, Any]:
    from dataclasses import asdict  # noqa: PLC0415 - not for help

    from lnkit.losses.cost import STEP  # noqa: PLC0415 - not for help

    macs = [part.macs for part in parts]
    total = None if None in macs else sum(count for count in macs if count is not None)
    return {
        "loss": str(loss),
        "terms": _rows(described.loss, registry),
        "networks": [asdict(part) for part in parts],
        "macs": total,
        "step_macs": None if total is None else STEP * total,
    }


def _show(loss: Loss, described: LossBackbone, parts: list[PartCost], registry: Registry) -> None:
    from lnkit.losses.cost import STEP  # noqa: PLC0415 - not for help

    echo(str(loss))
    columns = ["weight", "backbone", "point", "nodes", "distance"]
    rows = [
        [f"{row['weight']:g}", row["backbone"], row["point"], "+".join(row["nodes"]), row["distance"]]
        for row in _rows(described.loss, registry)
    ]
    echo()
    print_table(columns, rows)
    echo()
    print_table(
        ["network", "image", "macs", "parameters"],
        [[part.backbone, f"{part.size} x {part.size}", _count(part.macs), _count(part.parameters)] for part in parts],
    )
    if len(described.loss.terms) > len([term for term in loss.terms if term.distance]):
        note(f"terms without a distance use {USUAL} in `lnkit.load_loss`, and the protocol's in `lnkit eval`")
    if any(part.macs is None for part in parts):
        note(f"images of {parts[0].size} pixels are too small for some points; try a larger --size")
        return
    total = sum(part.macs or 0 for part in parts)
    echo()
    print_sentence(
        f"The loss is the weighted sum of the distances. Each network runs once per image: {total / 1e6:,.0f} M macs. "
        f"A training step costs about {STEP * total / 1e6:,.0f} M macs per image: the target, the output, and the way "
        "back to the output."
    )


def _count(value: int | None) -> str:
    return "too small" if value is None else f"{value / 1e6:,.1f} M" if value >= 1e5 else f"{value:,}"
