"""Scores from the measures of single tiles, with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import Outcome, Score
from lnkit.stats import mean_interval

if TYPE_CHECKING:
    from lnkit_delineation.protocol import DelineationProtocol


def score_all(arrays: Mapping[str, Any], protocol: DelineationProtocol | None = None, seed: int = 0) -> Outcome:
    """Compute every score for which there are values.

    Args:
        arrays: "quality" and the like, in percent, one value per tile.
        protocol: not used; every benchmark's function has it.
        seed: not used; the intervals are not drawn.
    """
    exact = {name: np.asarray(array, np.float64) for name, array in arrays.items()}
    scores = {
        name: Score(float(values.mean()), n=len(values), interval=mean_interval(values))
        for name, values in exact.items()
    }
    return Outcome(scores, exact)
