"""The run of `things`: each image goes through the network once, and the distances within triplets are measured."""

from __future__ import annotations

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext
from lnkit_judgments.things.data import ThingsData
from lnkit_judgments.things.protocol import ThingsProtocol
from lnkit_judgments.things.scores import Distances, score_all


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    content: ThingsData = data.content
    images = len(content.images)
    a, b, odd = content.triplets.T
    pairs = np.zeros((images, images), bool)
    for first, second in ((a, b), (a, odd), (b, odd)):
        pairs[np.minimum(first, second), np.maximum(first, second)] = True
    title = f"comparing images with {context.backbone.name}"
    with context.progress.task(title, int(pairs.sum()), unit="pairs") as advance:
        comparer = context.services.comparer(context.protocol.distance_config(), images)
        matrix = comparer.matrix(content.images, advance=advance, store=context.store, pairs=pairs)
    return {
        network: score_all(
            Distances(matrix[a, b, index], matrix[a, odd, index], matrix[b, odd, index], content.triplets),
            context.protocol,
            context.seed,
        )
        for index, network in enumerate(context.networks)
    }


def rescore(arrays: Arrays, protocol: ThingsProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(Distances.from_arrays(arrays), protocol, seed)
