"""How certain a mean over seeds is, and a difference of two scores: over items and over trainings.

Plain Python, so that `lnkit recommend` and `lnkit results` start at once.

Two sources of variation are independent of each other: which items the test set holds, and which seed a training had.
For each there is a 95 % interval, and the two are combined side by side: with ``a`` and ``b`` the distances from the
value to the lower bounds of the two intervals, the combined one reaches ``sqrt(a^2 + b^2)`` below the value, and as
above. This is the method of variance estimates recovery (Zou and Donner 2008, "Construction of confidence limits about
effect measures: A general approach", Statistics in Medicine 27). A difference is treated alike.

- Items: the root mean square of the distances in the intervals of the single trainings. All of them share the test
  items, so their mean is no more certain about items than one of them is, at best.
- Seeds: Student's t with S - 1 degrees of freedom times sd / sqrt(S).

What differs in one item from seed to seed counts in both parts, so the interval is wider than it needs to be.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import atan2, hypot, pi, sqrt
from statistics import fmean, stdev
from typing import NamedTuple

from lnkit.results.records import ScoreRecord, SeedSpread

Interval = tuple[float, float]

LEVEL = 0.95
STEPS = 60  # of a bisection: the last halves a distance of less than 2^-52


class ScoreEstimate(NamedTuple):
    """A value with its uncertainty."""

    value: float
    interval: Interval | None  # 95 %, over all that varies; None if that is not known
    spread: SeedSpread | None = None  # of a mean over seeds


class Difference(NamedTuple):
    """The second value less the first."""

    value: float
    interval: Interval | None  # 95 %; None if it is not known

    @property
    def told_apart(self) -> bool | None:
        """Whether the interval excludes 0; None if there is no interval."""
        return None if self.interval is None else not self.interval[0] <= 0 <= self.interval[1]


@lru_cache
def student_t(freedom: int) -> float:
    """Return the number of standard errors that bound the central 95 % of Student's t distribution.

    Args:
        freedom: degrees of freedom, 1 or more.

    Example:
        >>> [round(student_t(freedom), 3) for freedom in (1, 4, 100)]
        [12.706, 2.776, 1.984]
    """
    low, high = 1.0, 16.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _central(middle, freedom) < LEVEL else (low, middle)
    return low


def _central(t: float, freedom: int) -> float:
    """Return the probability that Student's t lies within -t to t.

    References:
        Abramowitz and Stegun 1964, "Handbook of Mathematical Functions", 26.7.3 and 26.7.4.
    """
    sine, cosine = t / hypot(t, sqrt(freedom)), sqrt(freedom) / hypot(t, sqrt(freedom))
    odd = freedom % 2
    term = cosine if odd else 1.0
    total = term if freedom > 1 else 0.0
    for k in range(1 + odd, freedom - 2, 2):
        term *= k / (k + 1) * cosine**2
        total += term
    return 2 / pi * (atan2(t, sqrt(freedom)) + sine * total) if odd else sine * total


def mean_of_trainings(
    values: Sequence[float], intervals: Sequence[Interval | None], seeds: Sequence[int], bounds: Interval | None = None
) -> ScoreEstimate:
    """Return the mean over trainings that differ in their seed, and its uncertainty.

    Args:
        values: of a score, or of a difference, in each training; two or more.
        intervals: over items, 95 %, of each value; without one of them the mean has no interval.
        seeds: of the trainings.
        bounds: the least and the greatest possible value.
    """
    mean, sd = fmean(values), stdev(values)
    over_items = _over_items(mean, values, intervals)
    by_seeds = student_t(len(values) - 1) * sd / sqrt(len(values))
    both = over_items and (
        mean - hypot(mean - over_items[0], by_seeds),
        mean + hypot(over_items[1] - mean, by_seeds),
    )
    spread = SeedSpread(tuple(seeds), tuple(values), sd, _within(over_items, bounds))
    return ScoreEstimate(mean, _within(both, bounds), spread)


def _over_items(mean: float, values: Sequence[float], intervals: Sequence[Interval | None]) -> Interval | None:
    """Return the interval of a mean over items alone; None if a training has none."""
    known = [(value - ends[0], ends[1] - value) for value, ends in zip(values, intervals, strict=True) if ends]
    if len(known) < len(values):
        return None
    below, above = (sqrt(fmean(distance**2 for distance in side)) for side in zip(*known, strict=True))
    return mean - below, mean + above


def _within(interval: Interval | None, bounds: Interval | None) -> Interval | None:
    """Cut an interval at the least and the greatest possible value of its score."""
    if interval is None or bounds is None:
        return interval
    return max(interval[0], bounds[0]), min(interval[1], bounds[1])


def estimate_of(score: ScoreRecord, *, trained: bool) -> ScoreEstimate:
    """Return a score as an estimate. Without a spread that of a training has no interval: one seed shows none.

    Args:
        score: of a run, or of a mean over seeds.
        trained: by the benchmark, so that the score depends on the seed.
    """
    return ScoreEstimate(score.value, None if trained and score.spread is None else score.interval, score.spread)


def difference(first: ScoreEstimate, second: ScoreEstimate) -> Difference:
    """Return the difference of two scores, second less first, and its 95 % interval.

    Means over the same seeds are compared seed by seed, so that what a seed does to both cancels out. Items are taken
    for independent, which makes the interval too wide where both scores are of the same items:
    :mod:`lnkit.analysis.seed_differences` compares item by item.

    Args:
        first: a score.
        second: the same score of another loss network.

    Example:
        >>> result = difference(ScoreEstimate(0.70, (0.67, 0.73)), ScoreEstimate(0.76, (0.72, 0.80)))
        >>> round(result.value, 3), [round(bound, 3) for bound in result.interval], result.told_apart
        (0.06, [0.01, 0.11], True)
    """
    change = second.value - first.value
    by_seeds, intervals = 0.0, (first.interval, second.interval)
    if first.spread and second.spread and first.spread.seeds == second.spread.seeds:
        changes = [b - a for a, b in zip(first.spread.values, second.spread.values, strict=True)]
        by_seeds = student_t(len(changes) - 1) * stdev(changes) / sqrt(len(changes))
        intervals = first.spread.over_items, second.spread.over_items
    of_first, of_second = intervals
    if of_first is None or of_second is None:
        return Difference(change, None)
    below = hypot(second.value - of_second[0], of_first[1] - first.value, by_seeds)
    above = hypot(of_second[1] - second.value, first.value - of_first[0], by_seeds)
    return Difference(change, (change - below, change + above))
