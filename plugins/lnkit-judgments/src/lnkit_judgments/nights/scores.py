"""The scores of one loss network, with their intervals and ceilings, from its distances and people's choices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats.bootstrap import central_interval, resampled_means
from lnkit.stats.rank_correlation import Array
from lnkit.stats.two_afc import two_afc_agreement


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
    share = measured.right_share
    agreed, best = two_afc_agreement(share, measured.left, measured.right), np.maximum(share, 1 - share)
    parts = {
        "2afc": np.ones(len(agreed), bool),
        "2afc/imagenet": measured.imagenet,
        "2afc/no_imagenet": ~measured.imagenet,
    }
    scores = {
        name: Score(
            float(agreed[part].mean()),
            int(part.sum()),
            central_interval(resampled_means(agreed[part], resamples, np.random.default_rng([seed, number]))),
            {"best possible": float(best[part].mean())},
        )
        for number, (name, part) in enumerate(parts.items())
        if part.any()
    }
    return Outcome(scores, measured.arrays())
