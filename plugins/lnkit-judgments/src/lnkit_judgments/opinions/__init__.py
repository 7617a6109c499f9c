"""The benchmarks `tid2013` and `kadid10k`: how well do distances foretell the quality that people see?

A distorted image is compared with its reference, and the distance with the mean opinion of the distorted image.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import lnkit
from lnkit_judgments.opinions.protocol import VARIANTS, OpinionsProtocol

if TYPE_CHECKING:
    import numpy as np

    from lnkit.benchmark import RunFacts

KADID10K_DATASET = lnkit.DatasetSpec(
    name="kadid10k",
    title="KADID-10k",
    files=(
        # No checksum is published, and the size is that of the authors' page, rounded.
        lnkit.RemoteFile("https://datasets.vqa.mmsp-kn.de/archives/kadid10k.zip", size=3_100_000_000),
    ),
    license="no formal license: freely available to the research community, to be cited (Lin et al. 2019)",
    homepage="https://database.mmsp-kn.de/kadid-10k-database.html",
    layout="kadid10k/dmos.csv, and kadid10k/images/ with I01.png and I01_01_01.png and so on",
)
TID2013_ELSEWHERE = (
    "TID2013 is published as a .rar archive, which lnkit does not unpack. Get tid2013.rar (about 900 MB) from "
    "http://www.ponomarenko.info/tid2013.htm, unpack it, and name the folder that holds mos_with_names.txt, "
    "reference_images and distorted_images with --data DIR; or run on the embedded sample with --sample."
)


def _score(name: str, description: str, *, primary: bool = False) -> lnkit.ScoreSpec:
    pooled = "one distortion type" if "<" in name else "all images pooled"
    return lnkit.ScoreSpec(name, description, unit="correlation", lower=-1.0, aggregation=pooled, primary=primary)


SCORES = (
    _score("srcc", "Spearman's rank correlation of nearness with mean opinions", primary=True),
    _score("krcc", "Kendall's rank correlation tau-b"),
    _score("plcc", "Pearson's linear correlation, of the distances as they are"),
    _score("plcc_logistic", "the same after the usual logistic regression", primary=True),
    _score("srcc/<distortion>", "Spearman's, one distortion type"),
    _score("krcc/<distortion>", "Kendall's, one distortion type"),
    _score("plcc/<distortion>", "Pearson's as they are, one distortion type"),
)


def _open_tid2013(facts: RunFacts) -> lnkit.BenchmarkData:
    from lnkit.datasets import tid2013  # noqa: PLC0415 - numpy and Pillow, only when it runs
    from lnkit_judgments.opinions.data import Source, open_data  # noqa: PLC0415
    from lnkit_judgments.opinions.sample import TID2013_SAMPLE  # noqa: PLC0415

    source = Source("tid2013", tid2013.read_tid2013, TID2013_SAMPLE, TID2013_ELSEWHERE, tid2013.OFFICIAL)
    return open_data(facts, source)


def _open_kadid10k(facts: RunFacts) -> lnkit.BenchmarkData:
    from lnkit_judgments.opinions import kadid10k  # noqa: PLC0415 - numpy and Pillow, only when it runs
    from lnkit_judgments.opinions.data import Source, open_data  # noqa: PLC0415
    from lnkit_judgments.opinions.sample import KADID10K_SAMPLE  # noqa: PLC0415

    source = Source("kadid10k", kadid10k.read_kadid10k, KADID10K_SAMPLE, KADID10K_DATASET, kadid10k.OFFICIAL)
    return open_data(facts, source)


def _rescore(arrays: Mapping[str, np.ndarray], protocol: OpinionsProtocol, seed: int) -> lnkit.Outcome:
    from lnkit_judgments.opinions.scores import Measured, score_all  # noqa: PLC0415 - scipy, only when it runs

    return score_all(Measured.from_arrays(arrays), protocol, seed)


TID2013 = lnkit.BenchmarkSpec(
    name="tid2013",
    title="image quality",
    version="1",
    citation="Ponomarenko et al., Image database TID2013: Peculiarities, results and perspectives, 2015",
    protocols=VARIANTS,
    scores=SCORES,
    open_data=_open_tid2013,
    run="lnkit_judgments.opinions.run:run",
    rescore=_rescore,
)
KADID10K = lnkit.BenchmarkSpec(
    name="kadid10k",
    title="image quality",
    version="1",
    citation="Lin et al., KADID-10k: A Large-scale Artificially Distorted IQA Database, QoMEX 2019",
    protocols=VARIANTS,
    scores=SCORES,
    open_data=_open_kadid10k,
    run="lnkit_judgments.opinions.run:run",
    datasets=(KADID10K_DATASET,),
    rescore=_rescore,
)
