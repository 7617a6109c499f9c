"""The scores of one loss network, with their intervals and ceilings, from its distances and people's choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit_judgments.correlations import Array, interval


@dataclass(frozen=True)
class Measured:
    """What was measured of each triplet, and what people chose; (N,) each."""

    right_share: Array  # of the votes, in [0, 1]
    left: Array  # distance from the reference
    right: Array
    imagenet: NDArray[np.bool_]

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Measured:
        """Read back what :meth:`arrays` gave."""
        return cls(*(np.asarray(arrays[name]) for name in ("right_share", "left", "right", "imagenet")))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """All of it by name, to be kept beside the record."""
        return dict(vars(self))


def score_all(measured: Measured, resamples: int, seed: int) -> Outcome:
    """The agreement over all triplets, and over those of ImageNet's categories and of others apart."""
    agreed, best = agreement(measured), np.maximum(measured.right_share, 1 - measured.right_share)
    parts = {
        "2afc": np.ones(len(agreed), bool),
        "2afc/imagenet": measured.imagenet,
        "2afc/no_imagenet": ~measured.imagenet,
    }
    scores = {
        name: Score(
            float(agreed[part].mean()),
            int(part.sum()),
            interval(_resampled_means(agreed[part], resamples, np.random.default_rng([seed, number]))),
            {"best possible": float(best[part].mean())},
        )
        for number, (name, part) in enumerate(parts.items())
        if part.any()
    }
    return Outcome(scores, measured.arrays())


def agreement(measured: Measured) -> Array:
    """How far each decision agrees with people, (N,) in [0, 1], as the authors compute it.

    The share of the votes for the nearer image; one half where both are as far.
    """
    share, left, right = measured.right_share, measured.left, measured.right
    return np.where(right < left, share, np.where(left < right, 1.0 - share, 0.5))


def _resampled_means(values: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Means of bootstrap samples of triplets; values are few, so a sample is drawn as one count of each."""
    distinct, counts = np.unique(values, return_counts=True)
    means: Array = rng.multinomial(len(values), counts / len(values), size=resamples) @ distinct / len(values)
    return means
