"""The benchmarks `tid2013` and `kadid10k`: how well do distances predict the quality that people see?

A distorted image is compared with its reference, and the distance with the mean opinion of the distorted image.
"""

from __future__ import annotations

import lnkit
from lnkit_judgments.opinions.protocol import VARIANTS
from lnkit_judgments.opinions.reader_checks import CHECKS

KADID10K_DATASET = lnkit.DatasetSpec(
    name="kadid10k",
    title="KADID-10k",
    files=(
        # The size as the authors' page states it; they publish no checksum.
        lnkit.RemoteFile("https://datasets.vqa.mmsp-kn.de/archives/kadid10k.zip", size=3_100_000_000),
    ),
    license="no formal license: freely available to the research community, to be cited (Lin et al. 2019)",
    homepage="https://database.mmsp-kn.de/kadid-10k-database.html",
    contents={"kadid10k/dmos.csv": 1, "kadid10k/images": 81 + 10_125},  # references, and distorted images
    layout="kadid10k/dmos.csv, and kadid10k/images/ with I01.png and I01_01_01.png and so on",
)


def _score(name: str, description: str, *, primary: bool = False) -> lnkit.ScoreSpec:
    pooled = "one distortion type" if "<" in name else "all images pooled"
    return lnkit.ScoreSpec(name, description, unit="correlation", lower=-1.0, aggregation=pooled, primary=primary)


SCORES = (
    _score("srcc", "Spearman's rank correlation of nearness with mean opinions", primary=True),
    _score("krcc", "Kendall's rank correlation tau-b"),
    _score("plcc", "Pearson's linear correlation of the distances, without regression"),
    _score("plcc_logistic", "the same after the usual logistic regression", primary=True),
    _score("srcc/<distortion>", "Spearman's, one distortion type"),
    _score("krcc/<distortion>", "Kendall's, one distortion type"),
    _score("plcc/<distortion>", "Pearson's without regression, one distortion type"),
)


TID2013 = lnkit.BenchmarkSpec(
    name="tid2013",
    title="image quality",
    version="1",
    citation="Ponomarenko et al., Image database TID2013: Peculiarities, results and perspectives, 2015",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_judgments.opinions.data:open_tid2013",
    checks=CHECKS["tid2013"],
    run="lnkit_judgments.opinions.run:run",
    rescore="lnkit_judgments.opinions.run:rescore",
)
KADID10K = lnkit.BenchmarkSpec(
    name="kadid10k",
    title="image quality",
    version="1",
    citation="Lin et al., KADID-10k: A Large-scale Artificially Distorted IQA Database, QoMEX 2019",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_judgments.opinions.data:open_kadid10k",
    checks=CHECKS["kadid10k"],
    run="lnkit_judgments.opinions.run:run",
    datasets=(KADID10K_DATASET,),
    rescore="lnkit_judgments.opinions.run:rescore",
)
