"""Contrast matching: the contrast at which a grating is as far from a uniform field as a reference is."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

Array = NDArray[np.float64]

TOLERANCE = 1e-5  # in contrast; Cai2025


def crossings(distances: Array, target: float) -> NDArray[np.int64]:
    """Return where distances pass the target: numbers of the last contrast before each pass, ascending.

    Args:
        distances: (T,), at ascending contrasts.
        target: a distance.
    """
    reached = distances >= target
    return np.flatnonzero(reached[1:] != reached[:-1])


def match(contrasts: Array, distances: Array, target: float, exact: Callable[[float], float] | None = None) -> float:
    """Return the lowest contrast with the distance of the target.

    Args:
        contrasts: (T,), ascending.
        distances: (T,), at these contrasts.
        target: the distance of the reference.
        exact: computes the distance at any contrast, to find the match by Brent's method inside the table's interval;
            None interpolates the table, linearly over the logarithm of contrast.

    Returns:
        The match; where no distance passes the target the lowest contrast if all are above it, else the highest.

    References:
        Cai2025, whose search between the ends of the range gives the same wherever distances rise with contrast.
    """
    passes = crossings(distances, target)
    if not passes.size:
        return float(contrasts[0] if distances[0] >= target else contrasts[-1])
    low, high = contrasts[passes[0] : passes[0] + 2]
    below, above = distances[passes[0] : passes[0] + 2]
    if exact is not None and (below - target) * (above - target) < 0:
        return float(brentq(lambda contrast: exact(contrast) - target, low, high, xtol=TOLERANCE))
    share = (target - below) / (above - below)
    return float(np.exp(np.log(low) + share * np.log(high / low)))
