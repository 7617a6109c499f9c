"""The nonlinear regression from measured distances to opinions, after which linear correlations are published.

Opinion scales saturate at both ends, so a metric is first mapped to them by a logistic function with free parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares
from scipy.special import expit

Array = NDArray[np.float64]
Function = Callable[[Array, Array], Array]


@dataclass(frozen=True, slots=True)
class Fit:
    """A fitted curve."""

    predicted: Array  # (N,), on the scale of the opinions
    rises: bool  # on the whole; a curve that falls belongs to a metric that goes the wrong way


@dataclass(frozen=True, slots=True)
class Search:
    """Where the search for the parameters begins, and which of its ends counts."""

    starts: Callable[[Array, Array], list[list[float]]]  # of x and y
    standardized: bool = True  # whether x has mean 0 and standard deviation 1 in the search
    best: Literal["error", "correlation"] = "error"  # the least squared error, or the largest absolute correlation
    floor: bool = True  # whether the straight line counts where it correlates better
    steps: int = 2000  # evaluations of the function from one start


def logistic5(b: Array, x: Array) -> Array:
    """Return b1 (1/2 - 1 / (1 + exp(b2 (x - b3)))) + b4 x + b5 (Sheikh et al. 2006)."""
    predicted: Array = b[0] * (0.5 - expit(-b[1] * (x - b[2]))) + b[3] * x + b[4]
    return predicted


def logistic4(b: Array, x: Array) -> Array:
    """Return (b1 - b2) / (1 + exp(-(x - b3) / |b4|)) + b2 (VQEG 2003); here b4 is the slope 1 / |b4|."""
    predicted: Array = (b[0] - b[1]) * expit(np.abs(b[3]) * (x - b[2])) + b[1]
    return predicted


def fit_logistic4(x: Array, y: Array) -> Fit:
    """Map ``x`` (N,) to the scale of ``y`` (N,) by the monotone four-parameter logistic, in either direction."""
    return _fit(x, y, logistic4, FOUR)


def fit_logistic5(x: Array, y: Array, starts: str = "lnkit") -> Fit:
    """Map ``x`` (N,) to the scale of ``y`` (N,) by the five-parameter logistic, which contains the straight line.

    Args:
        x: Measured values.
        y: Opinions.
        starts: A key of :data:`FIVE`: whose search it is.
    """
    return _fit(x, y, logistic5, FIVE[starts])


def _fit(x: Array, y: Array, function: Function, search: Search) -> Fit:
    x = _standardized(x) if search.standardized else x
    ends = [
        least_squares(lambda b: function(b, x) - y, start, method="lm", max_nfev=search.steps)
        for start in search.starts(x, y)
    ]
    curves = [function(end.x, x) for end in ends]
    if search.best == "error":
        curve = curves[min(range(len(ends)), key=lambda i: float(ends[i].cost))]
    else:
        curve = max(curves, key=lambda c: _correlation(c, y))
    if search.floor and _correlation(curve, y) < _correlation(x, y):
        slope, height = np.polyfit(x, y, 1)
        curve = slope * x + height
    return Fit(curve, float(np.mean(_standardized(curve) * _standardized(x))) >= 0)


def _correlation(x: Array, y: Array) -> float:
    """Return the absolute correlation; 0 where x or y does not vary."""
    return abs(float(np.mean(_standardized(x) * _standardized(y))))


def _standardized(values: Array) -> Array:
    centered: Array = values - values.mean()
    spread = float(centered.std())
    return centered / spread if spread > 0 else centered


def _lnkit4(x: Array, y: Array) -> list[list[float]]:
    """Both directions, and slopes up to pyiqa's, whose start is max y, min y, mean x and std x / 4."""
    ends = ((y.max(), y.min()), (y.min(), y.max()))
    return [[a, b, 0.0, slope] for a, b in ends for slope in (0.5, 1.0, 4.0)]


def _lnkit5(x: Array, y: Array) -> list[list[float]]:
    line = float(np.mean(x * (y - y.mean())))  # the slope of the least-squares line
    curved = [[float(np.ptp(y)), slope, 0.0, 0.0, float(y.mean())] for slope in (0.5, 1.0, 3.0, -0.5, -1.0, -3.0)]
    return [*curved, [float(np.copysign(0.1 * y.std(), line)), 1.0, 0.0, line, float(y.mean())]]


def _jld(x: Array, y: Array) -> list[list[float]]:
    p, m = float(np.ptp(y)), float(y.mean())
    return [[height, slope, 0.0, 0.0, m] for height in (p, -p) for slope in (0.5, 1.0, 2.0, 4.0)]


def _fomo(x: Array, y: Array) -> list[list[float]]:
    p, m = float(np.ptp(y)), float(y.mean())
    return [
        [p, 1.0, 0.0, 0.1, m],
        [p, 0.1, float(np.median(x)), 0.0, m],
        [-p, 1.0, 0.0, -0.1, m],
        [p, 5.0, 0.0, 0.0, m],
        [p, 0.5, 0.0, 0.0, m],
    ]


FOUR = Search(_lnkit4)
FIVE: Mapping[str, Search] = {  # the code of each project
    "lnkit": Search(_lnkit5),
    "jld": Search(_jld, best="correlation", steps=20_000),
    "fomo": Search(_fomo, floor=False, steps=40_000),
    "pyiqa": Search(lambda x, y: [[10.0, 0.0, float(y.mean()), 0.1, 0.1]], standardized=False, floor=False),
    "dbcnn": Search(lambda x, y: [[10.0, 0.0, float(x.mean()), 0.1, 0.1]], standardized=False, floor=False),
}
