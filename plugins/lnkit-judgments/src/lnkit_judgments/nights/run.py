"""The run of `nights`: distances shard by shard, then scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.data.pack.array_folder import release
from lnkit.evaluation.shards import Advance, Shards
from lnkit_judgments.nights.data import NightsData
from lnkit_judgments.nights.scores import Measured, score_all

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit.distances.comparer import ImageComparer

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
    """Distances from the references to the left and right images, (N, 2, loss networks)."""
    count = len(triplets.reference)
    title = f"comparing images with {context.networks[0].backbone}"
    with context.progress.task(title, count, unit="triplets") as advance:
        measurement = Shards(context, count, advance)
        starts = range(0, count, SHARD)
        return np.concatenate([_shard(measurement, triplets, slice(start, start + SHARD)) for start in starts])


def _shard(measurement: Shards, triplets: NightsData, rows: slice) -> Array:
    images = [triplets.reference[rows], triplets.left[rows], triplets.right[rows]]

    def compute(comparer: ImageComparer, tell: Advance) -> Array:
        return comparer.compare(*images, advance=tell)

    found = measurement.measure(f"triplets-{rows.start:06d}", len(images[0]), compute)
    release(*images)
    return found
