"""The benchmark `psychophysics`: does a loss network see contrast as people do? (Cai et al. 2025), without any data.

Stimuli of vision science are made as they are shown: contrast detection by frequency, color, luminance and area,
contrast masking, and contrast matching. Any loss network and any loss will do.
"""

from __future__ import annotations

from collections.abc import Callable

import lnkit
from lnkit_psychophysics.protocol import FLAT_ANGLE, VARIANTS

LNKIT_INTERFACE = 1

CAI = "Cai et al., Do computer vision foundation models learn the low-level characteristics of the human visual system?"
LARGEST_ERROR = 3.0  # log10 contrast: matches lie between 0.001 and 1


def _rank(
    name: str, description: str, aggregation: str = "all pairs pooled", *, primary: bool = False
) -> lnkit.ScoreSpec:
    text = f"rank correlation of distances with multiples of the human threshold, {description}"
    return lnkit.ScoreSpec(name, text, unit="correlation", lower=-1.0, aggregation=aggregation, primary=primary)


def _matching(name: str, description: str, aggregation: str, *, primary: bool = False) -> lnkit.ScoreSpec:
    return lnkit.ScoreSpec(
        name,
        description,
        unit="log10 contrast",
        higher_is_better=False,
        upper=LARGEST_ERROR,
        aggregation=aggregation,
        primary=primary,
    )


def _share(name: str, description: str) -> lnkit.ScoreSpec:
    return lnkit.ScoreSpec(name, description, higher_is_better=False, aggregation="share")


SCORES = (
    _rank("detection_spearman", "mean of the six csf scores", "mean of 6 tests", primary=True),
    _rank("masking_spearman", "mean of the two masking scores", "mean of 2 tests", primary=True),
    _matching(
        "matching_rmse", "error of matched contrasts", "mean over frequencies of the root mean square", primary=True
    ),
    _rank("csf_gabor_achromatic", "Gabors by frequency"),
    _rank("csf_noise_achromatic", "bands of noise by frequency"),
    _rank("csf_gabor_red_green", "red-green Gabors by frequency"),
    _rank("csf_gabor_yellow_violet", "yellow-violet Gabors by frequency"),
    _rank("csf_luminance", "Gabors by luminance"),
    _rank("csf_area", "Gabors by area"),
    _rank("masking_phase_coherent", "Gabors on a grating by its contrast"),
    _rank("masking_phase_incoherent", "Gabors on noise by its contrast"),
    _matching("matching_rmse_pooled", "error of matched contrasts", "root mean square of all matches"),
    _share("matching_clamped_fraction", "matches at an end of the range of contrasts"),
    _share("matching_non_monotonic_fraction", "frequencies at which a higher contrast is nearer somewhere"),
    _share("zero_distance_fraction", "images whose distance from their reference is exactly 0"),
)

PSYCHOPHYSICS = lnkit.BenchmarkSpec(
    name="psychophysics",
    title="seeing contrast as people do",
    version="1",
    citation=f"{CAI} CVPR 2025",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_psychophysics.run:open_data",
    run="lnkit_psychophysics.run:run",
    rescore="lnkit_psychophysics.run:rescore",
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(PSYCHOPHYSICS)


@lnkit.hookimpl
def register_distance(register: Callable[[lnkit.DistanceSpec], None]) -> None:
    register(
        lnkit.DistanceSpec(
            FLAT_ANGLE,
            "lnkit_psychophysics.distance:load",
            "angle between the whole feature maps, flattened, over pi",
            "Cai et al. 2025 (CVPR)",
        )
    )
