"""Scores of trainings on two halves of the test items: one to choose by, one to confirm the choice.

The halves are drawn once, by the names of a benchmark's arrays, and are the same for every training of a search. A
benchmark that does not score stored arrays, or has few items, is scored on all items for both, and the result says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from lnkit.analysis.paired_items import Arrays, parts_of, take
from lnkit.results.record_files import ARRAYS_FILES
from lnkit.results.records import RunRecord
from lnkit.results.rescore import Rescorer
from lnkit.stats.bootstrap import named_generator
from lnkit.stats.ranks import tied_ranks

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry
    from lnkit.results.folder import ResultsFolder

SPLIT_SEED = 0  # of the halves
FEWEST_TO_SPLIT = 8  # items of a score: ours, halves of fewer say nothing
FEWEST_ROWS = 4  # of an array; shorter ones hold no items, or too few of them, and stay whole


@dataclass(frozen=True)
class HalfScores:
    """The main scores of a training on both halves of the test items."""

    chosen_by: Mapping[str, float]
    confirmed_by: Mapping[str, float]
    is_split: bool  # False: both are the scores on all items


def score_halves(record: RunRecord, results: ResultsFolder, registry: Registry) -> HalfScores:
    """Return the scores of a training on both halves.

    Raises:
        DataError: The stored arrays are damaged.
    """
    whole = {name: record.scores[name].value for name in record.main_scores}
    if not can_split(record, registry):
        return HalfScores(whole, whole, is_split=False)
    arrays = results.arrays(record)
    rescorer = Rescorer(record, registry)
    with rescorer.open():
        halves = [rescorer(half_of(arrays, confirming)) for confirming in (False, True)]
    by, confirmed = ({name: half[name] for name in whole if name in half} for half in halves)
    if by.keys() != whole.keys() or confirmed.keys() != whole.keys():
        return HalfScores(whole, whole, is_split=False)
    return HalfScores(by, confirmed, is_split=True)


def can_split(record: RunRecord, registry: Registry) -> bool:
    """Whether the items of a training can be split: they are stored, enough, and the benchmark scores them."""
    items = [record.scores[name].n for name in record.main_scores]
    if not items or min(items) < FEWEST_TO_SPLIT or registry.benchmark(record.key.benchmark).rescore is None:
        return False
    return any(name in ARRAYS_FILES for name in record.files)


def half_of(arrays: Arrays, confirming: bool) -> dict[str, np.ndarray]:
    """Return the items of all arrays that belong to one half.

    Args:
        arrays: Stored with a record, one row an item.
        confirming: The half that confirms, instead of the one to choose by.
    """
    rows = {}
    for part in parts_of(arrays):
        order = named_generator(SPLIT_SEED, f"{part.name} {part.length}").permutation(part.length)
        middle = part.length // 2
        half = order[middle:] if confirming else order[:middle]
        rows[part] = np.sort(half if part.length >= FEWEST_ROWS else order)
    return take(arrays, rows)


def mean_ranks(scores: Mapping[str, Mapping[str, float]], higher_is_better: Mapping[str, bool]) -> dict[str, float]:
    """Return the mean rank of each loss network over the main scores; 1 is the best, equal scores share ranks.

    Args:
        scores: Loss network -> score -> value.
        higher_is_better: Score -> its direction.

    Example:
        >>> mean_ranks({"a": {"error": 0.2}, "b": {"error": 0.1}}, {"error": False})
        {'a': 2.0, 'b': 1.0}
    """
    by_score = [
        tied_ranks({name: values[score] * (1 if higher else -1) for name, values in scores.items()})
        for score, higher in higher_is_better.items()
    ]
    return {name: float(np.mean([ranks[name] for ranks in by_score])) for name in scores}


def best_first(ranks: Mapping[str, float]) -> list[str]:
    """Return loss networks by their ranks; of equal ones the one that was named first."""
    return sorted(ranks, key=lambda name: ranks[name])


def means(runs: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each score over several trainings."""
    return {score: float(np.mean([run[score] for run in runs])) for score in runs[0]}
