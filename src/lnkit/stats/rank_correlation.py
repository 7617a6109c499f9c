"""Correlations between what was measured and what people said: pure functions on arrays.

The values themselves are scipy's. For intervals they are computed again for many bootstrap samples; these functions do
it for all samples at once from how often each item was drawn, and give what scipy gives for the drawn items.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Owners = NDArray[np.int64]  # (N,), which cluster each item belongs to: its reference image, say

CHUNK = 2**22  # numbers in an array while ranks are computed


def pearson(x: Array, y: Array) -> float:
    """Linear correlation (PLCC) of (N,) with (N,); NaN where one of them does not vary."""
    return float(stats.pearsonr(x, y).statistic) if _vary(x, y) else float("nan")


def spearman(x: Array, y: Array) -> float:
    """Rank correlation rho (SRCC), equal values at their mean rank; NaN where one of them does not vary."""
    return float(stats.spearmanr(x, y).statistic) if _vary(x, y) else float("nan")


def kendall(x: Array, y: Array) -> float:
    """Rank correlation tau-b (KRCC), which corrects for equal values; NaN where one of them does not vary."""
    return float(stats.kendalltau(x, y).statistic) if _vary(x, y) else float("nan")


def _vary(x: Array, y: Array) -> bool:
    return len(x) > 1 and bool(np.ptp(x) > 0 and np.ptp(y) > 0)


def drawn_counts(clusters: int, resamples: int, rng: np.random.Generator) -> Array:
    """How often each cluster is in each bootstrap sample, (resamples, clusters): as many drawn as there are."""
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples).astype(np.float64)


def resampled_pearson(x: Array, y: Array, weights: Array) -> Array:
    """Correlations (B,) of x and y, (N,) or (B, N), in which item i counts ``weights[b, i]`` times."""
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)  # 0 where a sample has none of these items
    dx = x - (weights * x).sum(axis=1, keepdims=True) / total
    dy = y - (weights * y).sum(axis=1, keepdims=True) / total
    covariance = (weights * dx * dy).sum(axis=1)
    variances = (weights * dx**2).sum(axis=1) * (weights * dy**2).sum(axis=1)
    return _ratio(covariance, np.sqrt(variances))


def resampled_spearman(x: Array, y: Array, weights: Array) -> Array:
    """Rank correlations (B,) of the samples in which item i is ``weights[b, i]`` times."""
    parts = np.array_split(weights, max(1, -(-weights.size // CHUNK)))
    return np.concatenate([resampled_pearson(_ranks(x, part), _ranks(y, part), part) for part in parts])


def _ranks(values: Array, weights: Array) -> Array:
    """Mean ranks (B, N) of the values in samples where item i is ``weights[b, i]`` times."""
    order = np.argsort(values, kind="stable")
    new = np.append(True, np.diff(values[order]) > 0)
    there = np.add.reduceat(weights[:, order], np.flatnonzero(new), axis=1)  # (B, distinct values)
    mean_rank = np.cumsum(there, axis=1) - (there - 1) / 2
    ranks: Array = np.empty_like(weights)
    ranks[:, order] = mean_rank[:, np.cumsum(new) - 1]
    return ranks


def resampled_kendall(x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """Tau-b (B,) of the samples in which each item of cluster c is ``counts[b, c]`` times.

    A pair of items adds to a sum that belongs to the pair of their clusters, so each sample's sums are quadratic forms
    in its counts. An item drawn twice is tied with itself in both, as in any sample with equal items.
    """
    clusters = counts.shape[1]
    agree, x_differs, y_differs = np.zeros((3, clusters, clusters))
    for i, j, sign_x, sign_y in _signs(x, y, owners):
        agree[i, j] = (sign_x * sign_y).sum()
        x_differs[i, j], y_differs[i, j] = np.count_nonzero(sign_x), np.count_nonzero(sign_y)
    score, nx, ny = (((counts @ sums) * counts).sum(axis=1) for sums in (agree, x_differs, y_differs))
    return _ratio(score, np.sqrt(nx * ny))


def _signs(x: Array, y: Array, owners: Owners) -> Iterator[tuple[int, int, Array, Array]]:
    """For each pair of clusters the signs of all differences between their items."""
    items = [np.flatnonzero(owners == cluster) for cluster in range(int(owners.max(initial=-1)) + 1)]
    for i, a in enumerate(items):
        for j, b in enumerate(items):
            yield i, j, np.sign(x[a, None] - x[b]), np.sign(y[a, None] - y[b])


def _ratio(a: Array, b: Array) -> Array:
    """Divide, with NaN where b is zero; never beyond -1 and 1 by rounding."""
    found: Array = np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
    return np.clip(found, -1, 1)
