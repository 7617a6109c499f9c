"""The benchmark `similarity_matrix`: are images far from each other that people find different?

All images of a set are compared two by two, and the distances are correlated with what people said: representational
similarity analysis (Kriegeskorte et al. 2008) with distances of loss networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import lnkit
from lnkit_judgments.matrix.protocol import VARIANTS, MatrixProtocol

if TYPE_CHECKING:
    import numpy as np

SCORES = (
    lnkit.ScoreSpec(
        "spearman",
        "Spearman's rank correlation of distances with people's dissimilarities",
        unit="correlation",
        lower=-1.0,
        aggregation="all pairs of images",
        primary=True,
    ),
    lnkit.ScoreSpec(
        "kendall",
        "Kendall's rank correlation tau-b of the same",
        unit="correlation",
        lower=-1.0,
        aggregation="all pairs of images",
    ),
)


def _rescore(arrays: Mapping[str, np.ndarray], protocol: MatrixProtocol, seed: int) -> lnkit.Outcome:
    from lnkit_judgments.matrix.scores import score_pairs  # noqa: PLC0415 - scipy, only when it runs

    return score_pairs(arrays["distance"], arrays["dissimilarity"], protocol.resamples, seed)


SIMILARITY_MATRIX = lnkit.BenchmarkSpec(
    name="similarity_matrix",
    title="similarity within a set",
    version="1",
    citation="Kriegeskorte et al., Representational similarity analysis, Frontiers in Systems Neuroscience 2008",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_judgments.matrix.data:open_data",
    run="lnkit_judgments.matrix.run:run",
    rescore=_rescore,
)
