"""Paired bootstrap: do two loss networks differ by more than the choice of test items?

A benchmark stores arrays with one entry for each item (triplet, image, tile) and can compute its scores from them.
Both runs are scored on the same items, drawn with replacement, so that the difficulty of an item cancels out. Items are
drawn within each part of the data (a family, a test set), as benchmarks average them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from lnkit.analysis.paired_items import Arrays, Part, Rows, draw, groups_by, part_of, parts_of, refuse_other_items, take
from lnkit.errors import LnkitError, UsageError, did_you_mean, near_names
from lnkit.results.comparability import differences
from lnkit.results.records import RunRecord
from lnkit.results.rescore import rescore
from lnkit.stats.bootstrap import Sampling, central_interval
from lnkit.stats.rank_correlation import Array

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

Scorer = Callable[[Arrays], Array]  # computes the chosen scores, NaN for an undefined one

PROBES = 3  # samples on which arrays are left out, to see whether a score needs them
# If the record's own interval is this much wider than one from single items, items are not independent: two bootstraps
# of 1,000 resamples each differ by less than 10 %.
WIDER = 1.25
MOST_NAMED = 5  # differences between two runs; two benchmarks have dozens
ONE_TRAINING_EACH = (
    "Each run is one training, which does not rank loss networks: the interval leaves out the spread over seeds. "
    "`lnkit eval --seeds 5` trains with five seeds, and then this command includes their spread."
)
FEW = 20  # items; with fewer, percentile intervals of means are too narrow (Hesterberg 2015)


@dataclass(frozen=True)
class StoredRun:
    """A record and the arrays stored beside it."""

    record: RunRecord
    arrays: Arrays


@dataclass(frozen=True)
class Differences:
    """The result of a paired bootstrap.

    ``table`` has the columns score, first, second, difference (second - first), low, high (95 % interval), p
    (two-sided), n and resamples; ``remarks`` are sentences that qualify it.
    """

    table: pd.DataFrame
    remarks: list[str]


def paired_differences(
    runs: tuple[StoredRun, StoredRun],
    registry: Registry,
    *,
    scores: Sequence[str] = (),
    sampling: Sampling | None = None,
    together: str = "",
    advance: Callable[[int], object] = lambda steps: None,
) -> Differences:
    """Compare two runs item by item.

    The interval is that of percentiles. p is twice the share of resamples on the rarer side of no difference, with the
    runs themselves as one more sample: it is never below 2 / (resamples + 1).

    Args:
        runs: two runs of one benchmark in one setting.
        registry: has the benchmark, which scores the stored arrays.
        scores: names of scores; the primary ones if empty.
        sampling: of the bootstrap.
        together: the last part of an array's name, such as "reference": items with equal values in it are not
            independent and are drawn together.
        advance: called with 1 after each resample.

    Raises:
        UsageError: the runs are the same run, or differ in more than the loss network; there is no such score or array;
            the benchmark cannot score stored arrays.
        DataError: the stored arrays are damaged, or of different items.

    References:
        Davison and Hinkley 1997, "Bootstrap Methods and their Application", chapter 4 (p-values).
    """
    sampling = sampling or Sampling()
    first, second = (run.record for run in runs)
    _refuse_unlike(first, second)
    refuse_other_items(runs[0].arrays, runs[1].arrays)
    names = _chosen(scores, first, second)
    scorers = [_scorer(record, registry, names) for record in (first, second)]
    values = np.stack([score(run.arrays) for score, run in zip(scorers, runs, strict=True)])
    samples = _resampled(runs, scorers, sampling, together, advance)
    rows = [_row(name, values[:, i], samples[:, :, i], first.scores[name].n) for i, name in enumerate(names)]

    remarks = [*_dependent(first, names, samples[:, 0], together), *_undefined(names, samples), *_few(first, names)]
    if registry.benchmark(first.key.benchmark).trains:
        remarks.append(ONE_TRAINING_EACH)
    return Differences(pd.DataFrame(rows), remarks)


def _refuse_unlike(first: RunRecord, second: RunRecord) -> None:
    if first.id == second.id:
        raise UsageError(f"Expected two different runs, got {first.id} twice. `lnkit results list` lists the runs.")
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
    """Make a function that scores arrays as the benchmark of ``record`` does, without its own bootstrap."""
    protocol = {name: 0 if name == "resamples" else value for name, value in record.key.protocol.items()}
    bare = replace(record, key=replace(record.key, protocol=protocol))

    def score(arrays: Arrays) -> Array:
        values = rescore(bare, arrays, registry)
        return np.array([values.get(name, np.nan) for name in names])

    return score


def _resampled(
    runs: Sequence[StoredRun],
    scorers: Sequence[Scorer],
    sampling: Sampling,
    together: str,
    advance: Callable[[int], object],
) -> Array:
    """Score both runs on every sample: (resamples, 2, scores)."""
    rng = np.random.default_rng(sampling.seed)
    groups = groups_by(runs[0].arrays, together)
    needed = _needed(runs[0].arrays, groups, scorers[0])
    arrays = [_only(run.arrays, needed) for run in runs]
    samples = []
    for _ in range(sampling.resamples):
        rows = draw(arrays[0], groups, rng)
        samples.append([score(take(stored, rows)) for score, stored in zip(scorers, arrays, strict=True)])
        advance(1)
    return np.array(samples)


def _needed(arrays: Arrays, groups: Mapping[Part, list[Rows]], score: Scorer) -> set[Part]:
    """Find the parts that the scores depend on, by trial; the others need not be drawn a thousand times."""
    rng, parts = np.random.default_rng(0), parts_of(arrays)
    probes = [arrays, *(take(arrays, draw(arrays, groups, rng)) for _ in range(PROBES - 1))]
    expected = [score(probe) for probe in probes]

    def unchanged(some: set[Part]) -> bool:
        try:
            values = [score(_only(probe, some, like=arrays)) for probe in probes]
        except LnkitError:
            return False
        return all(np.array_equal(a, b, equal_nan=True) for a, b in zip(values, expected, strict=True))

    needed = {part for part in parts if not unchanged(set(parts) - {part})}
    return needed if needed and unchanged(needed) else set(parts)


def _only(arrays: Arrays, parts: set[Part], like: Arrays | None = None) -> dict[str, np.ndarray]:
    """Select the arrays of these parts; samples of groups may differ in length from ``like``, the whole arrays."""
    whole = arrays if like is None else like
    return {name: array for name, array in arrays.items() if part_of(name, whole[name]) in parts}


def _row(name: str, values: Array, resampled: Array, n: int) -> dict[str, object]:
    """Make a row of the table from the scores (2,) and the resampled scores (B, 2)."""
    samples = resampled[:, 1] - resampled[:, 0]
    samples = samples[np.isfinite(samples)]
    low, high = central_interval(samples) or (np.nan, np.nan)
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


def _dependent(record: RunRecord, names: Sequence[str], samples: Array, together: str) -> Iterator[str]:
    """Compare the record's own interval with that of single items, if both exist."""
    for i, name in enumerate(names):
        own = record.scores[name].interval
        here = _width(samples[:, i])
        if not together and own is not None and own[1] - own[0] > WIDER * here:
            yield (
                f"{name}: the benchmark's own interval is {own[1] - own[0]:.4f} wide, that of single items {here:.4f}: "
                "items are not independent, and the difference is less certain than it looks. If an array says which "
                "items belong together, name it with --together."
            )


def _width(samples: Array) -> float:
    low, high = central_interval(samples) or (np.nan, np.nan)
    return high - low


def _undefined(names: Sequence[str], samples: Array) -> Iterator[str]:
    for i, name in enumerate(names):
        missing = np.count_nonzero(~np.isfinite(samples[:, :, i]).all(axis=1))
        if missing:
            yield f"{name} is undefined in {missing:,} of {len(samples):,} resamples, which were left out."


def _few(record: RunRecord, names: Sequence[str]) -> list[str]:
    few = [f"{name} ({record.scores[name].n})" for name in names if record.scores[name].n < FEW]
    return [f"With few items, intervals are too narrow and p is too small: {', '.join(few)}."] if few else []
