"""The benchmark `similarity_matrix`: are images far from each other that people find different?

All pairs of images of a set are compared, and the distances are correlated with people's judgments: representational
similarity analysis (Kriegeskorte et al. 2008) with distances of loss networks.
"""

from __future__ import annotations

import lnkit
from lnkit_judgments.matrix.protocol import VARIANTS

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


SIMILARITY_MATRIX = lnkit.BenchmarkSpec(
    name="similarity_matrix",
    title="similarity within a set",
    version="1",
    citation="Kriegeskorte et al., Representational similarity analysis, Frontiers in Systems Neuroscience 2008",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_judgments.matrix.data:open_data",
    run="lnkit_judgments.matrix.run:run",
    rescore="lnkit_judgments.matrix.run:rescore",
)
