"""The benchmark `perceptual_probes`: why does a loss network judge images as it does? (Kumar et al. 2022).

It measures the perceptual score in its variants, and what may explain it: distortion sensitivity, layers, margins,
entropy of activations, low frequencies, TID2013. Any backbone will do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import lnkit
from lnkit.datasets.two_afc_layout import BAPPS_DATASET
from lnkit_probes.protocol import VARIANTS

LNKIT_INTERFACE = 1

Range = Literal["percent", "correlation", "fraction"]
BOUNDS: Mapping[str, tuple[float, float]] = {"percent": (0, 100), "correlation": (-1, 1), "fraction": (0, 1)}


def _score(name: str, description: str, unit: Range, aggregation: str, *, primary: bool = False) -> lnkit.ScoreSpec:
    low, high = BOUNDS[unit]
    return lnkit.ScoreSpec(
        name, description, unit=unit, lower=low, upper=high, aggregation=aggregation, primary=primary
    )


def _distance(name: str, description: str) -> lnkit.ScoreSpec:
    return lnkit.ScoreSpec(name, description, unit="distance", upper=math.inf, aggregation=FAMILIES)


FAMILIES, TRIPLETS, IMAGES = "mean of families", "mean of triplets", "mean of images"

SCORES = (
    _score("ps", "perceptual score: agreement with people on the closer of two", "percent", FAMILIES, primary=True),
    _score("ps/<family>", "the same, one family", "percent", TRIPLETS),
    _score("ps_distortion", "the same, the families traditional and cnn", "percent", FAMILIES),
    _score("ps_real", "the same, the families superres, deblur, color and frameinterp", "percent", FAMILIES),
    _score("ps_spatial", "perceptual score, distances position by position", "percent", FAMILIES),
    _score("ps_mean_pool", "perceptual score, distances of means over space", "percent", FAMILIES),
    _score("ps_style", "perceptual score, distances of Gram matrices", "percent", FAMILIES),
    _score("ps_native", "perceptual score at the size that the backbone was made for", "percent", FAMILIES),
    _score("ps_layer/<layer>", "perceptual score of one layer alone", "percent", FAMILIES),
    lnkit.ScoreSpec(
        "distortion_sensitivity",
        "by how much the patch that everybody found farther is farther",
        unit="distance",
        lower=-math.inf,
        upper=math.inf,
        aggregation=FAMILIES,
    ),
    _distance("distance_farther", "mean distance of the patch that everybody found farther"),
    _distance("distance_nearer", "mean distance of the other patch"),
    _score("margin_spearman", "rank correlation of margins with judgments", "correlation", FAMILIES),
    _score("margin_spearman/<family>", "the same, one family", "correlation", "all triplets"),
    _score("margin_kendall", "the same as tau-b", "correlation", FAMILIES),
    _score("entropy", "entropy of softmaxed activations over its largest value, mean of layers", "fraction", IMAGES),
    _score("entropy/<layer>", "the same, one layer", "fraction", IMAGES),
    _score("accuracy", "labelled images classified by the own head, or the nearest class mean", "fraction", IMAGES),
    lnkit.ScoreSpec(
        "lowpass/<side>",
        "the same with only frequencies in a square of that side, over the accuracy unfiltered",
        upper=math.inf,
        aggregation="ratio of means of images",
    ),
    lnkit.ScoreSpec(
        "lowpass_slope/<side>",
        "that ratio minus the one with a square whose side is smaller by one",
        lower=-math.inf,
        upper=math.inf,
        aggregation="difference of ratios",
    ),
    _score("tid2013_spearman", "rank correlation of nearness with opinions", "correlation", "all images pooled"),
    _score("tid2013_kendall", "the same as tau-b", "correlation", "all images pooled"),
)


PROBES = lnkit.BenchmarkSpec(
    name="perceptual_probes",
    title="why it judges as it does",
    version="1",
    citation="Kumar et al., Do better ImageNet classifiers assess perceptual similarity better?, TMLR 2022",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_probes.data:open_data",
    run="lnkit_probes.run:run",
    datasets=(BAPPS_DATASET,),
    rescore="lnkit_probes.run:rescore",
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(PROBES)
