"""The benchmark `superres`: does a loss network teach another network to enlarge images?

An image transformation network (Johnson2016) is trained with the feature loss of one loss network to enlarge
images by 4 and by 8. The score of the loss network is how close its outputs come to the truth on three test sets.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import lnkit
from lnkit_superres.protocol import VARIANTS

COCO = "http://images.cocodataset.org"
SELF_EX_SR = "https://raw.githubusercontent.com/jbhuang0604/SelfExSR/master/data"
BSDS = "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds"

FACTORS = (4, 8)
TEST_SETS = {"set5": 5, "set14": 14, "bsd100": 100}  # name -> images of the official set
MEASURES = (  # name, title, unit, lowest and highest value
    ("psnr", "PSNR", "dB", 0.0, math.inf),
    ("ssim", "SSIM", "fraction", -1.0, 1.0),
    ("psnr_torchmetrics", "PSNR by torchmetrics' old defaults", "dB", -math.inf, math.inf),
    ("ssim_torchmetrics", "SSIM by torchmetrics' old defaults", "fraction", -1.0, 1.0),
)
TITLES = {"set5": "Set5", "set14": "Set14", "bsd100": "BSD100"}  # as in the literature, and of the folders


def _single_files(folder: str, count: int) -> tuple[lnkit.RemoteFile, ...]:
    """Return the high-resolution images of a test set, as a repository of Huang et al. 2015 serves them."""
    return tuple(
        lnkit.RemoteFile(
            f"{SELF_EX_SR}/{folder}/image_SRF_2/img_{number:03d}_SRF_2_HR.png",
            size=400_000,  # on average
            exact=False,
            path=f"{number:03d}.png",
        )
        for number in range(1, count + 1)
    )


COCO_IMAGES = lnkit.DatasetSpec(
    name="coco-superres",
    title="MS-COCO 2014, the 10,000 images to train on and 100 to validate on",
    files=(),
    license="the images keep their Flickr licenses, annotations CC BY 4.0 (COCO Consortium)",
    homepage="https://cocodataset.org",
    layout="train/NAME.jpg (10,000 of train2014) and valid/NAME.jpg (100 of val2014)",
    list_files="lnkit_superres.coco:list_images",
    size=1_903_000_000,  # about: 10,100 images, and the annotations that list them
    contents={"train": 10_000, "valid": 100},
)
SET5 = lnkit.DatasetSpec(
    name="set5",
    title="Set5, high-resolution images",
    files=_single_files("Set5", 5),
    license="for research; the images keep the terms of their sources (Bevilacqua et al. 2012)",
    homepage="https://github.com/jbhuang0604/SelfExSR",
    layout="001.png to 005.png",
)
SET14 = lnkit.DatasetSpec(
    name="set14",
    title="Set14, high-resolution images",
    files=_single_files("Set14", 14),
    license="for research; the images keep the terms of their sources (Zeyde et al. 2010)",
    homepage="https://github.com/jbhuang0604/SelfExSR",
    layout="001.png to 014.png",
)
BSDS300 = lnkit.DatasetSpec(
    name="bsds300",
    title="Berkeley Segmentation Dataset, whose 100 test images are BSD100",
    files=(lnkit.RemoteFile(f"{BSDS}/BSDS300-images.tgz", size=22_000_000, exact=False),),
    license="non-commercial research and education (Martin et al. 2001)",
    homepage=f"{BSDS}/",
    layout="BSDS300/images/{train,test}/NNNN.jpg",
    contents={"BSDS300/images/train": 200, "BSDS300/images/test": 100},
)


def _scores() -> tuple[lnkit.ScoreSpec, ...]:
    """Return 24 scores: measures by factor and test set; scikit-image's on the largest set are primary."""
    return tuple(
        lnkit.ScoreSpec(
            f"x{factor}_{measure}_{test_set}",
            f"{title} of images enlarged by {factor}, on {TITLES[test_set]}",
            unit=unit,
            lower=lower,
            upper=upper,
            aggregation="mean of images",
            primary=test_set == "bsd100" and measure in ("psnr", "ssim"),
        )
        for factor in FACTORS
        for measure, title, unit, lower, upper in MEASURES
        for test_set in TEST_SETS
    )


SUPERRES = lnkit.BenchmarkSpec(
    name="superres",
    title="super-resolution",
    version="1",
    citation="Johnson et al., Perceptual Losses for Real-Time Style Transfer and Super-Resolution, ECCV 2016; "
    "Pihlgren et al. 2023 (arXiv 2302.04032)",
    protocols=VARIANTS,
    scores=_scores(),
    open_data="lnkit_superres.data:open_data",
    run="lnkit_superres.run:run",
    datasets=(COCO_IMAGES, SET5, SET14, BSDS300),
    rescore="lnkit_superres.scores:score_all",
    trains=True,
)


@lnkit.hookimpl
def register_benchmark(register: Callable[[lnkit.BenchmarkSpec], None]) -> None:
    register(SUPERRES)
