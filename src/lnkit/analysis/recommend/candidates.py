"""The loss networks that are allowed for a task, ranked by its scores."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from lnkit.analysis.measurements import ScoreRow
from lnkit.analysis.recommend.costs import Attributes
from lnkit.stats.ranks import tied_ranks


class Column(NamedTuple):
    """One score of the loss networks, in one setting."""

    task: str
    label: str  # the score; with its benchmark, where several benchmarks count
    measured: Mapping[str, ScoreRow]  # by loss network

    def goodness(self, names: Iterable[str]) -> dict[str, float]:
        """The values, turned so that larger is better."""
        return {name: one.value if one.higher_is_better else -one.value for name, one in self._of(names)}

    def _of(self, names: Iterable[str]) -> list[tuple[str, ScoreRow]]:
        return [(name, self.measured[name]) for name in names]


class Candidate(NamedTuple):
    """A loss network that is allowed, and how it does."""

    loss_network: str
    mean_rank: float  # over the scores, several tasks with equal weight; among the allowed ones, 1 is the best
    ranks: Mapping[str, float]  # score -> rank
    values: Mapping[str, float]  # score -> value
    point_macs: float | None  # multiply-adds up to the point, at 224 x 224
    point_parameters: float | None


def columns_of(measured: Sequence[tuple[str, ScoreRow]]) -> list[Column]:
    """Sort (task, measurement) by task and score."""
    several = len({one.benchmark for _, one in measured}) > 1
    found: dict[tuple[str, str], dict[str, ScoreRow]] = {}
    for task, one in measured:
        label = f"{one.benchmark} {one.score}" if several else one.score
        found.setdefault((task, label), {})[one.loss_network] = one
    return [Column(task, label, column) for (task, label), column in found.items()]


def complete(columns: Sequence[Column], names: Iterable[str]) -> list[str]:
    """Those of the loss networks that have all scores."""
    return [name for name in names if all(name in column.measured for column in columns)]


def ranked(
    columns: Sequence[Column], names: Collection[str], attributes: Mapping[str, Attributes]
) -> tuple[Candidate, ...]:
    """The loss networks, all of which have all scores, the best first; of equal ones the cheaper."""
    by_column = [tied_ranks(column.goodness(names)) for column in columns]
    candidates = [
        Candidate(
            name,
            mean_over_tasks([(column.task, found[name]) for column, found in zip(columns, by_column, strict=True)]),
            {column.label: found[name] for column, found in zip(columns, by_column, strict=True)},
            {column.label: column.measured[name].value for column in columns},
            attributes.get(name, {}).get("point_macs"),
            attributes.get(name, {}).get("point_parameters"),
        )
        for name in names
    ]
    return tuple(sorted(candidates, key=_order))


def _order(one: Candidate) -> tuple[float, float, str]:
    return one.mean_rank, float("inf") if one.point_macs is None else one.point_macs, one.loss_network


def mean_over_tasks(found: Sequence[tuple[str, float]]) -> float:
    """The mean of (task, number): within each task first, then over them; rounded, so that equal ones are equal."""
    tasks: dict[str, list[float]] = {}
    for task, number in found:
        tasks.setdefault(task, []).append(number)
    return round(sum(sum(each) / len(each) for each in tasks.values()) / len(tasks), 9)
