"""Paired test: do two loss networks differ by more than the choice of test items?

A benchmark stores arrays with one entry for each item (triplet, image, tile) and can compute its scores from them.
Both runs are scored on the same items, drawn with replacement, so that the difficulty of an item cancels out. Items are
drawn within each part of the data (a family, a test set), as benchmarks average them. The spread of the difference over
these samples is its standard error, and the test is Student's: for a mean of one part's items, the paired t test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from lnkit.analysis.paired_items import (
    Arrays,
    Part,
    Rows,
    counts_of,
    draw,
    groups_by,
    part_of,
    parts_of,
    refuse_other_items,
    take,
)
from lnkit.errors import LnkitError, UsageError, did_you_mean, near_names
from lnkit.results.comparability import differences
from lnkit.results.records import RunRecord
from lnkit.results.rescore import Rescorer
from lnkit.stats.bootstrap import Sampling
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
# Items; of 14 whose differences are as skewed as a gamma distribution of shape 2, the test finds a difference that does
# not exist in 8 % of the cases instead of 5.
FEW = 20
MOST_COUNTED = 200  # items of a part; with more degrees of freedom, Student's distribution is the normal one


@dataclass(frozen=True)
class StoredRun:
    """A record and the arrays stored beside it."""

    record: RunRecord
    arrays: Arrays


@dataclass(frozen=True)
class Differences:
    """The result of a paired test.

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

    p and the interval are Student's, with the standard error of bootstrap samples and Satterthwaite's degrees of
    freedom. p is never below 2 / (resamples + 1): so many samples know nothing of rarer events.

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
        Davison and Hinkley 1997, "Bootstrap Methods and their Application", chapter 4 (smallest p-value).
        Satterthwaite 1946, "An approximate distribution of estimates of variance components".
        Efron 2014, "Estimation and accuracy after model selection", JASA 109, 991-1007 (variances from counts).
    """
    sampling = sampling or Sampling()
    first, second = (run.record for run in runs)
    _refuse_unlike(first, second)
    refuse_other_items(runs[0].arrays, runs[1].arrays)
    names = _chosen(scores, first, second)
    rescorers = [_without_bootstrap(record, registry) for record in (first, second)]
    scorers = [_scorer(rescorer, names) for rescorer in rescorers]
    with rescorers[0].open():
        values = np.stack([score(run.arrays) for score, run in zip(scorers, runs, strict=True)])
        drawn = _resampled(runs, scorers, sampling, together, advance)
    samples = drawn.scores
    rows = [_row(name, values[:, i], drawn, i, first.scores[name].n) for i, name in enumerate(names)]

    remarks = [*_dependent(first, names, drawn, together), *_undefined(names, samples), *_few(first, names)]
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


def _without_bootstrap(record: RunRecord, registry: Registry) -> Rescorer:
    """Return what scores arrays as the benchmark of ``record`` does, without its own bootstrap."""
    protocol = {name: 0 if name == "resamples" else value for name, value in record.key.protocol.items()}
    return Rescorer(replace(record, key=replace(record.key, protocol=protocol)), registry)


def _scorer(rescorer: Rescorer, names: Sequence[str]) -> Scorer:
    def score(arrays: Arrays) -> Array:
        values = rescorer(arrays)
        return np.array([values.get(name, np.nan) for name in names])

    return score


class _Drawn(NamedTuple):
    scores: Array  # (resamples, 2, scores)
    counts: list[Array]  # of each small part: (resamples, items), how often each item or group was drawn
    all_small: bool  # whether these are all parts that the scores depend on


def _resampled(
    runs: Sequence[StoredRun],
    scorers: Sequence[Scorer],
    sampling: Sampling,
    together: str,
    advance: Callable[[int], object],
) -> _Drawn:
    """Score both runs on every sample."""
    rng = np.random.default_rng(sampling.seed)
    groups = groups_by(runs[0].arrays, together)
    needed = _needed(runs[0].arrays, groups, scorers[0])
    arrays = [_only(run.arrays, needed) for run in runs]
    samples, counts = [], []
    for _ in range(sampling.resamples):
        rows = draw(arrays[0], groups, rng)
        samples.append([score(take(stored, rows)) for score, stored in zip(scorers, arrays, strict=True)])
        counts.append(counts_of(rows, groups, MOST_COUNTED))
        advance(1)
    small = [np.array([count[part] for count in counts], np.float64) for part in counts[0]]
    return _Drawn(np.array(samples), small, len(small) == len(parts_of(arrays[0])))


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


def _row(name: str, values: Array, drawn: _Drawn, score: int, n: int) -> dict[str, object]:
    """Make a row of the table from the scores (2,) of both runs."""
    samples = drawn.scores[:, 1, score] - drawn.scores[:, 0, score]
    difference, known = values[1] - values[0], np.isfinite(samples)
    error, freedom = _error(samples, drawn)
    half = error * stdtrit(freedom, 0.975)
    return {
        "score": name,
        "first": values[0],
        "second": values[1],
        "difference": difference,
        "low": difference - half,
        "high": difference + half,
        "p": _p_value(difference, error, freedom, int(known.sum())),
        "n": n,
        "resamples": int(known.sum()),
    }


def _error(samples: Array, drawn: _Drawn) -> tuple[float, float]:
    """Return the standard error of a score with resampled values (B,), and its degrees of freedom.

    The variance that each small part adds is estimated from how the score goes with the counts of the part's items
    (Efron 2014, with his correction for few samples). Bootstrap variances are multiplied by n / (n - 1).
    """
    known = np.isfinite(samples)
    if known.sum() < 2:
        return float("nan"), float("nan")
    off, variance = samples[known] - samples[known].mean(), float(np.var(samples[known], ddof=1))
    sizes = np.array([counts.shape[1] for counts in drawn.counts], np.float64)
    if variance == 0 or not len(sizes):
        return float(np.sqrt(variance)), float("inf")
    parts = np.array([_explained(counts[known], off) for counts in drawn.counts])
    if parts.sum() > variance or (drawn.all_small and parts.sum() > 0):
        parts *= variance / parts.sum()
    added = parts / np.maximum(sizes - 1, 1)
    whole = variance + added.sum()
    spread = np.sum((parts + added) ** 2 / np.maximum(sizes - 1, 1))
    return float(np.sqrt(whole)), float(whole**2 / spread) if spread > 0 else float("inf")


def _explained(counts: Array, off: Array) -> float:
    """Return the part of a score's variance that comes from the draw of some items."""
    resamples, n = counts.shape
    covariances = (counts - 1).T @ off / resamples
    noise = (1 - 1 / n) * float(off @ off) / resamples**2  # variance of one of these covariances if there is none
    return max(0.0, float(covariances @ covariances) - float(n * noise))


def _p_value(difference: float, error: float, freedom: float, resamples: int) -> float:
    if not np.isfinite(error):
        return float("nan")
    if error == 0:  # all samples alike
        return 1.0 if difference == 0 else 2 / (resamples + 1)
    tails = float(2 * stdtr(freedom, -abs(difference) / error))
    return max(2 / (resamples + 1), tails)


def _dependent(record: RunRecord, names: Sequence[str], drawn: _Drawn, together: str) -> Iterator[str]:
    """Compare the record's own interval with that of single items, if both exist."""
    for i, name in enumerate(names):
        own = record.scores[name].interval
        error, freedom = _error(drawn.scores[:, 0, i], drawn)
        here = float(2 * error * stdtrit(freedom, 0.975))
        if not together and own is not None and own[1] - own[0] > WIDER * here:
            yield (
                f"{name}: the benchmark's own interval is {own[1] - own[0]:.4f} wide, that of single items {here:.4f}: "
                "items are not independent, and the difference is less certain than it looks. If an array says which "
                "items belong together, name it with --together."
            )


def _undefined(names: Sequence[str], samples: Array) -> Iterator[str]:
    for i, name in enumerate(names):
        missing = np.count_nonzero(~np.isfinite(samples[:, :, i]).all(axis=1))
        if missing:
            yield f"{name} is undefined in {missing:,} of {len(samples):,} resamples, which were left out."


def _few(record: RunRecord, names: Sequence[str]) -> list[str]:
    few = [f"{name} ({record.scores[name].n})" for name in names if record.scores[name].n < FEW]
    if not few:
        return []
    return [f"Of few items, the interval and p hold only if the differences are not skewed: {', '.join(few)}."]
