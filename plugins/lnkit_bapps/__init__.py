"""The benchmark `bapps`: does a loss network judge similarity as people do?

BAPPS (Zhang et al. 2018) asks two questions. 2AFC: which of two distorted patches is closer to the reference? JND: do
two patches look the same? The distance of a loss network is scored against the answers of people.
"""

from __future__ import annotations

from collections.abc import Callable

import lnkit
from lnkit_bapps.protocol import VARIANTS

SERVER = "https://perceptual-similarity.s3.us-west-2.amazonaws.com/dataset"

DATASET = lnkit.DatasetSpec(
    name="bapps",
    title="Berkeley-Adobe Perceptual Patch Similarity, validation sets",
    files=(
        # The sizes are those that the authors state; no checksums are published.
        lnkit.RemoteFile(f"{SERVER}/twoafc_val.tar.gz", size=1_100_000_000),
        lnkit.RemoteFile(f"{SERVER}/jnd.tar.gz", size=200_000_000),
    ),
    license="BSD-2-Clause (Zhang et al.); the photographs keep the terms of their sources",
    homepage="https://github.com/richzhang/PerceptualSimilarity",
    layout="2afc/val/<family>/{ref,p0,p1}/NNNNNN.png with judge/NNNNNN.npy, and jnd/val/<family>/{p0,p1}/ with same/",
)

SCORES = (
    lnkit.ScoreSpec(
        "2afc",
        "agreement with people on which of two images is closer",
        aggregation="mean of families",
        primary=True,
    ),
    lnkit.ScoreSpec("2afc_pooled", "the same over all triplets at once", aggregation="mean of triplets"),
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
    open_data="lnkit_bapps.run:open_data",
    run="lnkit_bapps.run:run",
    datasets=(DATASET,),
    rescore="lnkit_bapps.run:rescore",
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(BAPPS)
