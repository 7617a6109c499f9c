"""Prints own scores among the published values of metrics, for `lnkit place`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from lnkit.analysis.published.metric_positions import OWN, MetricPosition, RankedMetric, StudyRank
from lnkit.cli._output import echo, print_sentence, print_table

if TYPE_CHECKING:
    from lnkit.analysis.published.metric_rows import PublishedMetric

MARK = ">"  # before own values
COMPUTED = "*"  # after metrics whose values no source prints
COMPUTED_NOTE = "* is computed from the authors' figures; the source does not print the value."
UNDECIDED = (
    "~ is within the 95 % interval widened by {}, by which implementations of the same metric differ: it is not "
    "decided which of the two is better. Ranks in brackets count these either way."
)
RANKED_ANYWAY = "Not comparable with the published values, so these ranks mean nothing: the result was {}."


def show_metric_positions(positions: Sequence[MetricPosition], *, rows: bool) -> None:
    """Print the positions of all loss networks, one table for each setting, split and score.

    Args:
        positions: of any benchmarks.
        rows: list the published values, too.
    """
    groups: dict[tuple[str, ...], list[MetricPosition]] = {}
    for position in positions:
        groups.setdefault((position.setting, position.score, position.split), []).append(position)
    for number, group in enumerate(groups.values()):
        if number:
            echo()
        _show(group, rows=rows)
    if sentences := _legend(positions):
        echo()
        for sentence in sentences:
            print_sentence(f"- {sentence}", "  ")


def main_scores(positions: Sequence[MetricPosition]) -> tuple[list[MetricPosition], list[str]]:
    """Choose the positions to show unasked.

    Returns:
        Those in main scores, or in all scores of a benchmark without main ones; one without any rank only if its record
        has no rank at all. Then the names of the other scores.
    """
    with_main = {position.benchmark for position in positions if position.primary}
    main = [position for position in positions if position.primary or position.benchmark not in with_main]
    ranked = {(position.source, position.setting) for position in main if position.ranks}
    shown = [position for position in main if position.ranks or (position.source, position.setting) not in ranked]
    return shown, list(dict.fromkeys(position.score for position in positions if position not in shown))


def as_json(position: MetricPosition, *, rows: bool) -> dict[str, Any]:
    """Return a position for JSON; without ``rows``, only the numbers of values that are not ranked."""
    content: dict[str, Any] = _plain(position)
    for left, shown in zip(position.left_out, content["left_out"], strict=True):
        shown["count"] = len(left.metrics)
        if not rows:
            del shown["metrics"]
    return content


def _plain(value: Any) -> Any:
    """Return named tuples as dictionaries, and what is in them, too."""
    if isinstance(value, tuple):
        fields = getattr(value, "_fields", None)
        return (
            [_plain(item) for item in value] if fields is None else dict(zip(fields, map(_plain, value), strict=True))
        )
    return value


def _show(group: Sequence[MetricPosition], *, rows: bool) -> None:
    first = group[0]
    images = f", {first.split}" if first.split else ""
    print_sentence(
        f"{first.benchmark}: {first.score} of own results ({first.setting}) among published values: "
        f"{first.dataset}{images}"
    )
    if any(position.ranks for position in group):
        columns = ["loss network", first.score, "table", "rank", "next better", "next worse"]
        print_table(columns, [line for position in group for line in _lines(position)], least=columns[:3:-1])
    else:
        print_table(["loss network", first.score], [[position.loss_network, _value(position)] for position in group])
    for sentence in _sentences(group, rows=rows):
        print_sentence(f"- {sentence}", "  ")
    if rows:
        _list_ranked(group)
        _list_left_out(first)


def _lines(position: MetricPosition) -> list[list[str]]:
    value = [position.loss_network, _value(position)]
    return [[*value, *_rank(ranked)] for ranked in position.ranks] or [[*value, "-", "-", "-", "-"]]


def _value(position: MetricPosition) -> str:
    wrong = " (wrong way)" * position.wrong_way
    if position.low is None or position.high is None:
        return f"{position.value:.4g}{wrong}"
    return f"{position.value:.4g} [{position.low:.4g}, {position.high:.4g}]{wrong}"


def _rank(ranked: StudyRank) -> list[str]:
    possible = f" ({ranked.best_rank} to {ranked.worst_rank})" * (ranked.best_rank != ranked.worst_rank)
    nearest = [_neighbor(near) for near in (ranked.above, (*ranked.equal, *ranked.below))]
    return [ranked.study, f"{ranked.rank:g}{possible} of {ranked.of}", *nearest]


def _neighbor(near: Sequence[RankedMetric]) -> str:
    if not near:
        return "none"
    one = near[0]
    return f"{'~ ' * one.undecided}{_name(one.metric)} {one.metric.value:.4g}"


def _name(metric: PublishedMetric) -> str:
    return f"{metric.metric}{COMPUTED * metric.computed}"


def _sentences(group: Sequence[MetricPosition], *, rows: bool) -> list[str]:
    """Say what is not ranked and why, and what qualifies the ranks; what all loss networks share once."""
    said: dict[str, list[str]] = {}
    for position in group:
        for sentence in (*_left_out(position, rows=rows), *position.remarks):
            said.setdefault(sentence, []).append(position.loss_network)
    everyone = {position.loss_network for position in group}
    return [
        text if set(about) == everyone else f"{', '.join(dict.fromkeys(about))}: {text}" for text, about in said.items()
    ]


def _left_out(position: MetricPosition, *, rows: bool) -> list[str]:
    """Say how many published values are not ranked, and whether the own result is why."""
    anyway = [RANKED_ANYWAY.format(position.refusal)] if position.refusal and position.ranks else []
    counts: dict[str, int] = {}
    for left in position.left_out:
        if left.what == OWN:
            nevertheless = " --anyway ranks it nevertheless." if position.refusal and position.split else ""
            refusal = f"it was {position.refusal}, and " * (position.refusal not in left.reason)
            return [f"The own result is not ranked: {refusal}{left.reason}.{nevertheless}"]
        counts[left.what] = counts.get(left.what, 0) + len(left.metrics)
    if not counts:
        return anyway
    reasons = ", ".join(f"{what} ({count})" for what, count in counts.items())
    listed = "" if rows else " --rows lists them."
    return [*anyway, f"{sum(counts.values())} published values are not ranked: {reasons}.{listed}"]


def _legend(positions: Sequence[MetricPosition]) -> list[str]:
    """Explain the marks that are shown."""
    shown = [one for position in positions for ranked in position.ranks for one in ranked.all]
    tolerances = sorted({f"{one.metric.tolerance:.2g}" for one in shown if one.undecided})
    absolute = sorted({one.metric.study for one in shown if one.metric.absolute})
    return (
        [UNDECIDED.format(" or ".join(tolerances))] * bool(tolerances)
        + [f"{', '.join(absolute)}: absolute values, which hide a metric that goes the wrong way."] * bool(absolute)
        + [COMPUTED_NOTE] * any(one.metric.computed for one in shown)
    )


def _list_ranked(group: Sequence[MetricPosition]) -> None:
    """Print the published values with the own ones among them, the best first."""
    shown = dict.fromkeys(one.metric for position in group for ranked in position.ranks for one in ranked.all)
    sign = -1 if group[0].higher_is_better else 1
    lines = [(sign * m.value, ["", _name(m), f"{m.value:.4g}", m.study, m.trained_on or "-"]) for m in shown]
    lines += [(sign * p.value, [MARK, p.loss_network, _value(p), "own", "-"]) for p in group]
    if shown:
        echo()
        columns = ["", "metric", group[0].score, "table", "trained on"]
        print_table(columns, [line for _, line in sorted(lines, key=lambda item: item[0])], least=columns[:2:-1])


def _list_left_out(position: MetricPosition) -> None:
    lines = [
        [_name(metric), f"{metric.value:.4g}", metric.study, f"{left.what}: {left.reason}"]
        for left in position.left_out
        for metric in left.metrics
    ]
    if lines:
        echo()
        print_table(["not ranked", position.score, "table", "why"], lines)
