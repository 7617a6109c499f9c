"""`lnkit place`: rank own results among the published ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lnkit.cli._analysis import gather_measurements, results_option
from lnkit.cli._output import echo, emit_json, json_option, note, print_sentence, print_table
from lnkit.errors import UsageError, did_you_mean, near_names

if TYPE_CHECKING:
    from lnkit.analysis.collect import ScoreSet
    from lnkit.analysis.published.backbone_position import BackbonePosition
    from lnkit.analysis.published.metric_positions import MetricPosition
    from lnkit.analysis.published.position import Neighbor, Position

NOT_RANKED = (
    "published values are of full protocols and the official data, so these values are not compared with them. "
    "--anyway ranks them nevertheless."
)
RANKED_ANYWAY = "* Not comparable with the published values, so these ranks mean nothing:"


@click.command("place")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@results_option
@click.option("--bench", metavar="NAME", help="Only this benchmark; iqa: all with mean opinions of images.")
@click.option("--score", metavar="NAME", help="Only this score.  [default: the main ones, and all of the study]")
@click.option(
    "--protocol", "variant", metavar="VARIANT", help="Only this protocol variant; rank it even if it is a cut-down one."
)
@click.option("--sample", is_flag=True, help="Rank results on sample data instead of real ones, with a mark.")
@click.option(
    "--anyway",
    is_flag=True,
    help="Also rank results that are not comparable: cut-down protocols, other data, deviations.",
)
@click.option("--rows", is_flag=True, help="List the published values of metrics, ranked or not, with reasons.")
@json_option
def place(
    names: tuple[str, ...],
    folder: Path | None,
    score: str | None,
    anyway: bool,
    rows: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Rank own results among the published ones.

    NAME is a backbone, backbone:point, or a result by its id or hash; published loss networks can be ranked, too.
    Without a NAME, all own results are ranked.

    Loss networks are ranked among the 56 of the study: the table shows the rank and the ranks possible within the 95 %
    interval, how many loss networks it beats, how many are better with fewer macs (multiply-adds up to the point, at
    224 x 224), and the nearest ones; then the rank of the backbone by its best point among the 14 of the study. --json
    lists all better and worse ones.

    Results on TID2008, TID2013, KADID-10k, CSIQ, LIVE, PIPAL, NIGHTS, BAPPS and the psychophysical tests are ranked
    among published metrics, in each published table whose images, image size and kind of score agree. `lnkit compare`
    is the same command.
    """
    from lnkit.results.records import CUT_DOWN  # noqa: PLC0415 - not for help

    gathered = gather_measurements("both", folder, **chosen, quiet=as_json)
    found = _find(gathered, names, score, anyway=anyway or chosen["sample"] or chosen["variant"] in CUT_DOWN)
    if as_json:
        _print_json(*found, rows=rows)
    else:
        _print(*found, rows=rows, main=score is None)


def _find(
    gathered: ScoreSet, names: Sequence[str], score: str | None, *, anyway: bool
) -> tuple[list[Position], list[BackbonePosition], list[MetricPosition]]:
    """Find all positions of these loss networks, or of all own ones; each once."""
    from lnkit.analysis.published.backbone_position import backbone_positions  # noqa: PLC0415 - not for help
    from lnkit.analysis.published.metric_positions import metric_positions  # noqa: PLC0415
    from lnkit.analysis.published.position import positions  # noqa: PLC0415
    from lnkit.analysis.score_rows import OWN  # noqa: PLC0415

    wanted = names or list(dict.fromkeys(row.loss_network for row in gathered.rows if row.origin == OWN))
    if not wanted:
        raise UsageError(
            "There are no own results of that kind. `lnkit results list` lists the results, and `lnkit eval` makes new "
            "ones; `lnkit place vgg16` ranks published loss networks."
        )
    ranked: dict[Position, None] = {}
    standings: dict[BackbonePosition, None] = {}
    metrics: dict[MetricPosition, None] = {}
    unpublished: list[UsageError] = []
    for name in wanted:
        among_metrics = metric_positions(gathered, name, anyway=anyway)
        metrics |= dict.fromkeys(among_metrics)
        try:
            ranked |= dict.fromkeys(positions(gathered, name, anyway=anyway))
        except UsageError as error:  # no score of the study
            if not among_metrics:
                unpublished.append(error)
        standings |= dict.fromkeys(backbone_positions(gathered, name, anyway=anyway))
    if unpublished and (names or not (ranked or metrics)):
        raise unpublished[0]
    if score is None:
        return list(ranked), list(standings), list(metrics)
    return _of_score(score, ranked, metrics)


def _of_score(
    score: str, ranked: Iterable[Position], metrics: Iterable[MetricPosition]
) -> tuple[list[Position], list[BackbonePosition], list[MetricPosition]]:
    of_study, of_metrics = [r for r in ranked if r.score == score], [m for m in metrics if m.score == score]
    if not (of_study or of_metrics):
        known = list(dict.fromkeys([*(r.score for r in ranked), *(m.score for m in metrics)]))
        hint = did_you_mean(near_names(score, known))
        raise UsageError(f"No score {score!r} of these results was published.{hint} There are: {', '.join(known)}.")
    return of_study, [], of_metrics


def _print_json(
    ranked: Sequence[Position],
    standings: Sequence[BackbonePosition],
    metrics: Sequence[MetricPosition],
    *,
    rows: bool,
) -> None:
    from lnkit.cli._metric_positions import as_json  # noqa: PLC0415 - not for help

    bests = [item._asdict() | {"best_points": [best._asdict() for best in item.best_points]} for item in standings]
    among_metrics = [as_json(item, rows=rows) for item in metrics]
    emit_json({"positions": [_json_position(item) for item in ranked], "backbones": bests, "metrics": among_metrics})


def _print(
    ranked: Sequence[Position],
    standings: Sequence[BackbonePosition],
    metrics: Sequence[MetricPosition],
    *,
    rows: bool,
    main: bool,
) -> None:
    from lnkit.cli._metric_positions import main_scores, show_metric_positions  # noqa: PLC0415 - not for help

    for number, key in enumerate(dict.fromkeys((item.benchmark, item.setting) for item in ranked)):
        if number:
            echo()
        _show(
            [item for item in ranked if (item.benchmark, item.setting) == key],
            [item for item in standings if (item.benchmark, item.setting) == key],
        )
    if ranked and metrics:
        echo()
    shown, others = main_scores(metrics) if main else (metrics, [])
    show_metric_positions(shown, rows=rows)
    if others:
        note(f"Also published: {', '.join(others)}; --score NAME ranks one of them.")


def _json_position(position: Position) -> dict[str, Any]:
    near = {name: [n._asdict() for n in getattr(position, name)] for name in ("above", "equal", "below")}
    return position._asdict() | near | {"counterpart": position.counterpart and position.counterpart._asdict()}


def _show(ranked: Sequence[Position], standings: Sequence[BackbonePosition]) -> None:
    """One benchmark in one setting."""
    first = ranked[0]
    published = first.setting == "published"
    values = "published values, among" if published else f"own results ({first.setting}) beside"
    print_sentence(f"{first.benchmark}: {values} the {first.of - (not published)} loss networks of {first.study}")
    columns = [column for column in _columns() if any(column[1](position) for position in ranked)]
    print_table([name for name, _ in columns], [[cell(position) or "-" for _, cell in columns] for position in ranked])
    if bests := [(standing, best) for standing in standings for best in standing.best_points]:
        echo()
        rows = [
            (s.backbone, best.score, " = ".join(best.points), f"{best.value:.4g}", f"{best.rank:g} of {s.of}")
            for s, best in bests
        ]
        print_table(["backbone", "score", "best point", "value", "rank"], rows)
    for sentence in (*map(_mean_rank, standings), *_doubts(ranked)):
        print_sentence(f"- {sentence}", "  ")


def _columns() -> list[tuple[str, Callable[[Position], str]]]:
    """Return the columns; columns without any value are left out."""
    return [
        ("loss network", lambda position: position.loss_network),
        ("score", lambda position: position.score),
        ("value", _value),
        ("the study's", lambda position: f"{position.counterpart.value:g}" if position.counterpart else ""),
        ("rank", _rank),
        ("macs", _macs),
        ("beats", _beats),
        ("better with fewer macs", _cheaper),
        ("next better", lambda position: _neighbor(position.above)),
        ("next worse", lambda position: _neighbor(position.below)),
    ]


def _value(position: Position) -> str:
    interval = (
        f" [{position.low:.4g}, {position.high:.4g}]" if position.low is not None and position.high is not None else ""
    )
    return f"{position.value:.4g}{interval}"


def _rank(position: Position) -> str:
    """Return ``3 (2 to 5) of 57``, with a star if it is not comparable."""
    if position.rank is None:
        return ""
    possible = f" ({position.best_rank} to {position.worst_rank})" if position.low is not None else ""
    return f"{position.rank:g}{possible} of {position.of}{' *' * bool(position.refusal)}"


def _macs(position: Position) -> str:
    from lnkit.analysis.recommend.constraints import amount  # noqa: PLC0415 - not for help

    return "" if position.macs is None else amount(position.macs)


def _beats(position: Position) -> str:
    if position.rank is None:
        return ""
    costlier = f" ({len(position.worse_and_costlier)} with more macs)" if position.macs is not None else ""
    return f"{len(position.below)}{costlier}"


def _cheaper(position: Position) -> str:
    cheaper = position.better_and_cheaper
    if position.rank is None or position.macs is None:
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


def _mean_rank(standing: BackbonePosition) -> str:
    points = f"{standing.backbone} was measured at {', '.join(standing.measured_points)}"
    if standing.mean_rank is None or standing.position is None:
        missing = ", ".join(standing.missing)
        return f"{points}; it has no mean rank, because {missing} of {standing.benchmark} was not measured."
    position = f"number {standing.position:g} of {standing.of}{' *' * bool(standing.refusal)}"
    return (
        f"{points}; its mean rank by best points is {standing.mean_rank:.2f}, {position}, "
        "computed from the printed scores as for Table III."
    )


def _doubts(ranked: Sequence[Position]) -> list[str]:
    """Return each remark once, after the names of its loss networks unless it concerns all of them."""
    remarks: dict[str, list[str]] = {}
    for position in ranked:
        for remark in _doubts_about(position):
            remarks.setdefault(remark, []).append(position.loss_network)
    everyone = {position.loss_network for position in ranked}
    sentences = [
        remark if set(about) == everyone else f"{', '.join(dict.fromkeys(about))}: {remark}"
        for remark, about in remarks.items()
    ]
    undecided = any(n.within_interval for position in ranked for n in (*position.above[:1], *position.below[:1]))
    return sentences + ["~ is within the 95 % interval: it is not decided which of the two is better."] * undecided


def _doubts_about(position: Position) -> list[str]:
    if position.rank is None:
        return [f"{position.refusal[:1].upper()}{position.refusal[1:]}: {NOT_RANKED}"]
    refusal = [f"{RANKED_ANYWAY} {position.refusal}."] if position.refusal else []
    return [*refusal, *position.remarks, *([_missing_macs(position)] if position.macs is None else [])]


def _missing_macs(position: Position) -> str:
    from lnkit.analysis.attributes import plain_name  # noqa: PLC0415 - pandas

    plain = plain_name(position.loss_network).rpartition(":")[0]
    return (
        f"The macs are not known, because the result has no attributes: `lnkit attributes {plain}` computes them, and "
        "`lnkit eval --force` stores them with a new result."
    )
