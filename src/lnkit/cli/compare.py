"""`lnkit compare`: own loss networks among the published ones."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lnkit.cli._analysis import gathered
from lnkit.cli._output import emit_json, json_option, note, print_table

if TYPE_CHECKING:
    from lnkit.analysis.placing import Neighbor, Place


@click.command("compare")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--results", "folder", type=click.Path(path_type=Path), help="Folder of results.")
@click.option("--bench", metavar="NAME", help="Only this benchmark.")
@click.option("--protocol", "variant", metavar="VARIANT", help="Only this protocol variant.")
@click.option("--sample", is_flag=True, help="Results on sample data, instead of real ones.")
@click.option(
    "--anyway", is_flag=True, help="Rank what is not comparable too: sample data, cut-down protocols, other data."
)
@json_option
def compare(
    names: tuple[str, ...], folder: Path | None, bench: str | None, variant: str | None, sample: bool, anyway: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Place own loss networks among the 56 published ones.

    NAME is a backbone, backbone:point, or the id of a result. For each score: the place among the published loss
    networks, that of the backbone by its best point, the nearest ones above and below, and the flops up to the point
    against theirs.
    """
    from lnkit.analysis.placing import place  # noqa: PLC0415 - not for help

    found = gathered("both", folder, bench, variant, sample, quiet=as_json)
    places = [one for name in names for one in place(found, name, anyway=anyway)]
    if as_json:
        emit_json([asdict(one) for one in places])
        return
    columns = ["loss network", "score", "value", "place", "backbone", "flops", "next better", "next worse"]
    print_table(columns, [_row(one) for one in places])
    _say(places, anyway)


def _row(one: Place) -> list[str]:
    interval = f" [{one.low:.4f}, {one.high:.4f}]" if one.low is not None and one.high is not None else ""
    return [
        one.loss_network,
        one.score,
        f"{one.value:.4f}{interval}",
        "-" if one.rank is None else f"{one.rank:g} of {one.of}",
        "-" if one.backbone_rank is None else f"{one.backbone_rank:g} of {one.backbones}",
        "-" if one.flops is None else f"{one.flops / 1e6:,.0f} M",
        _neighbor(one.better),
        _neighbor(one.worse),
    ]


def _neighbor(one: Neighbor | None) -> str:
    """``vgg16:late 0.6710, at 0.02 of its flops``; ~ where its value is in the interval."""
    if one is None:
        return "-"
    cost = "" if one.flops_ratio is None else f", at {one.flops_ratio:.2g} of its flops"
    return f"{'~ ' * one.within_interval}{one.loss_network} {one.value:g}{cost}"


def _say(places: list[Place], anyway: bool) -> None:
    if any(n and n.within_interval for one in places for n in (one.better, one.worse)):
        note("~ lies in the 95 % interval: which of the two is better is open.")
    doubts: dict[str, list[str]] = {}
    for one in places:
        doubts.setdefault(one.doubt, []).append(one.score)
    for doubt, scores in doubts.items():
        if doubt:
            note(f"{', '.join(dict.fromkeys(scores))}: {doubt}.")
    if any(one.rank is None for one in places):
        note("Not ranked: these values may not stand beside published ones. --anyway ranks them all the same.")
    elif anyway and any(one.doubt for one in places):
        note("Ranked with --anyway: these places say nothing about the published loss networks.")
    if any(one.flops is None for one in places):
        note("Flops are unknown of results that keep no attributes: `lnkit eval --force` makes them anew, "
             "`lnkit attributes NAME` shows a backbone's.")  # fmt: skip
