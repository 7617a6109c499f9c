"""The run of `similarity_matrix`: all distances, then their correlation with the judgments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit_judgments.matrix.data import MatrixData
from lnkit_judgments.matrix.scores import score_pairs

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure all distances for all loss networks, then score each of them."""
    found: MatrixData = data.content
    pairs = np.triu_indices(len(found.images), 1)
    title = f"comparing images with {context.networks[0].backbone}"
    with context.progress.task(title, len(found.dissimilarity), unit="pairs") as advance:
        comparer = context.services.comparer(context.protocol.distance_config(), len(found.images))
        distances = comparer.matrix(found.images, advance=advance, keep=context.store.get_or_compute)[pairs]
    return {
        network: score_pairs(distances[:, index], found.dissimilarity, context.protocol.resamples, context.seed)
        for index, network in enumerate(context.networks)
    }
