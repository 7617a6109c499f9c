"""How sure a mean over items is."""

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
