"""How sure a score over items is: bootstrap samples and their central 95 %."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def mean_interval(values: NDArray[Any], resamples: int, rng: np.random.Generator) -> tuple[float, float] | None:
    """The central 95 % of the means of bootstrap samples of the items.

    Args:
        values: (N,), one per item.
        resamples: bootstrap samples; 0 for none.
        rng: draws them. One that is seeded alike for several measures of the same items draws the same items for
            each, so that differences between the measures are not those of the draw.

    Returns:
        Lower and upper bound; None without samples, or of fewer than two items.
    """
    if not resamples or len(values) < 2:
        return None
    draws = rng.integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def resampled_means(values: NDArray[Any], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Means of bootstrap samples of items that take few distinct values, such as agreements with five people.

    A sample is drawn as one multinomial count of each distinct value, which is fast however many items there are.

    Args:
        values: (N,), one per item.
        resamples: bootstrap samples.
        rng: draws them.

    Returns:
        (resamples,).
    """
    distinct, counts = np.unique(values, return_counts=True)
    means: NDArray[np.float64] = rng.multinomial(len(values), counts / len(values), size=resamples) @ distinct
    return means / len(values)


def central_interval(resampled: NDArray[Any]) -> tuple[float, float] | None:
    """The central 95 % of resampled scores, those that are no numbers left out; None if there are none."""
    finite = resampled[np.isfinite(resampled)]
    if len(finite) == 0:
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
