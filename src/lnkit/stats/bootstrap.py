"""Percentile bootstrap: 95 % intervals of scores over items."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Sampling:
    """The number of bootstrap samples, and the seed that draws them."""

    resamples: int = 2000  # Efron and Tibshirani 1993 advise 1,000 or more for percentile intervals
    seed: int = 0


def named_generator(seed: int, name: str) -> np.random.Generator:
    """Make a random generator for each name, so that no interval depends on which other parts are scored.

    Example:
        >>> named_generator(0, "cnn").integers(10, size=3).shape
        (3,)
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def mean_interval(values: NDArray[Any], resamples: int, rng: np.random.Generator) -> tuple[float, float] | None:
    """Compute the 95 % percentile interval of a mean.

    Args:
        values: (N,), one per item.
        resamples: number of bootstrap samples; 0 for no interval.
        rng: draws the samples. Seed it alike for several measures of the same items: each is then computed on the same
            draws, and their difference does not include the noise of the draw.

    Returns:
        Lower and upper bound; None without samples, or with fewer than two items.

    References:
        Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 13.3.

    Example:
        >>> import numpy as np
        >>> low, high = mean_interval(np.arange(100.0), 1000, np.random.default_rng(0))
        >>> round(low), round(high)
        (44, 55)
    """
    if not resamples or len(values) < 2:
        return None
    draws = rng.integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)


def resampled_means(values: NDArray[Any], resamples: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Compute the means of bootstrap samples of items that take few distinct values, such as votes of five people.

    Each sample is one multinomial draw of how often each distinct value occurs: fast for any number of items.

    Args:
        values: (N,), one per item.
        resamples: number of bootstrap samples.
        rng: draws the samples.

    Returns:
        (resamples,).

    Example:
        >>> import numpy as np
        >>> resampled_means(np.array([0.2, 0.2, 0.8, 1.0]), 1000, np.random.default_rng(0)).shape
        (1000,)
    """
    distinct, counts = np.unique(values, return_counts=True)
    means: NDArray[np.float64] = rng.multinomial(len(values), counts / len(values), size=resamples) @ distinct
    return means / len(values)


def central_interval(resampled: NDArray[Any]) -> tuple[float, float] | None:
    """Return the central 95 % of resampled scores, ignoring values that are not finite; None if none is finite.

    Example:
        >>> import numpy as np
        >>> central_interval(np.arange(201.0))
        (5.0, 195.0)
    """
    finite = resampled[np.isfinite(resampled)]
    if len(finite) == 0:
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)
