"""Correlation coefficients of many bootstrap samples at once: pure functions of arrays.

Rows that belong together (the points of one backbone) are drawn together: a cluster bootstrap (Davison and Hinkley
1997, section 3.8). A sample is a count of each cluster, so that no rows are copied.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Owners = NDArray[np.intp]  # (N,), which cluster each row belongs to: 0 to C - 1

PEARSON, SPEARMAN, KENDALL = "pearson", "spearman", "kendall"
METHODS = (PEARSON, SPEARMAN, KENDALL)

_NO_SPREAD = 1e-12  # variance of a standardized variable, below which a sample of it is constant but for rounding


@dataclass(frozen=True, slots=True)
class Sampling:
    """How often to resample, and from which seed."""

    resamples: int = 2000  # Efron and Tibshirani 1993 advise 1,000 or more for percentile intervals
    seed: int = 0


@lru_cache(maxsize=8)
def drawn_counts(clusters: int, sampling: Sampling) -> Array:
    """How often each cluster is in each sample: (resamples, C), each row of sum C. The same for the same seed."""
    rng = np.random.default_rng(sampling.seed)
    counts = rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=sampling.resamples)
    found: Array = counts.astype(np.float64)
    found.flags.writeable = False  # it is shared by all who ask for it
    return found


def resampled(method: str, x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """The coefficient in every sample.

    Args:
        method: of :data:`METHODS`; Kendall's is tau-b.
        x: (N,)
        y: (N,)
        owners: (N,)
        counts: (B, C), how often each cluster is in each sample.

    Returns:
        (B,) in [-1, 1], NaN for samples in which x or y is constant.
    """
    function = {PEARSON: _pearson, SPEARMAN: _spearman, KENDALL: _kendall}[method]
    return function(x, y, owners, counts)


def _pearson(x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """From the sums of each cluster."""
    x, y = _standardized(x), _standardized(y)
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    sums = np.stack([np.bincount(owners, term, counts.shape[1]) for term in terms], axis=1)
    n, sum_x, sum_y, xx, yy, xy = (counts @ sums).T
    spread_x, spread_y = xx / n - (sum_x / n) ** 2, yy / n - (sum_y / n) ** 2
    return _ratio(xy / n - sum_x * sum_y / n**2, spread_x, spread_y)


def _spearman(x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """Pearson's coefficient of the ranks that the rows have within each sample."""
    weights = counts[:, owners]
    n = weights.sum(axis=1, keepdims=True)
    x, y = (_centered_ranks(values, owners, counts, n) for values in (x, y))
    means = [np.einsum("bn,bn,bn->b", weights, a, b) / n[:, 0] for a, b in ((x, y), (x, x), (y, y))]
    return _ratio(*means)


def _centered_ranks(values: Array, owners: Owners, counts: Array, n: Array) -> Array:
    """Ranks of the rows in each sample, from -1 to 1 around their mean; (B, N). Equal values share their mean rank."""
    distinct, place = np.unique(values, return_inverse=True)
    of_cluster = np.zeros((counts.shape[1], len(distinct)))
    np.add.at(of_cluster, (owners, place), 1)
    there = counts @ of_cluster  # (B, distinct values)
    mean_rank = np.cumsum(there, axis=1) - (there - 1) / 2
    return ((2 * mean_rank - n - 1) / n)[:, place]


def _kendall(x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """Sums over pairs of rows are quadratic forms in the counts of the clusters.

    A row that is drawn twice is tied with itself in both, as in any sample with equal rows.
    """
    membership = np.eye(counts.shape[1])[owners]  # (N, C)
    x, y = (np.sign(values[:, None] - values) for values in (x, y))
    products = (x * y, np.abs(x), np.abs(y))
    sums = [(counts @ (membership.T @ pairs @ membership) * counts).sum(axis=1) for pairs in products]
    return _ratio(*sums)


def _standardized(values: Array) -> Array:
    """Of mean 0 and variance 1, so that sums of squares lose no digits."""
    spread = values.std()
    found: Array = (values - values.mean()) / (spread if spread > 0 else 1.0)
    return found


def _ratio(together: Array, spread_x: Array, spread_y: Array) -> Array:
    defined = (spread_x > _NO_SPREAD) & (spread_y > _NO_SPREAD)
    scale = np.sqrt(np.where(defined, spread_x * spread_y, 1.0))
    found: Array = np.where(defined, np.clip(together / scale, -1, 1), np.nan)
    return found
