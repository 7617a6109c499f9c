"""Cutting, blurring and reducing, against scipy's Gaussian, PyTorch's resizing and torchvision's rounding."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from realdata import RealData
from scipy.ndimage import gaussian_filter
from skimage import data
from torchvision.transforms import v2

from lnkit.errors import DataError
from lnkit_superres.degradation import Degradation, enlarge_bicubic
from lnkit_superres.metrics import psnr, ssim

PAPER = Degradation(288, 288, 1.0, "exact")
WHOLE = Degradation(288, 288, 1.0, "whole")


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(data.coffee())  # 600 x 400


def rms(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.square(a.astype(np.float64) - b).mean()))


def resized(image: Image.Image, size: tuple[int, int]) -> np.ndarray:
    """By PyTorch: the same filter, antialiased, without rounding in between."""
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].double()
    found = torch.nn.functional.interpolate(tensor, size, mode="bicubic", antialias=True, align_corners=False)
    return found[0].permute(1, 2, 0).clamp(0, 255).numpy()


def blurred(image: Image.Image, sigma: float) -> Image.Image:
    exact = gaussian_filter(np.asarray(image).astype(np.float64), (sigma, sigma, 0), mode="nearest")
    return Image.fromarray(exact.round().astype(np.uint8))


def test_the_blur_is_nearly_a_gaussian_of_this_deviation(photograph: Image.Image) -> None:
    """Three box filters: within 0.8 of 255 steps, where another deviation of a tenth more or less is not."""
    ours = np.asarray(PAPER.blurred(photograph))
    assert rms(ours, np.asarray(blurred(photograph, 1.0))) < 0.8
    for other in (0.9, 1.1):
        assert rms(ours, np.asarray(blurred(photograph, other))) > 0.8


def test_without_blur_nothing_is_blurred(photograph: Image.Image) -> None:
    assert Degradation(288, 288, 0.0, "exact").blurred(photograph) is photograph


@pytest.mark.parametrize("factor", [4, 8])
def test_whole_images_are_cut_to_multiples_and_reduced(photograph: Image.Image, factor: int) -> None:
    odd = photograph.crop((0, 0, 203, 150))
    truth, low = PAPER.whole(odd, factor)
    width, height = 203 // factor, 150 // factor
    assert truth.shape == (height * factor, width * factor, 3)
    np.testing.assert_array_equal(truth, np.asarray(odd)[: height * factor, : width * factor])
    assert low.shape == (height, width, 3)
    expected = resized(blurred(Image.fromarray(truth), 1.0), (height, width))
    assert rms(low, expected) < 1.0


def test_a_photograph_that_fits_is_only_cut(photograph: Image.Image) -> None:
    square = photograph.crop((0, 0, 384, 288))
    for degradation in (PAPER, WHOLE):
        np.testing.assert_array_equal(degradation.high(square), np.asarray(square)[:, 48:336])


@pytest.mark.parametrize("degradation", [PAPER, WHOLE])
def test_centers_are_resized_photographs(photograph: Image.Image, degradation: Degradation) -> None:
    """400 -> 288, and the other way 600 -> 432: a center of 288 begins at 72, or at 18 of the reduced one."""
    expected = resized(photograph, (288, 432))[:, 72:360]
    assert rms(degradation.high(photograph), expected) < 0.6
    low = resized(blurred(photograph, 1.0), (72, 108))[:, 18:90]
    assert rms(degradation.low(photograph, 4), low) < 1.0


@pytest.mark.parametrize("size", [(601, 433), (433, 601), (500, 375), (640, 427), (288, 288), (250, 361)])
@pytest.mark.parametrize("factor", [1, 4, 8])
def test_whole_pixels_are_rounded_as_torchvision_does(
    photograph: Image.Image, size: tuple[int, int], factor: int
) -> None:
    image = photograph.resize(size)
    side = 288 // factor
    usual = v2.Compose([v2.Resize(side, v2.InterpolationMode.BICUBIC, antialias=True), v2.CenterCrop(side)])
    ours = WHOLE.high(image) if factor == 1 else WHOLE.low(image, factor)
    source = image if factor == 1 else WHOLE.blurred(image)
    np.testing.assert_array_equal(ours, np.asarray(usual(source)))


def test_exact_centers_lie_upon_each_other_and_whole_ones_may_not(photograph: Image.Image) -> None:
    """Of a photograph of 500 x 347, 288 pixels are 1.2 reduced ones off the middle if both are cut by themselves."""
    image = photograph.resize((500, 347))
    values = {}
    for degradation in (PAPER, WHOLE):
        large = enlarge_bicubic(degradation.low(image, 4), 4)
        values[degradation.alignment] = psnr(large, degradation.high(image), 2)
    centered = image.crop((76, 0, 423, 347))  # 347 x 347 about the same middle, but for half a pixel
    reference = psnr(enlarge_bicubic(PAPER.low(centered, 4), 4), PAPER.high(centered), 2)
    assert values["exact"] == pytest.approx(reference, abs=0.1)
    assert values["exact"] > values["whole"] + 0.5


def test_small_photographs_are_refused_by_name() -> None:
    with pytest.raises(DataError, match=r"Expected 72 pixels or more on each side, got 400 x 71: a/b\.png\."):
        PAPER.check(Image.new("RGB", (400, 71)), Path("a/b.png"))
    PAPER.check(Image.new("RGB", (72, 72)), Path("a/b.png"))


# What bicubic enlargement by 4 reaches, step by step from the literature's way to ours; README, "What bicubic reaches".
BICUBIC = {
    # (blur, shave): (PSNR, SSIM) on Set5, Set14, BSD100
    (0.0, 4): ((28.429, 0.823), (26.091, 0.721), (25.961, 0.685)),
    (0.0, 2): ((28.434, 0.823), (26.066, 0.721), (25.982, 0.686)),
    (1.0, 4): ((27.907, 0.807), (25.737, 0.703), (25.691, 0.668)),
    (1.0, 2): ((27.913, 0.807), (25.711, 0.703), (25.711, 0.669)),
}
LITERATURE = {"Set5": (28.42, 0.8104), "Set14": (26.00, 0.7027), "BSD100": (25.96, 0.6675)}  # MATLAB; many papers


def bicubic(folder: Path, blur: float, shave: int) -> tuple[float, float]:
    values = []
    for path in sorted(folder.glob("*.png")):
        truth, low = Degradation(288, 288, blur, "exact").whole(Image.open(path).convert("RGB"), 4)
        large = enlarge_bicubic(low, 4)
        values.append((psnr(large, truth, shave), ssim(large, truth, shave)))
    return tuple(np.mean(values, axis=0))


@pytest.mark.parametrize(("blur", "shave"), BICUBIC)
def test_what_bicubic_reaches_on_real_test_sets(real_data: RealData, blur: float, shave: int) -> None:
    for name, expected in zip(("Set5", "Set14"), BICUBIC[blur, shave], strict=False):
        assert bicubic(real_data("superres") / name, blur, shave) == pytest.approx(expected, abs=6e-4)


@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_without_blur_bicubic_reaches_what_the_literature_says(real_data: RealData, name: str) -> None:
    """PSNR as with MATLAB's imresize; SSIM with its Gaussian window, which scikit-image has as an option."""
    from skimage.metrics import structural_similarity

    from lnkit_superres.metrics import luma

    peaks, similarities = [], []
    for path in sorted((real_data("superres") / name).glob("*.png")):
        truth, low = Degradation(288, 288, 0.0, "exact").whole(Image.open(path).convert("RGB"), 4)
        large = enlarge_bicubic(low, 4)
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
        similarities.append(structural_similarity(luma(truth, 4), luma(large, 4), **options))
        peaks.append(psnr(large, truth, 4))
    assert np.mean(peaks) == pytest.approx(LITERATURE[name][0], abs=0.1)
    assert np.mean(similarities) == pytest.approx(LITERATURE[name][1], abs=0.002)
