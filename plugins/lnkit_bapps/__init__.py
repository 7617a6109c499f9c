"""The benchmark `bapps`: does a loss network judge similarity as people do?

BAPPS (Zhang et al. 2018) asks people two questions. 2AFC: which of two distorted patches is closer to the reference?
JND: do two patches look the same? The distances of a loss network are scored against their answers.
"""

from __future__ import annotations

from collections.abc import Callable

import lnkit
from lnkit.datasets.two_afc_layout import BAPPS_DATASET, BAPPS_MIRROR
from lnkit_bapps.protocol import VARIANTS

SCORES = (
    lnkit.ScoreSpec(
        "2afc",
        "agreement with people on which of two images is closer",
        aggregation="mean of families",
        primary=True,
    ),
    lnkit.ScoreSpec("2afc_pooled", "the same over all triplets at once", aggregation="mean of triplets"),
    lnkit.ScoreSpec(
        "2afc_majority",
        "share of triplets on which the network chooses as most people did",
        aggregation="mean of families",
    ),
    lnkit.ScoreSpec("2afc_distortion", "the families traditional and cnn", aggregation="mean of families"),
    lnkit.ScoreSpec(
        "2afc_real", "the families superres, deblur, color and frameinterp", aggregation="mean of families"
    ),
    lnkit.ScoreSpec("2afc/<family>", "one family of triplets", aggregation="mean of triplets"),
    lnkit.ScoreSpec(
        "jnd_map",
        "average precision of telling which pairs look the same",
        aggregation="all pairs pooled",
        primary=True,
    ),
    lnkit.ScoreSpec("jnd_map_mean", "the same, family by family", aggregation="mean of families"),
    lnkit.ScoreSpec("jnd_map/<family>", "one family of pairs", aggregation="all pairs of the family"),
)


BAPPS = lnkit.BenchmarkSpec(
    name="bapps",
    title="perceptual similarity",
    version="1",
    citation="Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, CVPR 2018",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_bapps.data:open_data",
    run="lnkit_bapps.run:run",
    datasets=(BAPPS_DATASET, BAPPS_MIRROR),
    rescore="lnkit_bapps.run:rescore",
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(BAPPS)
