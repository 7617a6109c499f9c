"""The run of `nights`: distances shard by shard, then scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.evaluation.shards import open_shards
from lnkit_judgments.nights.data import NightsData
from lnkit_judgments.nights.scores import Measured, score_all

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext

Array = np.ndarray[Any, Any]

SHARD = 128  # triplets between two savings; a kill loses at most this much, and its size changes no distance


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    triplets: NightsData = data.content
    found = _measure(context, triplets)
    return {
        network: score_all(
            Measured(triplets.right_share, found[:, 0, index], found[:, 1, index], triplets.imagenet),
            context.protocol.resamples,
            context.seed,
        )
        for index, network in enumerate(context.networks)
    }


def _measure(context: RunContext, triplets: NightsData) -> Array:
    """Measure the distances from the references to the left and right images, (N, 2, loss networks)."""
    with open_shards(context, len(triplets.reference), "triplets") as shards:
        return shards.compare("triplets", triplets.reference, triplets.left, triplets.right, size=SHARD)
