"""The run of `similarity_matrix`: measure all distances, correlate them with the judgments."""

from __future__ import annotations

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext
from lnkit_judgments.matrix.data import MatrixData
from lnkit_judgments.matrix.protocol import MatrixProtocol
from lnkit_judgments.matrix.scores import score_all


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure all distances for all loss networks, then score each of them."""
    content: MatrixData = data.content
    pairs = np.triu_indices(len(content.images), 1)
    title = f"comparing images with {context.backbone.name}"
    with context.progress.task(title, len(content.dissimilarity), unit="pairs") as advance:
        comparer = context.services.comparer(context.protocol.distance_config(), len(content.images))
        distances = comparer.matrix(content.images, advance=advance, store=context.store)[pairs]
    return {
        network: score_all(distances[:, index], content.dissimilarity, context.protocol, context.seed)
        for index, network in enumerate(context.networks)
    }


def rescore(arrays: Arrays, protocol: MatrixProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(arrays["distance"], arrays["dissimilarity"], protocol, seed)
