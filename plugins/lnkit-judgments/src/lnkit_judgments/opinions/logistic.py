"""The nonlinear regression from measured distances to opinions, after which linear correlations are published.

Opinion scales saturate at both ends, so a metric is first mapped to them by a logistic function with free parameters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

Array = NDArray[np.float64]

STARTS = (0.5, 1.0, 3.0)  # initial slopes, in standard deviations; the best result counts
MOST_STEPS = 2000  # evaluations from one start; some tens suffice as a rule


def logistic5(b: Array, x: Array) -> Array:
    """Return b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5 (Sheikh et al. 2006)."""
    predicted: Array = b[0] * (0.5 - expit(-b[1] * (x - b[2]))) + b[3] * x + b[4]
    return predicted


def logistic4(b: Array, x: Array) -> Array:
    """Return (b1 - b2) / (1 + exp(-(x - b3) / |b4|)) + b2 (VQEG 2003); here b4 is the slope 1 / |b4|."""
    predicted: Array = (b[0] - b[1]) * expit(np.abs(b[3]) * (x - b[2])) + b[1]
    return predicted


def fit_logistic(x: Array, y: Array, fit: str) -> Array:
    """Map ``x`` (N,) to the scale of ``y`` (N,) by the least-squares fit of a logistic function.

    Both are standardized first: it changes no correlation, and avoids extreme numbers in the search.

    Args:
        x: Measured values; they rise with y, or do not vary.
        y: Opinions.
        fit: "logistic5", which contains the straight line, or "logistic4", which is monotone.

    Returns:
        (N,) predicted opinions, standardized.
    """
    x, y = _standardized(x), _standardized(y)
    function, starts = _CHOICES[fit]
    ends = [
        least_squares(lambda b: function(b, x) - y, start, method="lm", max_nfev=MOST_STEPS) for start in starts(x, y)
    ]
    return function(min(ends, key=lambda end: float(end.cost)).x, x)


def _starts5(x: Array, y: Array) -> list[Array]:
    line = float(np.mean(x * y))  # the slope of the least-squares line
    curved = [np.array([np.ptp(y), slope, 0.0, 0.0, 0.0]) for slope in STARTS]
    return [*curved, np.array([0.1, 1.0, 0.0, line, 0.0])]


def _starts4(x: Array, y: Array) -> list[Array]:
    return [np.array([y.max(), y.min(), 0.0, slope]) for slope in STARTS]


_CHOICES: dict[str, tuple[Callable[[Array, Array], Array], Callable[[Array, Array], list[Array]]]] = {
    "logistic5": (logistic5, _starts5),
    "logistic4": (logistic4, _starts4),
}


def _standardized(values: Array) -> Array:
    centered: Array = values - values.mean()
    spread = float(centered.std())
    return centered / spread if spread > 0 else centered
