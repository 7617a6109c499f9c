"""The benchmark `things`: which of three objects do people find the odd one out?

THINGS (Hebart et al. 2020, 2023) asks about the similarity of objects. It says nothing about image quality.
"""

from __future__ import annotations

import lnkit
from lnkit_judgments.things.protocol import VARIANTS

TRIPLETS = "data1854_batch5_test10.txt"
TRIPLETS_SHA256 = "789fb927c87538d29e0cf294793280cf5a77d45dc5fdd87cf8c726993397adb8"

THINGS_DATASET = lnkit.DatasetSpec(
    name="things",
    title="THINGS odd-one-out judgments of 2020, without images",
    files=(
        # About: 146,012 lines of three numbers below 1,854.
        lnkit.RemoteFile("https://osf.io/download/sd3f7/", size=2_000_000, sha256=TRIPLETS_SHA256, path=TRIPLETS),
    ),
    license="CC-BY-4.0 (Hebart et al. 2020); the images have terms of their own",
    homepage="https://osf.io/z2784",
    layout=f"{TRIPLETS}; the images 0.png to 1853.png are to be added by hand, in a folder images",
)

SCORES = (
    lnkit.ScoreSpec(
        "odd_one_out",
        "share of triplets on which the network finds the same image odd as people do; chance is one third",
        aggregation="mean of triplets",
        primary=True,
    ),
)


THINGS = lnkit.BenchmarkSpec(
    name="things",
    title="similarity of objects",
    version="1",
    citation="Hebart et al., Revealing the multidimensional mental representations of natural objects, 2020",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_judgments.things.data:open_data",
    run="lnkit_judgments.things.run:run",
    datasets=(THINGS_DATASET,),
    rescore="lnkit_judgments.things.run:rescore",
)
