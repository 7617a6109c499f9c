"""From the measures of single tiles to scores with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score

Values = NDArray[np.float64]  # (N,), one per tile


def score_all(arrays: Mapping[str, Any], resamples: int, seed: int) -> Outcome:
    """Every score of which there are values.

    Args:
        arrays: "quality" and the like, in percent, one value per tile.
        resamples: of the bootstrap.
        seed: of the same.
    """
    exact = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    scores = {name: _score(values, resamples, seed) for name, values in exact.items()}
    return Outcome(scores, exact)


def _score(values: Values, resamples: int, seed: int) -> Score:
    return Score(float(values.mean()), n=len(values), interval=interval(values, resamples, seed))


def interval(values: Values, resamples: int, seed: int) -> tuple[float, float] | None:
    """The central 95 % of the means of bootstrap samples of the tiles; None without samples, or of one tile.

    The draw is the same for every measure, so that differences between them are not those of the draw.
    """
    if not resamples or len(values) < 2:
        return None
    draws = np.random.default_rng(seed).integers(len(values), size=(resamples, len(values)))
    low, high = np.percentile(values[draws].mean(axis=1), [2.5, 97.5])
    return float(low), float(high)
