"""`lnkit compare`: rank own loss networks among the published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
    places = _once(one for name in names for one in place(gathered, name, anyway=anyway))
    stands = _once(one for name in names for one in standings(gathered, name, anyway=anyway))
    if as_json:
        emit_json(
            {"places": [_plain_place(one) for one in places], "backbones": [_plain_standing(one) for one in stands]}
        )
        return
    for number, key in enumerate(dict.fromkeys((one.benchmark, one.setting) for one in places)):
        click.echo("\n" * bool(number), nl=False)
        _show(
            [one for one in places if (one.benchmark, one.setting) == key],
            [one for one in stands if (one.benchmark, one.setting) == key],
        )


def _once(items: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(items))


def _plain_place(one: Place) -> dict[str, Any]:
    near = {name: [n._asdict() for n in getattr(one, name)] for name in ("above", "equal", "below")}
    return one._asdict() | near | {"twin": one.twin and one.twin._asdict()}


def _plain_standing(one: Standing) -> dict[str, Any]:
    return one._asdict() | {"best_points": [best._asdict() for best in one.best_points]}


def _show(places: Sequence[Place], stands: Sequence[Standing]) -> None:
    """One benchmark in one setting."""
    first = places[0]
    published = first.setting == "published"
    values = "published values, among" if published else f"own results ({first.setting}) beside"
    print_sentence(f"{first.benchmark}: {values} the {first.of - (not published)} loss networks of {first.study}")
    columns = [column for column in _columns() if any(column[1](one) for one in places)]
    print_table([name for name, _ in columns], [[cell(one) or "-" for _, cell in columns] for one in places])
    if bests := [(one, best) for one in stands for best in one.best_points]:
        click.echo()
        rows = [
            (one.backbone, best.score, " = ".join(best.points), f"{best.value:.4g}", f"{best.rank:g} of {one.of}")
            for one, best in bests
        ]
        print_table(["backbone", "score", "best point", "value", "rank"], rows)
    for sentence in (*map(_mean_rank, stands), *_doubts(places)):
        print_sentence(f"- {sentence}", "  ")


def _columns() -> list[tuple[str, Callable[[Place], str]]]:
    """Return the columns; columns without any value are left out."""
    return [
        ("loss network", lambda one: one.loss_network),
        ("score", lambda one: one.score),
        ("value", _value),
        ("the study's", lambda one: f"{one.twin.value:g}" if one.twin else ""),
        ("rank", _rank),
        ("macs", _macs),
        ("beats", _beats),
        ("better with fewer macs", _cheaper),
        ("next better", lambda one: _neighbor(one.above)),
        ("next worse", lambda one: _neighbor(one.below)),
    ]


def _value(one: Place) -> str:
    interval = f" [{one.low:.4g}, {one.high:.4g}]" if one.low is not None and one.high is not None else ""
    return f"{one.value:.4g}{interval}"


def _rank(one: Place) -> str:
    """Return ``3 (2 to 5) of 57``, with a star if it is not comparable."""
    if one.rank is None:
        return ""
    possible = f" ({one.best_rank} to {one.worst_rank})" if one.low is not None else ""
    return f"{one.rank:g}{possible} of {one.of}{' *' * bool(one.refusal)}"


def _macs(one: Place) -> str:
    from lnkit.analysis.recommend.constraints import amount  # noqa: PLC0415 - not for help

    return "" if one.macs is None else amount(one.macs)


def _beats(one: Place) -> str:
    if one.rank is None:
        return ""
    costlier = f" ({len(one.worse_and_dearer)} with more macs)" if one.macs is not None else ""
    return f"{len(one.below)}{costlier}"


def _cheaper(one: Place) -> str:
    cheaper = one.better_and_cheaper
    if one.rank is None or one.macs is None:
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


def _mean_rank(one: Standing) -> str:
    points = f"{one.backbone} was measured at {', '.join(one.measured_points)}"
    if one.mean_rank is None or one.place is None:
        return f"{points}; it has no mean rank, because {', '.join(one.missing)} of {one.benchmark} was not measured."
    star = " *" * bool(one.refusal)
    return (
        f"{points}; its mean rank by best points is {one.mean_rank:.2f}, number {one.place:g} of {one.of}{star}, "
        "computed from the printed scores as for Table III."
    )


def _doubts(places: Sequence[Place]) -> list[str]:
    """Return each remark once, after the names of its loss networks unless it concerns all of them."""
    remarks: dict[str, list[str]] = {}
    for one in places:
        for remark in _doubts_about(one):
            remarks.setdefault(remark, []).append(one.loss_network)
    everyone = {one.loss_network for one in places}
    sentences = [
        remark if set(about) == everyone else f"{', '.join(dict.fromkeys(about))}: {remark}"
        for remark, about in remarks.items()
    ]
    undecided = any(n.within_interval for one in places for n in (*one.above[:1], *one.below[:1]))
    return sentences + ["~ is within the 95 % interval: it is not decided which of the two is better."] * undecided


def _doubts_about(one: Place) -> list[str]:
    if one.rank is None:
        return [f"{_capital(one.refusal)}: {NOT_RANKED}"]
    refusal = [f"{RANKED_ANYWAY} {one.refusal}."] if one.refusal else []
    return [*refusal, *one.remarks, *([_missing_macs(one)] if one.macs is None else [])]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _missing_macs(one: Place) -> str:
    plain = one.loss_network.rpartition(":")[0].partition("@")[0]
    return (
        f"The macs are not known, because the result has no attributes: `lnkit attributes {plain}` computes them, and "
        "`lnkit eval --force` stores them with a new result."
    )
