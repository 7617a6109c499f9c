"""The scores of one loss network from the upper triangles of two matrices."""

from __future__ import annotations

from math import isqrt

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats import drawn_counts, estimate_resampled, kendall, resampled_spearman, spearman
from lnkit_judgments.matrix.protocol import MatrixProtocol

Array = NDArray[np.float64]

LARGEST = 2**22  # numbers in one array of counts


def score_all(distance: Array, dissimilarity: Array, protocol: MatrixProtocol, seed: int) -> Outcome:
    """Correlate distances with dissimilarities.

    Spearman's interval comes from samples of the images, drawn with replacement, without pairs of an image with itself.
    Kendall's has none: it would rank a million pairs anew for each of a thousand samples.

    Args:
        distance: (N (N - 1) / 2,), the upper triangle row by row.
        dissimilarity: the same, as people judge.
        protocol: says how many bootstrap samples to draw.
        seed: of the bootstrap.

    References:
        Nili et al. 2014, on the bootstrap over images.
    """
    arrays = {"distance": distance, "dissimilarity": dissimilarity}
    if np.ptp(distance) == 0 or np.ptp(dissimilarity) == 0:
        return Outcome({}, arrays, ("undefined: all distances, or all judgments, are the same",))
    resampled = _resampled(distance, dissimilarity, protocol.resamples, np.random.default_rng(seed))
    images = _images(distance)
    estimate = estimate_resampled(spearman(distance, dissimilarity), resampled, images)
    scores = {
        "spearman": Score(estimate.value, len(distance), estimate.interval(), cases=images),
        "kendall": Score(kendall(distance, dissimilarity), len(distance)),
    }
    return Outcome(scores, arrays)


def _images(triangle: Array) -> int:
    return (1 + isqrt(1 + 8 * len(triangle))) // 2


def _resampled(distance: Array, dissimilarity: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Return Spearman's correlation of samples: a pair is drawn as often as the product of its images' counts."""
    images = _images(distance)
    a, b = np.triu_indices(images, 1)
    parts = np.array_split(drawn_counts(images, resamples, rng), max(1, -(-resamples * len(distance) // LARGEST)))
    return np.concatenate([resampled_spearman(distance, dissimilarity, part[:, a] * part[:, b]) for part in parts])
