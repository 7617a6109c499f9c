"""Rank correlations of what was measured with what people said, and their bootstrap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Owners = NDArray[np.int64]


def spearman(x: Array, y: Array) -> float:
    """Spearman's rho of (N,) with (N,), equal values at their mean rank; NaN where one of them does not vary."""
    return float(stats.spearmanr(x, y).statistic) if _vary(x, y) else float("nan")


def kendall(x: Array, y: Array) -> float:
    """Kendall's tau-b, which corrects for equal values; NaN where one of them does not vary."""
    return float(stats.kendalltau(x, y).statistic) if _vary(x, y) else float("nan")


def resampled_spearman(x: Array, y: Array, owners: Owners, resamples: int, rng: np.random.Generator) -> Array:
    """Spearman's rho (resamples,) of bootstrap samples.

    Args:
        x: (N,).
        y: (N,).
        owners: (N,) from 0, which cluster each item belongs to: whole clusters are drawn.
        resamples: how many samples.
        rng: draws them.
    """
    members = [np.flatnonzero(owners == owner) for owner in range(int(owners.max()) + 1)]
    found = np.empty(resamples)
    for sample in range(resamples):
        drawn = rng.integers(len(members), size=len(members))
        rows = np.concatenate([members[owner] for owner in drawn]) if len(members) < len(x) else drawn
        found[sample] = _pearson(stats.rankdata(x[rows]), stats.rankdata(y[rows]))
    return found


def _pearson(x: Array, y: Array) -> float:
    x, y = x - x.mean(), y - y.mean()
    norm = float(np.sqrt((x @ x) * (y @ y)))
    return float(x @ y) / norm if norm else float("nan")


def _vary(x: Array, y: Array) -> bool:
    return len(x) > 1 and bool(np.ptp(x) > 0 and np.ptp(y) > 0)
