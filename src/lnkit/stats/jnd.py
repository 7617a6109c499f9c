"""Just noticeable differences (JND): do small distances mean that people see no difference between two images?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def average_precision(distance: Array, same: Array, weight: Array | None = None) -> float:
    """Compute the average precision of "a small distance means that the images look the same", the JND mAP of LPIPS.

    It is the area under the monotone precision envelope, as in Pascal VOC. Pairs at equal distances enter together, so
    that the order of the files does not matter.

    Args:
        distance: (N,) distances between the images of each pair.
        same: (N,) in [0, 1], the fraction of people who saw no difference.
        weight: (N,) how often each pair counts in a bootstrap sample; once if None.

    Returns:
        Average precision in [0, 1]; NaN if nobody saw two images as the same.

    References:
        Zhang2018 (JND mAP of BAPPS). Everingham et al. 2010, "The Pascal Visual Object Classes (VOC) Challenge".

    Example:
        >>> import numpy as np
        >>> round(average_precision(np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 0.0, 1.0, 0.0])), 3)
        0.833
    """
    order = np.argsort(distance, kind="stable")
    weight = np.ones_like(distance) if weight is None else weight
    true = np.cumsum((weight * same)[order])
    seen = np.cumsum(weight[order])
    last = np.append(np.diff(distance[order]) > 0, True) & (seen > 0)
    true, seen = true[last], seen[last]
    if true[-1] == 0:
        return float("nan")
    precision = np.maximum.accumulate((true / seen)[::-1])[::-1]
    return float(np.sum(np.diff(true / true[-1], prepend=0.0) * precision))


def resampled_precisions(distance: Array, same: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Compute the average precisions of bootstrap samples of the pairs.

    Args:
        distance: (N,) distances between the images of each pair.
        same: (N,) in [0, 1], the fraction of people who saw no difference.
        resamples: number of bootstrap samples.
        rng: draws the samples.

    Returns:
        (resamples,).

    Example:
        >>> import numpy as np
        >>> distance, same = np.array([0.1, 0.2, 0.3, 0.4]), np.array([1.0, 0.0, 1.0, 0.0])
        >>> resampled_precisions(distance, same, 3, np.random.default_rng(0)).shape
        (3,)
    """
    n = len(distance)
    draws = (np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64) for _ in range(resamples))
    return np.array([average_precision(distance, same, weight) for weight in draws])
