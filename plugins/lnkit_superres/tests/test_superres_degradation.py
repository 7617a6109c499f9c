"""Cutting, blurring and reducing, against scipy's Gaussian, PyTorch's resizing and torchvision's transforms."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from realdata import RealData
from scipy.ndimage import gaussian_filter
from skimage import data
from skimage.color import rgb2ycbcr
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional import image as torchmetrics
from torchvision import transforms

from lnkit.errors import DataError
from lnkit_superres.degradation import Degradation, enlarge_bicubic
from lnkit_superres.metrics import luma, psnr, ssim
from lnkit_superres.protocol import VARIANTS, SuperresProtocol

PAPER = Degradation(288, 288, 1.0, "exact", "bilinear")
WHOLE = Degradation(288, 288, 1.0, "whole", "bilinear")
README = Path(__file__).parents[1] / "README.md"


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(data.coffee())  # 600 x 400


def rms(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.sqrt(np.square(a.astype(np.float64) - b).mean()))


def resized(image: Image.Image, size: tuple[int, int], mode: str = "bicubic") -> np.ndarray:
    """By PyTorch: the same filter, antialiased, without rounding in between."""
    tensor = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].double()
    found = torch.nn.functional.interpolate(tensor, size, mode=mode, antialias=True, align_corners=False)
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
    assert replace(PAPER, blur=0.0).blurred(photograph) is photograph


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
    for mode, other in (("bilinear", "bicubic"), ("bicubic", "bilinear")):
        high = replace(degradation, high_filter=mode).high(photograph)
        assert rms(high, resized(photograph, (288, 432), mode)[:, 72:360]) < 0.6
        assert rms(high, resized(photograph, (288, 432), other)[:, 72:360]) > 1.5
    low = resized(blurred(photograph, 1.0), (72, 108))[:, 18:90]
    assert rms(degradation.low(photograph, 4), low) < 1.0


@pytest.mark.parametrize("size", [(601, 433), (433, 601), (500, 375), (640, 427), (288, 288), (250, 361)])
@pytest.mark.parametrize("factor", [1, 4, 8])
def test_whole_pixels_are_those_of_the_transforms_of_the_reference_code(
    photograph: Image.Image, size: tuple[int, int], factor: int
) -> None:
    image = photograph.resize(size)
    ours = WHOLE.high(image) if factor == 1 else WHOLE.low(image, factor)
    np.testing.assert_array_equal(ours, transformed(image, factor))


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


def transformed(image: Image.Image, factor: int) -> np.ndarray:
    """The large image for factor 1, else the small one, by transforms composed as in the reference code."""
    side = 288 // factor
    if factor == 1:
        resize = transforms.Resize(side)  # torchvision's default filter: bilinear
    else:
        resize = transforms.Resize(side, interpolation=transforms.InterpolationMode.BICUBIC)
        image = image.filter(ImageFilter.GaussianBlur(radius=1))
    return np.asarray(transforms.Compose([resize, transforms.CenterCrop(side)])(image))


def pairs_by_transforms(folder: Path, factor: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The truth and the small image enlarged by Pillow, of each image."""
    for path in sorted(folder.glob("*.png")):
        image = Image.open(path).convert("RGB")
        low = Image.fromarray(transformed(image, factor))
        yield transformed(image, 1), np.asarray(low.resize((288, 288), Image.Resampling.BICUBIC))


def pairs(folder: Path, protocol: SuperresProtocol, factor: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The same as the benchmark makes them."""
    degradation = Degradation.of(protocol)
    for path in sorted(folder.glob("*.png")):
        image = Image.open(path).convert("RGB")
        if protocol.test_images == "full":
            truth, low = degradation.whole(image, factor)
        else:
            truth, low = degradation.high(image), degradation.low(image, factor)
        yield truth, enlarge_bicubic(low, factor)


def own_measures(truth: np.ndarray, image: np.ndarray) -> tuple[float, float]:
    """PSNR and SSIM as the reference code computes them with scikit-image, without code of lnkit."""
    ys = []
    for rgb in (truth, image):
        r, g, b = np.moveaxis(rgb / 255, 2, 0)
        ys.append((r * 65.738 / 256 + g * 129.057 / 256 + b * 25.064 / 256)[2:-2, 2:-2])
    return peak_signal_noise_ratio(*ys), structural_similarity(*ys, data_range=1)


SETS = ["Set5", "Set14", pytest.param("BSD100", marks=pytest.mark.exhaustive)]  # whose images are seven times as many
REFERENCE = {  # mean PSNR and SSIM of bicubic enlargement under `reference`
    ("Set5", 4): (29.065, 0.845),
    ("Set5", 8): (25.046, 0.687),
    ("Set14", 4): (25.513, 0.708),
    ("Set14", 8): (22.392, 0.530),
    ("BSD100", 4): (26.973, 0.726),
    ("BSD100", 8): (24.299, 0.572),
}


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("name", SETS)
def test_what_bicubic_reaches_with_the_transforms_of_the_reference_code(
    real_data: RealData, name: str, factor: int
) -> None:
    folder = real_data("superres") / name
    own = [own_measures(*pair) for pair in pairs_by_transforms(folder, factor)]
    ours = [
        (psnr(image, truth, 2), ssim(image, truth, 2)) for truth, image in pairs(folder, VARIANTS["reference"], factor)
    ]
    np.testing.assert_allclose(ours, own, atol=1e-9)
    assert np.mean(own, axis=0).tolist() == pytest.approx(REFERENCE[name, factor], abs=6e-4)


LITERATURE = {"Set5": (28.42, 0.8104), "Set14": (26.00, 0.7027), "BSD100": (25.96, 0.6675)}  # MATLAB; many papers


STEPS = {  # of the README's table, "What bicubic reaches": changes of `paper`
    "Pillow, on RGB; scikit-image's uniform window": {"blur": 0.0, "shave": 4},
    "2 pixels shaved instead of 4": {"blur": 0.0},
    "blurred with 1.0 before: this benchmark, `paper`": {},
    "test images cut to 288 by the bicubic filter, centers that agree": {
        "test_images": "crop",
        "high_filter": "bicubic",
    },
    "the same by the bilinear filter": {"test_images": "crop"},
    "the same cut at whole pixels: `reference`": {"test_images": "crop", "alignment": "whole"},
}


def readme_row(step: str, name: str) -> str:
    """PSNR and SSIM of a set, from the README's tables."""
    (line,) = [line for line in README.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {step} |")]
    return line.split("|")[2 + ["Set5", "Set14", "BSD100"].index(name)].strip()


def rounded(values: list[tuple[float, float]]) -> str:
    """Mean PSNR and SSIM, as the README prints them."""
    peak, similarity = np.mean(values, axis=0)
    return f"{peak:.2f}, {similarity:.3f}"


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("name", SETS)
def test_the_readme_says_what_bicubic_reaches_on_real_test_sets(real_data: RealData, name: str, step: str) -> None:
    protocol = replace(VARIANTS["paper"], **STEPS[step])
    values = [
        (psnr(image, truth, protocol.shave), ssim(image, truth, protocol.shave))
        for truth, image in pairs(real_data("superres") / name, protocol, 4)
    ]
    assert rounded(values) == readme_row(step, name)


@pytest.mark.parametrize("factor", [4, 8])
@pytest.mark.parametrize("variant", ["paper", "reference"])
@pytest.mark.parametrize(
    "name", ["Set5", *(pytest.param(n, marks=pytest.mark.exhaustive) for n in ("Set14", "BSD100"))]
)
def test_the_readme_says_what_bicubic_reaches_by_torchmetrics(
    real_data: RealData, name: str, variant: str, factor: int
) -> None:
    """By torchmetrics itself: a peak from 0 to the largest luma of the truth, and no window over the edge."""
    values = []
    for pair in pairs(real_data("superres") / name, VARIANTS[variant], factor):
        truth, image = (torch.from_numpy(rgb2ycbcr(rgb)[None, None, ..., 0]).float() for rgb in pair)
        _, similarities = torchmetrics.structural_similarity_index_measure(image, truth, return_full_image=True)
        peak = torchmetrics.peak_signal_noise_ratio(image, truth, data_range=float(truth.max()))
        values.append((float(peak), float(similarities[0, 0, 5:-5, 5:-5].mean())))
    assert rounded(values) == readme_row(f"`{variant}`, by {factor}", name)


@pytest.mark.parametrize("name", ["Set5", "Set14"])
def test_without_blur_bicubic_reaches_what_the_literature_says(real_data: RealData, name: str) -> None:
    """PSNR as with MATLAB's imresize; SSIM with its Gaussian window, which scikit-image has as an option."""
    peaks, similarities = [], []
    for path in sorted((real_data("superres") / name).glob("*.png")):
        truth, low = replace(PAPER, blur=0.0).whole(Image.open(path).convert("RGB"), 4)
        large = enlarge_bicubic(low, 4)
        options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0}
        similarities.append(structural_similarity(luma(truth, 4), luma(large, 4), **options))
        peaks.append(psnr(large, truth, 4))
    assert np.mean(peaks) == pytest.approx(LITERATURE[name][0], abs=0.1)
    assert np.mean(similarities) == pytest.approx(LITERATURE[name][1], abs=0.002)
