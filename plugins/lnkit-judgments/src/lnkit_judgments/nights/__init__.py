"""The benchmark `nights`: which of two generated images do people find more similar to a third?

NIGHTS (Fu et al. 2023, the data of DreamSim) varies layout, pose and content where BAPPS distorts pixels.
"""

from __future__ import annotations

import lnkit
from lnkit_judgments.nights.protocol import VARIANTS

SCORES = (
    lnkit.ScoreSpec(
        "2afc",
        "agreement with people on which of two images is more similar",
        aggregation="mean of triplets",
        primary=True,
    ),
    lnkit.ScoreSpec("2afc/<part>", "triplets of ImageNet's categories, or of others", aggregation="mean of triplets"),
)


NIGHTS = lnkit.BenchmarkSpec(
    name="nights",
    title="similarity of generated images",
    version="1",
    citation="Fu et al., DreamSim: Learning New Dimensions of Human Visual Similarity using Synthetic Data, 2023",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_judgments.nights.data:open_data",
    run="lnkit_judgments.nights.run:run",
    rescore="lnkit_judgments.nights.run:rescore",
)
