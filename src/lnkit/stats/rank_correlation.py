"""Correlations of two measures of the same items, and of many bootstrap samples of these items at once.

The values are scipy's. A bootstrap sample is given by how often it contains each item or cluster (see
:func:`lnkit.stats.drawn_counts`); the result is scipy's value for the drawn items.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Array = NDArray[np.float64]
Owners = NDArray[np.int64]  # (N,), the cluster of each item, its reference image for example: 0 to C - 1

PEARSON, SPEARMAN, KENDALL = "pearson", "spearman", "kendall"
METHODS = (PEARSON, SPEARMAN, KENDALL)

NO_VARIANCE = 1e-12  # of a standardized variable: below, a sample is constant but for rounding
ROUNDING = 1e-13  # of a mean, relative to the largest value: a spread below is that of equal values
CHUNK = 2**22  # largest number of elements in an array of ranks


def pearson(x: Array, y: Array) -> float:
    """Compute Pearson's linear correlation (PLCC) of (N,) with (N,); NaN if x or y is constant.

    Example:
        >>> import numpy as np
        >>> round(pearson(np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0])), 3)
        0.929
    """
    return float(stats.pearsonr(x, y).statistic) if _vary(x, y) else float("nan")


def spearman(x: Array, y: Array) -> float:
    """Compute Spearman's rank correlation rho (SRCC) of (N,) with (N,); NaN if x or y is constant.

    Equal values share their mean rank.

    Example:
        >>> import numpy as np
        >>> round(spearman(np.array([1.0, 2.0, 4.0]), np.array([1.0, 4.0, 3.0])), 3)
        0.5
    """
    return float(stats.spearmanr(x, y).statistic) if _vary(x, y) else float("nan")


def kendall(x: Array, y: Array) -> float:
    """Compute Kendall's rank correlation tau-b (KRCC) of (N,) with (N,); NaN if x or y is constant.

    Tau-b corrects for equal values.

    Example:
        >>> import numpy as np
        >>> round(kendall(np.array([1.0, 2.0, 4.0]), np.array([1.0, 4.0, 3.0])), 3)
        0.333
    """
    return float(stats.kendalltau(x, y).statistic) if _vary(x, y) else float("nan")


def _vary(x: Array, y: Array) -> bool:
    return len(x) > 1 and bool(np.ptp(x) > 0 and np.ptp(y) > 0)


def drawn_counts(clusters: int, resamples: int, rng: np.random.Generator) -> Array:
    """Draw cluster bootstrap samples: how often each cluster occurs in each sample.

    Items that belong together (all distortions of one image, all points of one backbone) are drawn together. A sample
    is a count of each cluster, so no items are copied.

    Args:
        clusters: number of clusters; each sample draws as many, with replacement.
        resamples: number of bootstrap samples.
        rng: draws the samples.

    Returns:
        (resamples, clusters), each row with the sum ``clusters``.

    References:
        Davison and Hinkley 1997, "Bootstrap Methods and their Application", section 3.8.

    Example:
        >>> import numpy as np
        >>> drawn_counts(4, 2, np.random.default_rng(0)).sum(axis=1)
        array([4., 4.])
    """
    return rng.multinomial(clusters, np.full(clusters, 1 / clusters), size=resamples).astype(np.float64)


def resampled(method: str, x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """Compute a correlation in every cluster bootstrap sample.

    Args:
        method: one of :data:`METHODS`.
        x: (N,).
        y: (N,).
        owners: (N,), the cluster of each item, from 0 to C - 1.
        counts: (B, C), how often each sample contains each cluster.

    Returns:
        (B,) in [-1, 1]; NaN for samples in which x or y is constant.

    Example:
        >>> import numpy as np
        >>> x, y, owners = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0]), np.array([0, 0, 1, 1])
        >>> resampled("kendall", x, y, owners, np.array([[1.0, 1.0], [2.0, 0.0]])).round(3)
        array([0.667, 1.   ])
    """
    if method == KENDALL:
        return resampled_kendall(x, y, owners, counts)
    weights = counts[:, owners]
    if method == SPEARMAN:
        return resampled_spearman(x, y, weights)
    return _pearson_of_clusters(x, y, owners, counts)


def _pearson_of_clusters(x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """Compute Pearson's correlation from sums over clusters, which is faster than from items where these are few."""
    x, y = ((values - values.mean()) / (values.std() or 1.0) for values in (x, y))  # so that squares lose no digits
    terms = (np.ones_like(x), x, y, x * x, y * y, x * y)
    sums = np.stack([np.bincount(owners, term, counts.shape[1]) for term in terms], axis=1)
    n, sum_x, sum_y, xx, yy, xy = (counts @ sums).T
    variances = np.stack([xx / n - (sum_x / n) ** 2, yy / n - (sum_y / n) ** 2])
    product = np.where((variances > NO_VARIANCE).all(axis=0), variances.prod(axis=0), 0.0)
    return _ratio(xy / n - sum_x * sum_y / n**2, np.sqrt(product))


def resampled_pearson(x: Array, y: Array, weights: Array) -> Array:
    """Compute Pearson's correlation in samples that contain item i ``weights[b, i]`` times.

    Args:
        x: (N,) or (B, N).
        y: (N,) or (B, N).
        weights: (B, N).

    Returns:
        (B,) in [-1, 1]; NaN where the variance of x or y is 0.

    Example:
        >>> import numpy as np
        >>> x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 3.0, 4.0])
        >>> resampled_pearson(x, y, np.array([[1.0, 1.0, 1.0], [2.0, 1.0, 0.0]])).round(3)
        array([0.929, 1.   ])
    """
    total = np.maximum(weights.sum(axis=1, keepdims=True), 1)  # 0 for a sample without any of these items
    dx = x - (weights * x).sum(axis=1, keepdims=True) / total
    dy = y - (weights * y).sum(axis=1, keepdims=True) / total
    covariance = (weights * dx * dy).sum(axis=1)
    variances = _spread(x, dx, weights) * _spread(y, dy, weights)
    return _ratio(covariance, np.sqrt(variances))


def _spread(x: Array, deviation: Array, weights: Array) -> Array:
    """Return the sums of squares (B,); 0 for equal values, also if rounding their mean gave another number."""
    squares: Array = (weights * deviation**2).sum(axis=1)
    largest = np.abs(x).max(axis=-1, initial=0.0)
    return np.where(squares > weights.sum(axis=1) * (ROUNDING * largest) ** 2, squares, 0.0)


def resampled_spearman(x: Array, y: Array, weights: Array) -> Array:
    """Compute Spearman's rho in samples that contain item i ``weights[b, i]`` times.

    Args:
        x: (N,).
        y: (N,).
        weights: (B, N).

    Returns:
        (B,) in [-1, 1]; NaN for samples in which x or y is constant.

    Example:
        >>> import numpy as np
        >>> x, y = np.array([1.0, 2.0, 4.0]), np.array([1.0, 4.0, 3.0])
        >>> resampled_spearman(x, y, np.array([[1.0, 1.0, 1.0], [1.0, 2.0, 0.0]])).round(3)
        array([0.5, 1. ])
    """
    parts = np.array_split(weights, max(1, -(-weights.size // CHUNK)))
    return np.concatenate([resampled_pearson(_ranks(x, part), _ranks(y, part), part) for part in parts])


def _ranks(values: Array, weights: Array) -> Array:
    """Rank the values within each sample: (B, N), equal values at their mean rank."""
    order = np.argsort(values, kind="stable")
    new = np.append(True, np.diff(values[order]) > 0)
    drawn = np.add.reduceat(weights[:, order], np.flatnonzero(new), axis=1)  # (B, distinct values)
    mean_rank = np.cumsum(drawn, axis=1) - (drawn - 1) / 2
    ranks: Array = np.empty_like(weights)
    ranks[:, order] = mean_rank[:, np.cumsum(new) - 1]
    return ranks


def resampled_kendall(x: Array, y: Array, owners: Owners, counts: Array) -> Array:
    """Compute Kendall's tau-b in cluster bootstrap samples.

    The sums over pairs of items are sums over pairs of clusters, so each sample's are quadratic forms in its counts. An
    item that is drawn twice is tied with itself in x and y, like any two equal items.

    Args:
        x: (N,).
        y: (N,).
        owners: (N,), the cluster of each item, from 0 to C - 1.
        counts: (B, C), how often each sample contains each cluster.

    Returns:
        (B,) in [-1, 1]; NaN for samples in which x or y is constant.

    Example:
        >>> import numpy as np
        >>> x, y, owners = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.0, 2.0, 4.0, 3.0]), np.array([0, 0, 1, 1])
        >>> resampled_kendall(x, y, owners, np.array([[1.0, 1.0], [2.0, 0.0]])).round(3)
        array([0.667, 1.   ])
    """
    clusters = counts.shape[1]
    sums = np.zeros((3, clusters, clusters))  # concordant less discordant pairs, pairs that differ in x, in y
    for cluster in range(clusters):
        items = owners == cluster
        sign_x, sign_y = (_signs(values[items], values) for values in (x, y))
        for total, pairs in zip(sums, (sign_x * sign_y, sign_x != 0, sign_y != 0), strict=True):
            whole = pairs.sum(axis=0, dtype=np.int64)  # exact in any order
            total[cluster] = np.bincount(owners, whole, clusters)
    score, nx, ny = (((counts @ total) * counts).sum(axis=1) for total in sums)
    return _ratio(score, np.sqrt(nx * ny))


def _signs(some: Array, values: Array) -> NDArray[np.int8]:
    """Return the sign of each difference, (some, values), in a byte: there may be hundreds of millions."""
    signs: NDArray[np.int8] = (some[:, None] > values).view(np.int8) - (some[:, None] < values).view(np.int8)
    return signs


def _ratio(a: Array, b: Array) -> Array:
    """Divide, NaN where b is 0, clipped to [-1, 1] against rounding."""
    ratio: Array = np.divide(a, b, out=np.full_like(a, np.nan), where=b > 0)
    return np.clip(ratio, -1, 1)
