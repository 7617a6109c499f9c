"""The loss networks that meet the constraints of a task, ranked by its scores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from lnkit.analysis.attributes import Attributes
from lnkit.analysis.score_rows import ScoreRow
from lnkit.stats.ranks import tied_ranks


class TaskScore(NamedTuple):
    """One score of a task in one setting, for all loss networks that have it."""

    task: str
    label: str  # the score, with its benchmark if there are several
    rows: Mapping[str, ScoreRow]  # by loss network

    def goodness(self, names: Iterable[str]) -> dict[str, float]:
        """Return the values of loss networks, negated if lower is better."""
        return {name: self.rows[name].goodness for name in names}


class Candidate(NamedTuple):
    """A loss network that meets the constraints, with its ranks and costs."""

    loss_network: str
    mean_rank: float  # over the scores, several tasks with equal weights; among the candidates, 1 is the best
    ranks: Mapping[str, float]  # score -> rank
    values: Mapping[str, float]  # score -> value
    point_macs: float | None  # multiply-adds up to the point, at 224 x 224
    point_parameters: float | None


def task_scores(pairs: Sequence[tuple[str, ScoreRow]]) -> list[TaskScore]:
    """Group (task, row) by task and score."""
    several = len({row.benchmark for _, row in pairs}) > 1
    groups: dict[tuple[str, str], dict[str, ScoreRow]] = {}
    for task, row in pairs:
        label = f"{row.benchmark} {row.score}" if several else row.score
        groups.setdefault((task, label), {})[row.loss_network] = row
    return [TaskScore(task, label, rows) for (task, label), rows in groups.items()]


def complete(scores: Sequence[TaskScore], names: Iterable[str]) -> list[str]:
    """Return the loss networks that have all scores."""
    return [name for name in names if all(name in score.rows for score in scores)]


def ranked(
    scores: Sequence[TaskScore], names: Collection[str], attributes: Mapping[str, Attributes]
) -> tuple[Candidate, ...]:
    """Rank loss networks that have all scores, the best first, the cheaper one first among equals.

    Args:
        scores: of the task.
        names: of the loss networks.
        attributes: by loss network; unknown costs come last among equals.
    """
    by_score = [(score, tied_ranks(score.goodness(names))) for score in scores]
    candidates = [
        Candidate(
            name,
            mean_over_tasks([(score.task, ranks[name]) for score, ranks in by_score]),
            {score.label: ranks[name] for score, ranks in by_score},
            {score.label: score.rows[name].value for score in scores},
            attributes.get(name, {}).get("point_macs"),
            attributes.get(name, {}).get("point_parameters"),
        )
        for name in names
    ]
    return tuple(sorted(candidates, key=_order))


def _order(candidate: Candidate) -> tuple[float, float, str]:
    macs = float("inf") if candidate.point_macs is None else candidate.point_macs
    return candidate.mean_rank, macs, candidate.loss_network


def mean_over_tasks(pairs: Sequence[tuple[str, float]]) -> float:
    """Average (task, number) within each task, then over tasks; rounded, so that equal means compare equal."""
    tasks: dict[str, list[float]] = {}
    for task, number in pairs:
        tasks.setdefault(task, []).append(number)
    return round(sum(sum(each) / len(each) for each in tasks.values()) / len(tasks), 9)
