"""The run of `nights`: measure distances in shards, score them."""

from __future__ import annotations

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext
from lnkit.evaluation import open_shards
from lnkit_judgments.nights.data import NightsData
from lnkit_judgments.nights.protocol import NightsProtocol
from lnkit_judgments.nights.scores import Distances, score_all

SHARD = 128  # triplets, whose images are larger than those of other benchmarks; the size changes no distance


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    triplets: NightsData = data.content
    with open_shards(context, len(triplets.reference), "triplets") as shards:
        distances = shards.compare("triplets", triplets.reference, triplets.left, triplets.right, size=SHARD)
    return {
        network: score_all(
            Distances(triplets.right_share, distances[:, 0, index], distances[:, 1, index], triplets.imagenet),
            context.protocol,
            context.seed,
        )
        for index, network in enumerate(context.networks)
    }


def rescore(arrays: Arrays, protocol: NightsProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(Distances.from_arrays(arrays), protocol, seed)
