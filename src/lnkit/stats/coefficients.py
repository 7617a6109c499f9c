"""A correlation coefficient with its interval and p-value, from rows that may belong together."""

from __future__ import annotations

import warnings
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from lnkit.stats.bootstrap import Sampling
from lnkit.stats.intervals import FEWEST_ITEMS, FISHER, PLAIN, estimate_resampled
from lnkit.stats.rank_correlation import KENDALL, PEARSON, SPEARMAN, Array, Owners, drawn_counts, resampled

FEWEST_PAIRS = 3  # two points always lie on a line
FEWEST_CLUSTERS = 5  # 5 clusters have 126 different samples, so that the outer 2.5 % are several of them
MOST_ROWS = 300  # above, the normal approximation is good and a bootstrap of tau takes minutes

BOOTSTRAP, NORMAL = "bootstrap", "normal"  # the origin of an interval
CONSTANT, TOO_FEW = "constant", f"fewer than {FEWEST_PAIRS} pairs"

_Z = stats.norm.ppf(0.975)
_TESTS = {PEARSON: stats.pearsonr, SPEARMAN: stats.spearmanr, KENDALL: stats.kendalltau}
_LARGEST = 1 - 1e-12  # coefficients are clipped to it before the Fisher transform, which is infinite at 1


class Coefficient(NamedTuple):
    """A correlation coefficient and its uncertainty; undefined values are NaN."""

    coefficient: float
    low: float  # 95 % interval
    high: float
    interval_by: str  # "bootstrap" or "normal"; "" without an interval
    p: float  # two-sided, of no correlation
    p_independent: float  # scipy's p, which takes all rows for independent
    n: int  # pairs
    clusters: int  # independent groups among them
    note: str  # why a value is undefined, or the interval not to be trusted


def correlate(method: str, x: Array, y: Array, clusters: NDArray[Any], sampling: Sampling) -> Coefficient:
    """Correlate two variables whose rows may belong together.

    Up to :data:`MOST_ROWS` rows the interval is Student's with C - 2 degrees of freedom and the standard error among
    cluster bootstrap samples, for Pearson's coefficient after the Fisher transform; above, the normal approximation
    with the number of clusters as the number of cases, which is wide. ``p`` is scipy's if every row is a cluster of its
    own, and otherwise that of the same t. Of 14 backbones with 4 points each, simulated intervals hold in 94 to 98 % of
    the cases.

    Args:
        method: "pearson", "spearman" or "kendall" (tau-b).
        x: (N,), without missing values.
        y: (N,), without missing values.
        clusters: (N,), the name of each row's cluster; rows of one cluster are not independent.
        sampling: of the bootstrap.

    References:
        Davison and Hinkley 1997, section 3.8 (cluster bootstrap).
        Bonett and Wright 2000, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations".

    Example:
        >>> import numpy as np
        >>> x = np.array([1.0, 2.0, 3.0, 4.0, 5.0, 6.0])
        >>> found = correlate("spearman", x, x**2, np.array(list("abcdef")), Sampling(resamples=100))
        >>> round(found.coefficient, 3), found.n, found.clusters, found.interval_by
        (1.0, 6, 6, 'bootstrap')
    """
    owners, count = _owners(clusters)
    n = len(x)
    if n < FEWEST_PAIRS:
        return _undefined(n, count, TOO_FEW)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return _undefined(n, count, CONSTANT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)  # near is not constant
        result = _TESTS[method](x, y)
    value, p_independent = float(result.statistic), float(result.pvalue)
    if count < FEWEST_CLUSTERS:
        p = p_independent if count == n else np.nan
        note = f"{count} independent {'group' if count == 1 else 'groups'}: too few for an interval"
        return Coefficient(value, np.nan, np.nan, "", p, p_independent, n, count, note)
    if n > MOST_ROWS:
        spread = _approximated(method, value, count)
    else:
        samples = resampled(method, x, y, owners, _counts(count, sampling))
        spread = _bootstrapped(method, value, samples, count)
    p = p_independent if count == n else float(2 * stats.t.sf(abs(spread.t), count - 2))
    few = f"{count} independent groups: the interval may miss in more than 5 % of the cases"
    notes = [spread.note] * bool(spread.note) + [few] * (count < FEWEST_ITEMS and bool(spread.by))
    return Coefficient(value, spread.low, spread.high, spread.by, p, p_independent, n, count, "; ".join(notes))


def _owners(clusters: NDArray[Any]) -> tuple[Owners, int]:
    """Number the clusters in the order of their names, so that the order of the rows does not matter."""
    names = clusters.tolist()
    numbers = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([numbers[name] for name in names], dtype=np.int64), len(numbers)


def _undefined(n: int, clusters: int, note: str) -> Coefficient:
    return Coefficient(np.nan, np.nan, np.nan, "", np.nan, np.nan, n, clusters, note)


class _Spread(NamedTuple):
    low: float
    high: float
    by: str
    t: float  # the coefficient over its standard error, transformed as the interval
    note: str = ""


@lru_cache(maxsize=8)
def _counts(clusters: int, sampling: Sampling) -> Array:
    """Draw the samples that all correlations of a table share."""
    counts = drawn_counts(clusters, sampling.resamples, np.random.default_rng(sampling.seed))
    counts.flags.writeable = False  # every caller gets the same array
    return counts


def _bootstrapped(method: str, value: float, samples: Array, count: int) -> _Spread:
    estimate = estimate_resampled(value, samples, count, scale=FISHER if method == PEARSON else PLAIN)
    if not np.isfinite(estimate.variance):
        return _Spread(np.nan, np.nan, "", np.nan, "constant in most resamples")
    missing = 1 - np.isfinite(samples).mean()
    note = f"constant in {missing:.0%} of the resamples" if missing >= 0.01 else ""
    low, high = estimate.interval() or (value, value)  # a perfect relation: all resamples are alike
    return _Spread(max(-1.0, low), min(1.0, high), BOOTSTRAP, _t(method, value, estimate.variance), note)


def _t(method: str, value: float, variance: float) -> float:
    if variance == 0:
        return float("inf")
    if method == PEARSON:
        clipped = float(np.clip(value, -_LARGEST, _LARGEST))
        return float(np.arctanh(clipped)) * (1 - clipped**2) / float(np.sqrt(variance))
    return value / float(np.sqrt(variance))


def _approximated(method: str, value: float, cases: int) -> _Spread:
    """Approximate the interval by a normal distribution of the Fisher-transformed coefficient (Bonett and Wright)."""
    variance = {
        PEARSON: 1 / (cases - 3),
        SPEARMAN: (1 + value**2 / 2) / (cases - 3),
        KENDALL: 0.437 / (cases - 4),
    }[method]
    error, transformed = float(np.sqrt(variance)), float(np.arctanh(np.clip(value, -_LARGEST, _LARGEST)))
    low, high = np.tanh(transformed + np.array([-_Z, _Z]) * error)
    return _Spread(float(low), float(high), NORMAL, transformed / error)
