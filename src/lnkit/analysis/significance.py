"""Whether two loss networks differ by more than the choice of test items: a paired bootstrap of what the runs kept.

A benchmark keeps arrays with one entry for each item (triplet, image, tile), and computes its scores from them again.
Both runs are scored on the same items, drawn with replacement, so that what makes an item hard for both cancels out.
Items are drawn within each part of the data (a family, a test set), as benchmarks average them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lnkit.analysis.paired_items import (
    Arrays,
    Part,
    Rows,
    draw,
    groups_by,
    part_of,
    parts_of,
    refuse_other_items,
    taken,
)
from lnkit.errors import LnkitError, UsageError, did_you_mean, near_names
from lnkit.results.comparability import differences
from lnkit.results.records import RunRecord
from lnkit.results.rescore import rescore
from lnkit.stats.bootstrap import Sampling
from lnkit.stats.rank_correlation import Array

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

Scorer = Callable[[Arrays], Array]  # the chosen scores of arrays, NaN where one is undefined

PROBES = 3  # samples on which arrays that a score seems not to need are left out for trial
# The record's own interval is this much wider than one from single items: they are not independent. Two bootstraps of
# 1,000 resamples each differ by less than 10 %.
WIDER = 1.25
MOST_NAMED = 5  # differences between two runs; of two benchmarks there are dozens
FEW = 20  # items; percentile intervals of means of fewer are too narrow (Hesterberg 2015)


@dataclass(frozen=True)
class Kept:
    """A record and the arrays that lie beside it."""

    record: RunRecord
    arrays: Arrays


@dataclass(frozen=True)
class Differences:
    """What a paired bootstrap found."""

    table: (
        pd.DataFrame
    )  # score, first, second, difference (second - first), low, high (95 %), p (two-sided), n, resamples
    remarks: list[str]  # sentences that a reader must know


def paired_differences(
    runs: tuple[Kept, Kept],
    registry: Registry,
    *,
    scores: Sequence[str] = (),
    sampling: Sampling | None = None,
    together: str = "",
    advance: Callable[[int], object] = lambda steps: None,
) -> Differences:
    """Compare two runs item by item.

    The interval is of percentiles. p is twice the share of resamples on the rarer side of no difference, where the runs
    themselves count as one more (Davison and Hinkley 1997, chapter 4): it is never below 2 / (resamples + 1).

    Args:
        runs: two that measure the same thing.
        registry: knows the benchmark that scores what was kept.
        scores: by name; the primary ones if there are none.
        sampling: of the bootstrap.
        together: the last word of an array's name, such as "reference": items that have equal values there are drawn
            together, because they are not independent.
        advance: is called with 1 after each resample.

    Raises:
        UsageError: the runs do not measure the same thing, or are one and the same; there is no such score or array;
            the benchmark cannot score what it kept.
        DataError: what was kept is damaged, or of different items.
    """
    sampling = sampling or Sampling()
    first, second = (run.record for run in runs)
    _refuse_unlike(first, second)
    refuse_other_items(runs[0].arrays, runs[1].arrays)
    names = _chosen(scores, first, second)
    scorers = [_scorer(record, registry, names) for record in (first, second)]
    values = np.stack([score(run.arrays) for score, run in zip(scorers, runs, strict=True)])
    found = _resampled(runs, scorers, sampling, together, advance)
    rows = [_row(name, values[:, i], found[:, :, i], first.scores[name].n) for i, name in enumerate(names)]
    trains = registry.benchmark(first.key.benchmark).trains
    remarks = [*_dependent(first, names, found[:, 0], together), *_undefined(names, found)]
    remarks += [*_few(first, names), *_one_training(trains)]
    return Differences(pd.DataFrame(rows), remarks)


def _refuse_unlike(first: RunRecord, second: RunRecord) -> None:
    if first.id == second.id:
        raise UsageError(
            f"Both runs are {first.id}: name two different ones; `lnkit results list` shows what is there."
        )
    if different := differences([first, second]):
        more = f"; and {len(different) - MOST_NAMED} more" if len(different) > MOST_NAMED else ""
        named = "; ".join(different[:MOST_NAMED]) + more
        raise UsageError(f"These runs do not measure the same thing. They differ in {named}.")


def _chosen(scores: Sequence[str], first: RunRecord, second: RunRecord) -> list[str]:
    shared = [name for name in first.scores if name in second.scores]
    for name in scores:
        if name not in shared:
            hint = did_you_mean(near_names(name, shared))
            raise UsageError(f"The runs have no score {name!r} in common.{hint} They share: {', '.join(shared)}.")
    chosen = list(dict.fromkeys(scores)) or [name for name in first.main_scores if name in shared]
    if not chosen:
        raise UsageError(f"{first.id} and {second.id} have no score in common.")
    return chosen


def _scorer(record: RunRecord, registry: Registry, names: Sequence[str]) -> Scorer:
    """Scores arrays as the benchmark of ``record`` does, without the bootstrap of its own, which would be in vain."""
    facts = record.key
    quiet = {name: 0 if name == "resamples" else value for name, value in facts.protocol.items()}
    bare = replace(record, key=replace(facts, protocol=quiet))

    def score(arrays: Arrays) -> Array:
        found = rescore(bare, arrays, registry)
        return np.array([found.get(name, np.nan) for name in names])

    return score


def _resampled(
    runs: Sequence[Kept],
    scorers: Sequence[Scorer],
    sampling: Sampling,
    together: str,
    advance: Callable[[int], object],
) -> Array:
    """The scores of both runs on every sample: (resamples, 2, scores)."""
    rng = np.random.default_rng(sampling.seed)
    groups = groups_by(runs[0].arrays, together)
    needed = _needed(runs[0].arrays, groups, scorers[0])
    arrays = [_only(run.arrays, needed) for run in runs]
    found = []
    for _ in range(sampling.resamples):
        rows = draw(arrays[0], groups, rng)
        found.append([score(taken(one, rows)) for score, one in zip(scorers, arrays, strict=True)])
        advance(1)
    return np.array(found)


def _needed(arrays: Arrays, groups: Mapping[Part, list[Rows]], score: Scorer) -> set[Part]:
    """The parts that the scores depend on, found by trial; the others need not be scored a thousand times."""
    rng, parts = np.random.default_rng(0), parts_of(arrays)
    probes = [arrays, *(taken(arrays, draw(arrays, groups, rng)) for _ in range(PROBES - 1))]
    expected = [score(probe) for probe in probes]

    def unchanged(kept: set[Part]) -> bool:
        try:
            found = [score(_only(probe, kept, like=arrays)) for probe in probes]
        except LnkitError:
            return False
        return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(found, expected, strict=True))

    needed = {part for part in parts if not unchanged(set(parts) - {part})}
    return needed if needed and unchanged(needed) else set(parts)


def _only(arrays: Arrays, parts: set[Part], like: Arrays | None = None) -> dict[str, np.ndarray]:
    """The arrays of these parts; the length of samples of groups may differ from that of ``like``, the whole."""
    whole = arrays if like is None else like
    return {name: array for name, array in arrays.items() if part_of(name, whole[name]) in parts}


def _row(name: str, values: Array, found: Array, n: int) -> dict[str, object]:
    """One line of the table from the scores (2,) and the resampled scores (B, 2)."""
    samples = found[:, 1] - found[:, 0]
    samples = samples[np.isfinite(samples)]
    low, high = np.percentile(samples, [2.5, 97.5]) if len(samples) else (np.nan, np.nan)
    return {
        "score": name,
        "first": values[0],
        "second": values[1],
        "difference": values[1] - values[0],
        "low": low,
        "high": high,
        "p": _p_value(samples),
        "n": n,
        "resamples": len(samples),
    }


def _p_value(samples: Array) -> float:
    rarer = min(np.count_nonzero(samples <= 0), np.count_nonzero(samples >= 0))
    return min(1.0, 2 * (rarer + 1) / (len(samples) + 1)) if len(samples) else float("nan")


def _dependent(record: RunRecord, names: Sequence[str], found: Array, together: str) -> Iterator[str]:
    """Compare the record's own interval with that of single items, where there are both."""
    for i, name in enumerate(names):
        own = record.scores[name].interval
        here = _width(found[:, i])
        if not together and own is not None and own[1] - own[0] > WIDER * here:
            yield (
                f"{name}: the benchmark's own interval is {own[1] - own[0]:.4f} wide, that of single items {here:.4f}: "
                "they are not independent, and the difference is less sure than it looks. Draw those together that "
                "belong together, if an array says which."
            )


def _width(samples: Array) -> float:
    defined = samples[np.isfinite(samples)]
    return float(np.ptp(np.percentile(defined, [2.5, 97.5]))) if len(defined) else float("nan")


def _undefined(names: Sequence[str], found: Array) -> Iterator[str]:
    for i, name in enumerate(names):
        missing = np.count_nonzero(~np.isfinite(found[:, :, i]).all(axis=1))
        if missing:
            yield f"{name} is undefined in {missing:,} of {len(found):,} resamples, which were left out."


def _few(record: RunRecord, names: Sequence[str]) -> list[str]:
    few = [f"{name} ({record.scores[name].n})" for name in names if record.scores[name].n < FEW]
    return [f"Of few items, intervals are too narrow and p too small: {', '.join(few)}."] if few else []


def _one_training(trains: bool) -> list[str]:
    if not trains:
        return []
    return ["Each run is one training: how much another seed would change is not in the interval."]
