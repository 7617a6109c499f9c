"""The benchmark `delineation`: does a loss network teach another network to mark the roads in aerial images?

A U-Net (Mosinska2018, as in Pihlgren2023) learns from binary cross-entropy and the feature loss of one loss network,
and is applied to its own output again. The score of the loss network is how well the marks agree with drawn maps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import lnkit
from lnkit_delineation.protocol import VARIANTS

SPLITS = {"train": 1108, "valid": 14, "test": 49}  # tiles of the Massachusetts Roads Dataset; Mnih 2013
BASELINE = "bce"


MRD = lnkit.DatasetSpec(
    name="mrd",
    title="Massachusetts Roads Dataset",
    files=(),
    license="published for research by V. Mnih (2013); the aerial images are the Commonwealth of Massachusetts's",
    homepage="https://www.cs.toronto.edu/~vmnih/data/",
    layout="{train,valid,test}/sat/NAME.tiff with map/NAME.tif, 1500 x 1500 pixels",
    list_files="lnkit_delineation.mrd:list_tiles",
    contents={f"{split}/{kind}": count for split, count in SPLITS.items() for kind in ("sat", "map")},
    size=7_950_000_000,  # 1,171 aerial images of 1500 x 1500 x 3 bytes without compression, and small maps
)


def _scores() -> tuple[lnkit.ScoreSpec, ...]:
    """Return the three measures of Pihlgren2023, pixel by pixel, and the same of skeletons within a buffer."""
    measures = {
        "completeness": "road that was found, of all road",
        "correctness": "marks that are road, of all marks",
        "quality": "road that was found, of all road and all marks",
    }
    ways = {"": "pixel by pixel", "buffered_": "of skeletons, within a buffer of a few pixels"}
    return tuple(
        lnkit.ScoreSpec(
            f"{prefix}{measure}",
            f"{meaning}, {way}",
            unit="percent",
            upper=100.0,
            aggregation="mean of images",
            primary=not prefix,
        )
        for prefix, way in ways.items()
        for measure, meaning in measures.items()
    )


DELINEATION = lnkit.BenchmarkSpec(
    name="delineation",
    title="road delineation",
    version="1",
    citation="Mosinska et al., Beyond the Pixel-Wise Loss for Topology-Aware Delineation, CVPR 2018; "
    "Pihlgren et al. 2023 (arXiv 2302.04032)",
    protocols=VARIANTS,
    scores=_scores(),
    open_data="lnkit_delineation.data:open_data",
    run="lnkit_delineation.run:run",
    datasets=(MRD,),
    rescore="lnkit_delineation.scores:score_all",
    trains=True,
)


@lnkit.hookimpl
def register_backbone(register: Callable[[lnkit.BackboneSpec], None]) -> None:
    register(
        lnkit.BackboneSpec(
            name=BASELINE,
            family="Baseline",
            load="lnkit_delineation.network:build_baseline",
            weights="none needed",
            citation="no feature loss at all: the row to compare with in `delineation`",
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            distance="squared",
        )
    )


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, Any]) -> None:
    register(BASELINE, lnkit.ExtractionPoint("alone", node="alone", description="zero, whatever the image"))


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(DELINEATION)
