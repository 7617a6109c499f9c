"""`lnkit compare`: own loss networks among the published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gathered
from lnkit.cli._output import emit_json, json_option, print_table
from lnkit.cli._sentences import say

if TYPE_CHECKING:
    from lnkit.analysis.published.backbone_position import BackbonePosition
    from lnkit.analysis.published.position import Neighbor, Position

NOT_RANKED = (
    "published values are of full protocols on the official data, so this one is not ranked among them. --anyway ranks "
    "it."
)
RANKED_ALL_THE_SAME = "* Not comparable with published values, so these ranks mean nothing:"


@click.command("compare")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--results", "folder", type=click.Path(path_type=Path), help="Folder of results.")
@click.option("--bench", metavar="NAME", help="Only this benchmark.")
@click.option("--protocol", "variant", metavar="VARIANT", help="Only this protocol variant, cut-down ones ranked too.")
@click.option("--sample", is_flag=True, help="Results on sample data instead of real ones, ranked with a mark.")
@click.option(
    "--anyway", is_flag=True, help="Rank what is not comparable too: cut-down protocols, other data, deviations."
)
@json_option
def compare(
    names: tuple[str, ...], folder: Path | None, bench: str | None, variant: str | None, sample: bool, anyway: bool,
    as_json: bool,
) -> None:  # fmt: skip
    """Rank own loss networks among the 56 published ones.

    NAME is a backbone, backbone:point, a result by its id or hash, or a published loss network. For each score it shows
    the rank and its range within the 95 % interval, how many loss networks it beats, which beat it at fewer macs
    (multiply-adds up to the point, at 224 x 224), and the nearest ones; then the rank of the backbone by its best point
    among the 14 of the study. --json lists all that it beats and that beat it.
    """
    from lnkit.analysis.published.backbone_position import backbone_positions  # noqa: PLC0415
    from lnkit.analysis.published.position import positions  # noqa: PLC0415 - not for help
    from lnkit.results.records import CUT_DOWN  # noqa: PLC0415

    found = gathered("both", folder, bench, variant, sample, quiet=as_json)
    anyway = anyway or sample or variant in CUT_DOWN
    places = _once(one for name in names for one in positions(found, name, anyway=anyway))
    stands = _once(one for name in names for one in backbone_positions(found, name, anyway=anyway))
    if as_json:
        emit_json(
            {"positions": [_plain_place(one) for one in places], "backbones": [_plain_standing(one) for one in stands]}
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


def _plain_place(one: Position) -> dict[str, Any]:
    near = {name: [n._asdict() for n in getattr(one, name)] for name in ("above", "equal", "below")}
    return one._asdict() | near | {"counterpart": one.counterpart and one.counterpart._asdict()}


def _plain_standing(one: BackbonePosition) -> dict[str, Any]:
    return one._asdict() | {"best_points": [best._asdict() for best in one.best_points]}


def _show(places: Sequence[Position], stands: Sequence[BackbonePosition]) -> None:
    """One benchmark in one setting."""
    first = places[0]
    published = first.setting == "published"
    what = "published values, among" if published else f"own results ({first.setting}) beside"
    say(f"{first.benchmark}: {what} the {first.of - (not published)} loss networks of {first.study}")
    columns = [column for column in _columns() if any(column[1](one) for one in places)]
    print_table([name for name, _ in columns], [[cell(one) or "-" for _, cell in columns] for one in places])
    if bests := [(one, best) for one in stands for best in one.best_points]:
        click.echo()
        rows = [
            (one.backbone, best.score, " = ".join(best.points), f"{best.value:.4g}", f"{best.rank:g} of {one.of}")
            for one, best in bests
        ]
        print_table(["backbone", "score", "best point", "value", "rank"], rows)
    for sentence in (*map(_say_standing, stands), *_doubts(places)):
        say(f"- {sentence}", "  ")


def _columns() -> list[tuple[str, Callable[[Position], str]]]:
    """The columns, of which those that are empty are left out."""
    return [
        ("loss network", lambda one: one.loss_network),
        ("score", lambda one: one.score),
        ("value", _value),
        ("the study's", lambda one: f"{one.counterpart.value:g}" if one.counterpart else ""),
        ("rank", _place),
        ("macs", _macs),
        ("beats", _beats),
        ("better and cheaper", _cheaper),
        ("next better", lambda one: _neighbor(one.above)),
        ("next worse", lambda one: _neighbor(one.below)),
    ]


def _value(one: Position) -> str:
    interval = f" [{one.low:.4g}, {one.high:.4g}]" if one.low is not None and one.high is not None else ""
    return f"{one.value:.4g}{interval}"


def _place(one: Position) -> str:
    """Format a rank: ``3 (2 to 5) of 57``, with a star if it means nothing."""
    if one.rank is None:
        return ""
    open_ = f" ({one.best_rank} to {one.worst_rank})" if one.low is not None else ""
    return f"{one.rank:g}{open_} of {one.of}{' *' * bool(one.refusal)}"


def _macs(one: Position) -> str:
    from lnkit.analysis.recommend.constraints import amount  # noqa: PLC0415 - not for help

    return "" if one.macs is None else amount(one.macs)


def _beats(one: Position) -> str:
    if one.rank is None:
        return ""
    costlier = f" ({len(one.worse_and_costlier)} costlier)" if one.macs is not None else ""
    return f"{len(one.below)}{costlier}"


def _cheaper(one: Position) -> str:
    found = one.better_and_cheaper
    if one.rank is None or one.macs is None:
        return ""
    return f"{len(found)}: {found[0].loss_network}{', ...' * (len(found) > 1)}" if found else "none"


def _neighbor(near: Sequence[Neighbor]) -> str:
    """``vgg16:late 0.671, at 3 % of its macs``, ~ where its value is in the interval."""
    from lnkit.analysis.recommend.explanation import times  # noqa: PLC0415 - not for help

    if not near:
        return ""
    one = near[0]
    cost = "" if one.macs_ratio is None else f", at {times(one.macs_ratio)} its macs"
    return f"{'~ ' * one.within_interval}{one.loss_network} {one.value:g}{cost}"


def _say_standing(one: BackbonePosition) -> str:
    points = f"{one.backbone} was measured at {', '.join(one.measured_points)}"
    if one.mean_rank is None or one.position is None:
        return f"{points}; it has no mean rank, because {', '.join(one.missing)} of {one.benchmark} was not measured."
    star = " *" * bool(one.refusal)
    return (
        f"{points}; by its best points its mean rank is {one.mean_rank:.2f}, number {one.position:g} of "
        f"{one.of}{star}, computed as in Table III from the printed scores."
    )


def _doubts(places: Sequence[Position]) -> list[str]:
    """What must be known, each said once, with the loss networks that it is about where it is not about all."""
    said: dict[str, list[str]] = {}
    for one in places:
        for remark in _doubts_about(one):
            said.setdefault(remark, []).append(one.loss_network)
    everyone = {one.loss_network for one in places}
    sentences = [
        remark if set(about) == everyone else f"{', '.join(dict.fromkeys(about))}: {remark}"
        for remark, about in said.items()
    ]
    open_ = any(n.within_interval for one in places for n in (*one.above[:1], *one.below[:1]))
    return sentences + ["~ lies in the 95 % interval, so either of the two may be better."] * open_


def _doubts_about(one: Position) -> list[str]:
    if one.rank is None:
        return [f"{_capital(one.refusal)}: {NOT_RANKED}"]
    refusal = [f"{RANKED_ALL_THE_SAME} {one.refusal}."] if one.refusal else []
    return [*refusal, *one.remarks, *([_say_no_macs(one)] if one.macs is None else [])]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _say_no_macs(one: Position) -> str:
    plain = one.loss_network.rpartition(":")[0].partition("@")[0]
    return (
        f"The macs are unknown, because the result has no attributes: `lnkit attributes {plain}` computes them, and "
        "`lnkit eval --force` stores them with a new result."
    )
