"""Two-alternative forced choice: how far distances agree with people on which of two images is closer to a third."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def agreement(judge: NDArray[Any], d0: NDArray[Any], d1: NDArray[Any]) -> NDArray[np.float64]:
    """How far a distance agrees with the people, triplet by triplet.

    The 2AFC score is the mean of this (K Eq. 2): J where p1 is nearer, 1 - J where p0 is, and 0.5 where they tie. P
    Eq. 2 has no third case, but its implementation computes it.

    Args:
        judge: (N,) in [0, 1], the fraction J of people who found p1 the closer one.
        d0: (N,) distances from the reference to p0.
        d1: (N,) distances from the reference to p1.

    Returns:
        (N,) in [0, 1].
    """
    return np.where(d1 < d0, judge, np.where(d0 < d1, 1.0 - judge, 0.5))
