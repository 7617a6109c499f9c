"""The benchmark `invariance`: is a change that hardly anybody sees farther than one that everybody sees?

It needs no data: crops of photographs are changed in known ways, and the distances of a loss network are compared with
each other. With triplets that people judged, it also counts decisions that a hardly visible change turns around.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import lnkit
from lnkit_invariance.protocol import VARIANTS

MEAN = "mean of images"

SCORES = (
    lnkit.ScoreSpec(
        "shift_outranks_blur",
        "share of crops that a shift by one pixel moves farther than a visible blur does",
        higher_is_better=False,
        aggregation=MEAN,
        primary=True,
    ),
    lnkit.ScoreSpec(
        "monotonic",
        "share of pairs of strengths of a change whose stronger one is farther, mean of the changes",
        aggregation=MEAN,
        primary=True,
    ),
    lnkit.ScoreSpec(
        "decisions_changed",
        "share of triplets whose closer image is another one after a hardly visible change, mean of the changes",
        higher_is_better=False,
        aggregation="mean of references",
        primary=True,
    ),
    lnkit.ScoreSpec(
        "outranks_blur/<change>",
        "the same as shift_outranks_blur of another change at its weakest",
        higher_is_better=False,
        aggregation=MEAN,
    ),
    lnkit.ScoreSpec(
        "ratio/<change>",
        "distance of a change at its weakest, divided by that of the visible blur",
        unit="ratio",
        higher_is_better=False,
        upper=math.inf,
        aggregation="median of crops",
    ),
    lnkit.ScoreSpec("monotonic/<change>", "monotonic of one change", aggregation=MEAN),
    lnkit.ScoreSpec(
        "decisions_changed/<where>/<change>",
        "decisions_changed of one change, made to one of the two images, to both or to the reference",
        higher_is_better=False,
        aggregation="mean of references",
    ),
)


INVARIANCE = lnkit.BenchmarkSpec(
    name="invariance",
    title="invariance to hardly visible changes",
    version="1",
    citation="lnkit; shifts by a pixel as in Ghildyal and Liu, Shift-tolerant Perceptual Similarity Metric, ECCV 2022",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_invariance.data:open_data",
    run="lnkit_invariance.run:run",
    rescore="lnkit_invariance.run:rescore",
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(INVARIANCE)
