"""From the PSNR and SSIM of single images to scores, with their intervals and what bicubic enlargement reaches."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats.bootstrap import mean_interval

Values = NDArray[np.float64]  # (N,), one per image
BICUBIC = "bicubic"  # prefix of the arrays of what is compared with: "x4/set5/bicubic_psnr"


def score_all(arrays: Mapping[str, Any], resamples: int, seed: int) -> Outcome:
    """Every score of which there are values.

    Args:
        arrays: "x4/set5/psnr" and the like, one value per image, each with its "x4/set5/bicubic_psnr".
        resamples: of the bootstrap.
        seed: of the same.
    """
    exact = {key: np.asarray(array, np.float64) for key, array in arrays.items()}
    scores = {}
    for key, values in exact.items():
        factor, test_set, measure = key.split("/")
        if not measure.startswith(BICUBIC):
            baseline = exact[f"{factor}/{test_set}/{BICUBIC}_{measure}"]
            name = f"{factor}_{measure}_{test_set}"
            scores[name] = _score(values, baseline, resamples, _generator(seed, test_set))
    return Outcome(scores, exact)


def _score(values: Values, baseline: Values, resamples: int, rng: np.random.Generator) -> Score:
    return Score(
        float(values.mean()),
        n=len(values),
        interval=mean_interval(values, resamples, rng),
        baselines={BICUBIC: float(baseline.mean())},
    )


def _generator(seed: int, test_set: str) -> np.random.Generator:
    """The same for all scores of a test set, so that differences between them are not those of the draw."""
    return np.random.default_rng([seed, zlib.crc32(test_set.encode())])
