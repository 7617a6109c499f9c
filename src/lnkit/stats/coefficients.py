"""One correlation coefficient, with its interval and p-value, from rows of which some belong together."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats

from lnkit.stats.resampling import KENDALL, PEARSON, SPEARMAN, Array, Owners, Sampling, drawn_counts, resampled

FEWEST_PAIRS = 3  # two points always lie on a line
FEWEST_CLUSTERS = 5  # there are 126 different samples of 5: the outer 2.5 % are then still several of them
MOST_ROWS = 300  # resampled; of more, the normal approximation is good and a bootstrap of tau takes minutes

BOOTSTRAP, NORMAL = "bootstrap", "normal"  # where an interval comes from
CONSTANT, TOO_FEW = "constant", f"fewer than {FEWEST_PAIRS} pairs"

_Z = stats.norm.ppf(0.975)
_TESTS = {PEARSON: stats.pearsonr, SPEARMAN: stats.spearmanr, KENDALL: stats.kendalltau}
_LARGEST = 1 - 1e-12  # of a coefficient whose Fisher transform is taken; that of 1 is infinite


class Coefficient(NamedTuple):
    """A correlation coefficient and how sure it is; NaN where a value is not defined."""

    coefficient: float
    low: float  # 95 % interval
    high: float
    interval_by: str  # "bootstrap" or "normal"; "" where there is none
    p: float  # two-sided, of no correlation
    p_independent: float  # the same as though all rows were independent; scipy's
    n: int  # pairs
    clusters: int  # independent groups among them
    note: str  # why something is not defined


def correlate(method: str, x: Array, y: Array, clusters: NDArray[Any], sampling: Sampling) -> Coefficient:
    """Correlate two variables.

    The interval is of percentiles of a cluster bootstrap; above :data:`MOST_ROWS` rows it is Bonett and Wright's (2000)
    with the clusters as the number of cases, which is wide. ``p`` is scipy's where each row is a cluster of its own.
    Otherwise it is from Student's t with C - 2 degrees of freedom, of the Fisher-transformed coefficient over the
    standard error that the resamples show.

    Args:
        method: "pearson", "spearman" or "kendall" (tau-b).
        x: (N,), no value missing.
        y: (N,), no value missing.
        clusters: (N,), names; rows of one name are not independent.
        sampling: of the bootstrap.
    """
    owners, names = pd.factorize(clusters, sort=True)  # sorted: the order of the rows does not matter
    n, count = len(x), len(names)
    if n < FEWEST_PAIRS:
        return _undefined(n, count, TOO_FEW)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        return _undefined(n, count, CONSTANT)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", stats.NearConstantInputWarning)  # near is not constant
        found = _TESTS[method](x, y)
    value, p_independent = float(found.statistic), float(found.pvalue)
    if count < FEWEST_CLUSTERS:
        p = p_independent if count == n else np.nan
        note = f"{count} independent {'group' if count == 1 else 'groups'}: too few for an interval"
        return Coefficient(value, np.nan, np.nan, "", p, p_independent, n, count, note)
    spread = _approximated(method, value, count) if n > MOST_ROWS else _bootstrapped(method, x, y, owners, sampling)
    p = p_independent if count == n else _p_value(value, spread.error, count)
    return Coefficient(value, spread.low, spread.high, spread.by, p, p_independent, n, count, spread.note)


def _undefined(n: int, clusters: int, note: str) -> Coefficient:
    return Coefficient(np.nan, np.nan, np.nan, "", np.nan, np.nan, n, clusters, note)


class _Spread(NamedTuple):
    low: float
    high: float
    by: str
    error: float  # standard error of the Fisher-transformed coefficient
    note: str = ""


def _bootstrapped(method: str, x: Array, y: Array, owners: Owners, sampling: Sampling) -> _Spread:
    samples = resampled(method, x, y, owners, drawn_counts(int(owners.max()) + 1, sampling))
    defined = samples[np.isfinite(samples)]
    if len(defined) < len(samples) / 2:
        return _Spread(np.nan, np.nan, "", np.nan, "constant in most resamples")
    low, high = np.percentile(defined, [2.5, 97.5])
    missing = 1 - len(defined) / len(samples)
    note = f"constant in {missing:.0%} of the resamples" if missing >= 0.01 else ""
    return _Spread(float(low), float(high), BOOTSTRAP, float(np.std(_fisher(defined), ddof=1)), note)


def _approximated(method: str, value: float, cases: int) -> _Spread:
    """Bonett and Wright 2000, "Sample size requirements for estimating Pearson, Kendall and Spearman correlations"."""
    variance = {
        PEARSON: 1 / (cases - 3),
        SPEARMAN: (1 + value**2 / 2) / (cases - 3),
        KENDALL: 0.437 / (cases - 4),
    }[method]
    error = float(np.sqrt(variance))
    low, high = np.tanh(_fisher(np.array(value)) + np.array([-_Z, _Z]) * error)
    return _Spread(float(low), float(high), NORMAL, error)


def _fisher(values: Array) -> Array:
    transformed: Array = np.arctanh(np.clip(values, -_LARGEST, _LARGEST))
    return transformed


def _p_value(value: float, error: float, clusters: int) -> float:
    if not error > 0:  # all resamples alike: a perfect relation
        return 0.0 if error == 0 else float("nan")
    return float(2 * stats.t.sf(abs(_fisher(np.array(value))) / error, clusters - 2))
