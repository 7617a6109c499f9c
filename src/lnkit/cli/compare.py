"""`lnkit compare`: rank own loss networks among the published ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import bench_option, gather_measurements, results_option
from lnkit.cli._output import emit_json, json_option, print_sentence, print_table

if TYPE_CHECKING:
    from lnkit.analysis.published.backbone_position import Standing
    from lnkit.analysis.published.position import Neighbor, Place

NOT_RANKED = (
    "published values are of full protocols and the official data, so these values are not compared with them. "
    "--anyway ranks them nevertheless."
)
RANKED_ANYWAY = "* Not comparable with the published values, so these ranks mean nothing:"


@click.command("compare")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@results_option
@bench_option
@click.option(
    "--protocol", "variant", metavar="VARIANT", help="Only this protocol variant; rank it even if it is a cut-down one."
)
@click.option("--sample", is_flag=True, help="Rank results on sample data instead of real ones, with a mark.")
@click.option(
    "--anyway",
    is_flag=True,
    help="Also rank results that are not comparable: cut-down protocols, other data, deviations.",
)
@json_option
def compare(
    names: tuple[str, ...], folder: Path | None, bench: str | None, variant: str | None, sample: bool, anyway: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Rank own loss networks among the 56 published ones.

    NAME is a backbone, backbone:point, or a result by its id or hash; published loss networks can be ranked, too. For
    each score, the table shows the rank and the ranks possible within the 95 % interval, how many loss networks it
    beats, how many are better with fewer macs (multiply-adds up to the point, at 224 x 224), and the nearest ones; then
    the rank of the backbone by its best point among the 14 of the study. --json lists all better and worse ones.
    """
    from lnkit.analysis.published.backbone_position import standings  # noqa: PLC0415
    from lnkit.analysis.published.position import place  # noqa: PLC0415 - not for help
    from lnkit.results.records import CUT_DOWN  # noqa: PLC0415

    gathered = gather_measurements("both", folder, bench, variant, sample, quiet=as_json)
    anyway = anyway or sample or variant in CUT_DOWN
    places = list(dict.fromkeys(item for name in names for item in place(gathered, name, anyway=anyway)))
    stands = list(dict.fromkeys(item for name in names for item in standings(gathered, name, anyway=anyway)))
    if as_json:
        bests = [item._asdict() | {"best_points": [best._asdict() for best in item.best_points]} for item in stands]
        emit_json({"places": [_json_place(item) for item in places], "backbones": bests})
        return
    for number, key in enumerate(dict.fromkeys((item.benchmark, item.setting) for item in places)):
        click.echo("\n" * bool(number), nl=False)
        _show(
            [item for item in places if (item.benchmark, item.setting) == key],
            [item for item in stands if (item.benchmark, item.setting) == key],
        )


def _json_place(place: Place) -> dict[str, Any]:
    near = {name: [n._asdict() for n in getattr(place, name)] for name in ("above", "equal", "below")}
    return place._asdict() | near | {"twin": place.twin and place.twin._asdict()}


def _show(places: Sequence[Place], stands: Sequence[Standing]) -> None:
    """One benchmark in one setting."""
    first = places[0]
    published = first.setting == "published"
    values = "published values, among" if published else f"own results ({first.setting}) beside"
    print_sentence(f"{first.benchmark}: {values} the {first.of - (not published)} loss networks of {first.study}")
    columns = [column for column in _columns() if any(column[1](place) for place in places)]
    print_table([name for name, _ in columns], [[cell(place) or "-" for _, cell in columns] for place in places])
    if bests := [(standing, best) for standing in stands for best in standing.best_points]:
        click.echo()
        rows = [
            (
                standing.backbone,
                best.score,
                " = ".join(best.points),
                f"{best.value:.4g}",
                f"{best.rank:g} of {standing.of}",
            )
            for standing, best in bests
        ]
        print_table(["backbone", "score", "best point", "value", "rank"], rows)
    for sentence in (*map(_mean_rank, stands), *_doubts(places)):
        print_sentence(f"- {sentence}", "  ")


def _columns() -> list[tuple[str, Callable[[Place], str]]]:
    """Return the columns; columns without any value are left out."""
    return [
        ("loss network", lambda place: place.loss_network),
        ("score", lambda place: place.score),
        ("value", _value),
        ("the study's", lambda place: f"{place.twin.value:g}" if place.twin else ""),
        ("rank", _rank),
        ("macs", _macs),
        ("beats", _beats),
        ("better with fewer macs", _cheaper),
        ("next better", lambda place: _neighbor(place.above)),
        ("next worse", lambda place: _neighbor(place.below)),
    ]


def _value(place: Place) -> str:
    interval = f" [{place.low:.4g}, {place.high:.4g}]" if place.low is not None and place.high is not None else ""
    return f"{place.value:.4g}{interval}"


def _rank(place: Place) -> str:
    """Return ``3 (2 to 5) of 57``, with a star if it is not comparable."""
    if place.rank is None:
        return ""
    possible = f" ({place.best_rank} to {place.worst_rank})" if place.low is not None else ""
    return f"{place.rank:g}{possible} of {place.of}{' *' * bool(place.refusal)}"


def _macs(place: Place) -> str:
    from lnkit.analysis.recommend.constraints import amount  # noqa: PLC0415 - not for help

    return "" if place.macs is None else amount(place.macs)


def _beats(place: Place) -> str:
    if place.rank is None:
        return ""
    costlier = f" ({len(place.worse_and_dearer)} with more macs)" if place.macs is not None else ""
    return f"{len(place.below)}{costlier}"


def _cheaper(place: Place) -> str:
    cheaper = place.better_and_cheaper
    if place.rank is None or place.macs is None:
        return ""
    return f"{len(cheaper)}: {cheaper[0].loss_network}{', ...' * (len(cheaper) > 1)}" if cheaper else "none"


def _neighbor(near: Sequence[Neighbor]) -> str:
    """Return ``vgg16:late 0.671, at 3 % of its macs``, with ~ if its value is within the interval."""
    from lnkit.analysis.recommend.explanation import times  # noqa: PLC0415 - not for help

    if not near:
        return ""
    nearest = near[0]
    cost = "" if nearest.macs_ratio is None else f", at {times(nearest.macs_ratio)} its macs"
    return f"{'~ ' * nearest.within_interval}{nearest.loss_network} {nearest.value:g}{cost}"


def _mean_rank(standing: Standing) -> str:
    points = f"{standing.backbone} was measured at {', '.join(standing.measured_points)}"
    if standing.mean_rank is None or standing.place is None:
        missing = ", ".join(standing.missing)
        return f"{points}; it has no mean rank, because {missing} of {standing.benchmark} was not measured."
    position = f"number {standing.place:g} of {standing.of}{' *' * bool(standing.refusal)}"
    return (
        f"{points}; its mean rank by best points is {standing.mean_rank:.2f}, {position}, "
        "computed from the printed scores as for Table III."
    )


def _doubts(places: Sequence[Place]) -> list[str]:
    """Return each remark once, after the names of its loss networks unless it concerns all of them."""
    remarks: dict[str, list[str]] = {}
    for place in places:
        for remark in _doubts_about(place):
            remarks.setdefault(remark, []).append(place.loss_network)
    everyone = {place.loss_network for place in places}
    sentences = [
        remark if set(about) == everyone else f"{', '.join(dict.fromkeys(about))}: {remark}"
        for remark, about in remarks.items()
    ]
    undecided = any(n.within_interval for place in places for n in (*place.above[:1], *place.below[:1]))
    return sentences + ["~ is within the 95 % interval: it is not decided which of the two is better."] * undecided


def _doubts_about(place: Place) -> list[str]:
    if place.rank is None:
        return [f"{place.refusal[:1].upper()}{place.refusal[1:]}: {NOT_RANKED}"]
    refusal = [f"{RANKED_ANYWAY} {place.refusal}."] if place.refusal else []
    return [*refusal, *place.remarks, *([_missing_macs(place)] if place.macs is None else [])]


def _missing_macs(place: Place) -> str:
    plain = place.loss_network.rpartition(":")[0].partition("@")[0]
    return (
        f"The macs are not known, because the result has no attributes: `lnkit attributes {plain}` computes them, and "
        "`lnkit eval --force` stores them with a new result."
    )
