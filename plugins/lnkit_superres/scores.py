"""Scores from the measures of single images, with their intervals and those of bicubic enlargement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import Outcome, Score
from lnkit.stats import mean_interval

if TYPE_CHECKING:
    from lnkit_superres.protocol import SuperresProtocol

BICUBIC = "bicubic"  # baseline, and prefix of its arrays: "x4/set5/bicubic_psnr"


def score_all(arrays: Mapping[str, Any], protocol: SuperresProtocol | None = None, seed: int = 0) -> Outcome:
    """Compute every score for which there are values.

    Args:
        arrays: "x4/set5/psnr" and the like, one value per image, each with its "x4/set5/bicubic_psnr".
        protocol: not used; every benchmark's function has it.
        seed: not used; the intervals are not drawn.
    """
    exact = {key: np.asarray(array, np.float64) for key, array in arrays.items()}
    scores = {}
    for key, values in exact.items():
        factor, test_set, measure = key.split("/")
        if measure.startswith(BICUBIC):
            continue
        scores[f"{factor}_{measure}_{test_set}"] = Score(
            float(values.mean()),
            n=len(values),
            interval=mean_interval(values),
            baselines={BICUBIC: float(exact[f"{factor}/{test_set}/{BICUBIC}_{measure}"].mean())},
        )
    return Outcome(scores, exact)
