"""The benchmark `pieapp`: which of two distorted images do people find more similar to the reference, and how similar?

PieAPP (Prashnani et al. 2018) has the share of people who prefer each image of a pair, and a score of each test image.
"""

from __future__ import annotations

import lnkit
from lnkit.datasets.pieapp import METAINFO
from lnkit.datasets.two_afc_layout import IQA_MIRROR
from lnkit_judgments.pieapp.protocol import VARIANTS

IQA_LABELS = "https://huggingface.co/datasets/chaofengc/IQA-PyTorch-Datasets-metainfo/resolve/main"
TERMS = "non-commercial and educational use only (TERMS_OF_USE.pdf in the data; Prashnani et al. 2018)"
CONTENTS = {"reference_images/test": 40}  # more images lie in a folder for each reference

PIEAPP_DATASET = lnkit.DatasetSpec(
    name="pieapp",
    title="PieAPP",
    files=(
        # The size as the authors state it; they publish no checksum.
        lnkit.RemoteFile(
            "https://web.ece.ucsb.edu/~ekta/projects/PieAPPv0.1/all_data_PieAPP_dataset_CVPR_2018.zip",
            size=2_200_000_000,
        ),
    ),
    license=TERMS,
    homepage="https://github.com/prashnani/PerceptualImageError",
    layout="reference_images/, distorted_images/ and labels/, each with test/, and test_reference_list.txt",
    contents=CONTENTS,
)
PIEAPP_MIRROR = lnkit.DatasetSpec(
    name="pieapp-mirror",
    title="PieAPP, from the mirror of IQA-PyTorch",
    files=(
        # The size as the mirror states it.
        lnkit.RemoteFile(f"{IQA_MIRROR}/pieapp.tgz", size=2_270_000_000),
        # About: 81,480 lines of 200 characters.
        lnkit.RemoteFile(f"{IQA_LABELS}/{METAINFO}", size=16_000_000, path=METAINFO),
    ),
    license=f"{TERMS}; the mirror states CC-BY-SA-4.0 for itself, and research and education only",
    homepage="https://huggingface.co/datasets/chaofengc/IQA-PyTorch-Datasets",
    layout=f"PieAPP_dataset_CVPR_2018/ with reference_images/ and distorted_images/, and {METAINFO}",
    contents=CONTENTS,
)


def _correlation(name: str, description: str, *, primary: bool = False) -> lnkit.ScoreSpec:
    return lnkit.ScoreSpec(
        name, description, unit="correlation", lower=-1.0, aggregation="all images pooled", primary=primary
    )


SCORES = (
    _correlation("srcc", "Spearman's rank correlation of distances with people's scores of images", primary=True),
    _correlation("krcc", "Kendall's rank correlation tau-b"),
    _correlation("plcc", "Pearson's linear correlation of the distances, without regression"),
    lnkit.ScoreSpec(
        "2afc",
        "agreement with people on which of two images is more similar to the reference",
        aggregation="mean of pairs",
        primary=True,
    ),
    lnkit.ScoreSpec(
        "2afc_majority",
        "share of pairs on which the network chooses as most people did",
        aggregation="mean of pairs",
    ),
    lnkit.ScoreSpec(
        "2afc/<part>", "pairs of two distorted images, or with the reference itself", aggregation="mean of pairs"
    ),
)


PIEAPP = lnkit.BenchmarkSpec(
    name="pieapp",
    title="image quality by pairs",
    version="1",
    citation="Prashnani et al., PieAPP: Perceptual Image-Error Assessment through Pairwise Preference, CVPR 2018",
    protocols=VARIANTS,
    scores=SCORES,
    open_data="lnkit_judgments.pieapp.data:open_data",
    run="lnkit_judgments.pieapp.run:run",
    datasets=(PIEAPP_DATASET, PIEAPP_MIRROR),
    rescore="lnkit_judgments.pieapp.run:rescore",
)
