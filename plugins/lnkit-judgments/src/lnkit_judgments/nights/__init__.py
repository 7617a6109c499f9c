"""The benchmark `nights`: which of two generated images do people find more similar to a third?

NIGHTS (Fu et al. 2023, the data of DreamSim) varies layout, pose and content where BAPPS distorts pixels.
"""

from __future__ import annotations

import lnkit
from lnkit_judgments.nights.protocol import VARIANTS

NIGHTS_DATASET = lnkit.DatasetSpec(
    name="nights",
    title="NIGHTS",
    files=(
        # About: the authors state 58 GB unpacked, and its images are compressed already. They publish no checksum.
        lnkit.RemoteFile("https://data.csail.mit.edu/nights/nights.zip", size=58_000_000_000),
    ),
    license="MIT (Fu et al. 2023)",
    homepage="https://github.com/ssundaram21/dreamsim",
    layout="nights/data.csv, and the images that it names: nights/ref/000/000.png, nights/distort/000/000_0.png",
)

SCORES = (
    lnkit.ScoreSpec(
        "2afc",
        "agreement with people on which of two images is more similar",
        aggregation="mean of triplets",
        primary=True,
    ),
    lnkit.ScoreSpec(
        "2afc_majority",
        "share of triplets on which the network chooses as most people did",
        aggregation="mean of triplets",
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
    datasets=(NIGHTS_DATASET,),
    rescore="lnkit_judgments.nights.run:rescore",
)
