"""The tables and sentences of `lnkit search`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lnkit.analysis.recommend.constraints import amount
from lnkit.cli._output import echo, emit_json, print_sentence, print_table, warn
from lnkit.search.choice import Combination
from lnkit.search.confirmation import Assessed, Difference, Interval
from lnkit.search.evidence import as_good_and_cheaper, front, not_told_apart, verdict
from lnkit.search.point_search import Plan, SearchResult, loss_of

MOST_NAMED = 3  # choices of the samples


def planned(plan: Plan) -> str:
    """Say how many nodes will be measured, and in how many passes."""
    nodes = ", ".join(f"{len(found.nodes)} of {name}" for name, found in plan.nodes.items())
    left = "; ".join(f"{count} with {reason}" for reason, count in plan.left_out.items())
    passes, count = len(plan.passes), plan.candidates
    return (
        f"Measuring nodes: {nodes}{f' (left out: {left})' if left else ''}. {count} candidate{'s' * (count > 1)} in "
        f"{passes} pass{'es' * (passes > 1)} over the data."
    )


def show_plan(plan: Plan, as_json: bool) -> None:
    """Print what would be measured."""
    passes = [(part.backbone, part.distance, len(part.nodes)) for part in plan.passes]
    if as_json:
        names = ("backbone", "distance", "nodes")
        found = {"candidates": plan.candidates, "left_out": dict(plan.left_out)}
        emit_json(found | {"passes": [dict(zip(names, part, strict=True)) for part in passes]})
        return
    print_table(["pass", "backbone", "distance", "nodes"], [(i, *part) for i, part in enumerate(passes, start=1)])
    print_sentence(planned(plan))


def show_result(result: SearchResult, moved: Sequence[dict[str, Any]]) -> None:

    confirmed, candidates = result.confirmation, result.measured.candidates
    rows = [("the choice", *_cells(confirmed.chosen), "")]
    for assessed, difference in zip(confirmed.standards, confirmed.differences, strict=True):
        rows.append((_standard(result, assessed), *_cells(assessed), _apart(difference)))
    print_sentence(_title(result))
    print_sentence(f"Choice: {result.loss}", "  ")
    print_table(["loss network", "chosen on", "confirmed", "choice is better by"], rows, least=("chosen on",))
    echo()
    print_sentence(verdict(result))
    if result.plan.candidates > 1:
        print_sentence(f"- {_search_cost(result)}", "  ")
        print_sentence(f"- {_stability(result)}", "  ")
    cheaper = as_good_and_cheaper(result)
    if cheaper is not None:
        print_sentence(f"- {_cheaper(result, cheaper)}", "  ")
    for row in moved:
        print_sentence(f"- {_moved(row)}", "  ")
    if result.plan.request.run.sample:
        warn("SAMPLE DATA: these scores show that everything runs, and say nothing about quality.")
    on_front = front(result)
    if len(on_front) > 1:
        echo()
        print_table(
            ["macs", "best node up to this cost", "chosen on", "confirmed"],
            [
                (
                    amount(candidates[i].node.macs),
                    str(candidates[i]),
                    *(f"{value:.3f}" for value in result.scores[:, i]),
                )
                for i in on_front
            ],
        )


def _standard(result: SearchResult, assessed: Assessed) -> str:
    """Return the name of a standard point, without what is the same for all."""
    candidate = result.measured.candidates[assessed.combination.members[0]]
    several = len(result.plan.request.backbones) > 1
    return f"{candidate.backbone}:{candidate.node.name}" if several else candidate.node.name


def _title(result: SearchResult) -> str:
    judgments, request = result.measured.judgments, result.plan.request
    total, used = len(result.development), int(result.development.sum())
    groups = int(judgments.clusters.max()) + 1
    split = f"{request.folds} nested folds" if request.folds else f"{used:,} to choose on, {total - used:,} to confirm"
    return f"{request.run.bench}, {judgments.score}: {total:,} {judgments.unit} with {groups:,} references; {split}"


def _cells(assessed: Assessed) -> tuple[str, str]:
    return f"{assessed.development:.3f}", f"{assessed.confirmation:.3f}{_interval(assessed.interval)}"


def _apart(difference: Difference) -> str:
    return f"{difference.value:+.3f}{_interval(difference.interval)}"


def _interval(interval: Interval | None) -> str:
    return f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else ""


def _search_cost(result: SearchResult) -> str:
    confirmed = result.confirmation
    selection, count = confirmed.selection, result.plan.candidates
    return (
        f"{count} candidates were tried. The search itself adds {selection.optimism:.4f} to the score that it chose "
        f"by: without that it is {selection.corrected:.4f}{_interval(selection.interval)}, over "
        f"{result.plan.request.resamples} samples on which the whole search was repeated."
    )


def _stability(result: SearchResult) -> str:

    confirmed, candidates = result.confirmation, result.measured.candidates
    shares = [
        f"{loss_of(Combination(tuple((i, 1.0) for i in members)), candidates)} in {share:.0%}"
        for members, share in confirmed.selection.shares[:MOST_NAMED]
    ]
    return (
        f"The samples choose {'; '.join(shares)}. On the items that confirm, {len(not_told_apart(result))} of the "
        f"{result.plan.candidates} candidates cannot be told from the choice."
    )


def _cheaper(result: SearchResult, index: int) -> str:
    candidates = result.measured.candidates
    own = max(candidates[i].node.macs for i in result.confirmation.chosen.combination.members)
    return (
        f"The cheapest of these is {candidates[index]}, with {amount(candidates[index].node.macs)} macs, "
        f"{candidates[index].node.macs / own:.0%} of the choice's {amount(own)}."
    )


def _moved(row: dict[str, Any]) -> str:
    scores = "; ".join(
        f"{loss} {found['value']:.4f}{_interval(found['interval'])}" for loss, found in row["losses"].items()
    )
    return f"On {row['benchmark']}, {row['score']}: {scores}."
