"""The scores of one loss network, with their intervals and ceilings, from its distances and people's votes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats import SHARE, estimate_mean, majority_agreement, two_afc_agreement
from lnkit_judgments.nights.protocol import NightsProtocol

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Distances:
    """The distances of a loss network with people's votes; (N,) each."""

    right_share: Array  # of the votes, in [0, 1]
    left: Array  # distance from the reference
    right: Array
    imagenet: NDArray[Any]  # whether the category is one of ImageNet's: 1 or 0; -1 where the data do not say it

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Distances:
        """Restore what :meth:`arrays` returned."""
        return cls(*(np.asarray(arrays[name]) for name in ("right_share", "left", "right", "imagenet")))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, to be stored beside the record."""
        return dict(vars(self))


def score_all(distances: Distances, protocol: NightsProtocol | None = None, seed: int = 0) -> Outcome:
    """Return the agreement over all triplets, over those of ImageNet's categories, and over the others.

    The agreement with the majority leaves out triplets whose votes are split in halves.
    """
    share = distances.right_share
    agreed, best = two_afc_agreement(share, distances.left, distances.right), np.maximum(share, 1 - share)
    parts = {
        "2afc": np.ones(len(agreed), bool),
        "2afc/imagenet": distances.imagenet == 1,
        "2afc/no_imagenet": distances.imagenet == 0,
    }
    scores = {
        name: Score(
            float(agreed[part].mean()),
            int(part.sum()),
            estimate_mean(agreed[part], scale=SHARE).interval(),
            {"best possible": float(best[part].mean())},
        )
        for name, part in parts.items()
        if part.any()
    }
    majority = majority_agreement(share, distances.left, distances.right)
    ties = len(share) - len(majority)
    if len(majority):
        interval = estimate_mean(majority, scale=SHARE).interval()
        scores["2afc_majority"] = Score(float(majority.mean()), len(majority), interval, {"best possible": 1.0})
    notes = (f"2afc_majority leaves out {ties:,} triplets whose votes are split in halves",) * bool(ties)
    return Outcome(scores, distances.arrays(), notes)
