"""PSNR and SSIM against torchmetrics and closed forms, and scores made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from skimage import data
from skimage.color import rgb2ycbcr
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from lnkit.specs import load_function
from lnkit_superres import SUPERRES
from lnkit_superres.metrics import luma, measure, psnr, psnr_torchmetrics, ssim, ssim_torchmetrics, studio_luma
from lnkit_superres.protocol import VARIANTS
from lnkit_superres.scores import score_all


@pytest.fixture(scope="module")
def pair() -> tuple[np.ndarray, np.ndarray]:
    truth = data.chelsea()[:120, :160]
    noise = np.random.default_rng(0).normal(0, 12, truth.shape)
    return np.clip(truth + noise, 0, 255).round().astype(np.uint8), truth


def test_luma_in_closed_form() -> None:
    image = np.array([[[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255], [0, 0, 0]]], np.uint8)
    expected = np.array([219.859, 65.738, 129.057, 25.064, 0]) / 256
    np.testing.assert_allclose(luma(image)[0], expected, rtol=1e-12)


def test_luma_is_that_of_the_standard_but_for_its_offset() -> None:
    image = data.chelsea()[:40, :40]
    np.testing.assert_allclose(luma(image), (rgb2ycbcr(image)[..., 0] - 16) / 255, atol=2e-6)


def test_psnr_in_closed_form() -> None:
    """One step of gray on a black image is 219.859 / 256 / 255 of luma."""
    black, gray = np.zeros((20, 20, 3), np.uint8), np.full((20, 20, 3), 10, np.uint8)
    assert psnr(gray, black, 2) == pytest.approx(-20 * np.log10(10 * 219.859 / 256 / 255), abs=1e-9)
    assert psnr(gray, gray, 2) == np.inf


def test_psnr_is_that_of_torchmetrics(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = (torch.from_numpy(luma(one, 2)) for one in pair)
    assert psnr(*pair, shave=2) == pytest.approx(float(peak_signal_noise_ratio(image, truth, data_range=1.0)), abs=1e-5)


def test_ssim_is_that_of_torchmetrics(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Its uniform window has the population's variance and reflects at the border; so the inner part is compared."""
    import torch.nn.functional as functional

    image, truth = (torch.from_numpy(luma(one, 2))[None, None] for one in pair)
    _, whole = structural_similarity_index_measure(
        image, truth, gaussian_kernel=False, kernel_size=7, data_range=1.0, return_full_image=True
    )
    rough = float(whole[0, 0, 3:-3, 3:-3].mean())
    assert ssim(*pair, shave=2) == pytest.approx(rough, abs=5e-3)  # 49 / 48 in the variances

    def mean(x: torch.Tensor) -> torch.Tensor:
        return functional.avg_pool2d(x, 7, 1)

    a, b = mean(image), mean(truth)
    va, vb, vab = ((mean(x) - y) * 49 / 48 for x, y in ((image**2, a * a), (truth**2, b * b), (image * truth, a * b)))
    c1, c2 = 0.01**2, 0.03**2
    exact = ((2 * a * b + c1) * (2 * vab + c2) / ((a * a + b * b + c1) * (va + vb + c2))).mean()  # Wang et al. 2004
    assert ssim(*pair, shave=2) == pytest.approx(float(exact), abs=1e-12)


def test_the_border_is_left_out(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = pair[0].copy(), pair[1]
    before = psnr(image, truth, 2), ssim(image, truth, 2)
    image[:2], image[-2:], image[:, :2], image[:, -2:] = 0, 255, 0, 255
    assert (psnr(image, truth, 2), ssim(image, truth, 2)) == before
    image[2] = 0
    assert psnr(image, truth, 2) < before[0]


def ys(pair: tuple[np.ndarray, np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    """Luma from 16 to 235 by scikit-image: 16 + 65.481 R + 128.553 G + 24.966 B, of R, G and B from 0 to 1."""
    image, truth = (torch.from_numpy(rgb2ycbcr(one)[None, None, ..., 0]) for one in pair)
    return image, truth


def test_studio_luma_goes_from_16_to_235(pair: tuple[np.ndarray, np.ndarray]) -> None:
    np.testing.assert_allclose(studio_luma(np.array([[[0, 0, 0], [1, 1, 1]]])), [[16, 235]], rtol=1e-12)
    np.testing.assert_allclose(studio_luma(pair[1] / 255), ys(pair)[1][0, 0], rtol=1e-12)


def test_the_other_psnr_is_that_of_torchmetrics_with_a_range_from_0(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Until 1.2, the class began with 0 as least and largest value of the truth, so that luma had a range from 0."""
    image, truth = ys(pair)
    least, largest = min(0.0, float(truth.min())), max(0.0, float(truth.max()))
    expected = peak_signal_noise_ratio(image, truth, data_range=largest - least)
    assert psnr_torchmetrics(pair[0] / 255, pair[1] / 255) == pytest.approx(float(expected), abs=1e-5)
    assert largest < 235, "a peak of 235 would not be seen"


def test_the_other_psnr_in_closed_form_of_one_image_and_of_a_batch() -> None:
    """White as 0.9 gray is 21.9 off with a peak of 235; gray as black 109.5 off with a peak of 125.5."""
    white, gray = np.ones((20, 20, 3)), np.full((20, 20, 3), 0.5)
    assert psnr_torchmetrics(0.9 * white, white) == pytest.approx(20 * np.log10(235 / 21.9), abs=1e-9)
    assert psnr_torchmetrics(0 * gray, gray) == pytest.approx(20 * np.log10(125.5 / 109.5), abs=1e-9)
    batch = psnr_torchmetrics(np.stack([0.9 * white, 0 * gray]), np.stack([white, gray]))
    assert batch == pytest.approx(20 * np.log10(235) - 10 * np.log10((21.9**2 + 109.5**2) / 2), abs=1e-9)
    assert psnr_torchmetrics(gray, gray) == np.inf


def test_the_other_ssim_is_that_of_torchmetrics_without_its_border(pair: tuple[np.ndarray, np.ndarray]) -> None:
    """Until 1.2, torchmetrics left out the windows of 11 x 11 pixels that reach over the edge; 1.9 counts them."""
    image, truth = ys(pair)
    _, whole = structural_similarity_index_measure(image, truth, return_full_image=True)
    expected = float(whole[0, 0, 5:-5, 5:-5].mean())
    assert ssim_torchmetrics(pair[0] / 255, pair[1] / 255) == pytest.approx(expected, abs=1e-9)
    assert np.ptp(image.numpy()) > np.ptp(truth.numpy()) + 5, "the range of the truth alone would not be seen"


def test_the_other_ssim_of_two_constant_images_has_a_value() -> None:
    black, gray = np.zeros((20, 20, 3)), np.full((20, 20, 3), 0.5)
    expected = (2 * 16 * 125.5 + 0.01**2) / (16**2 + 125.5**2 + 0.01**2)
    assert ssim_torchmetrics(gray, black) == pytest.approx(expected, abs=1e-6)


def test_torchmetrics_measures_see_unrounded_images_and_their_borders(pair: tuple[np.ndarray, np.ndarray]) -> None:
    image, truth = pair
    usual = measure(image, image / 255, truth, 2)
    unrounded = measure(image, image / 255 + 0.4 / 255, truth, 2)
    assert [name for name in usual if unrounded[name] != usual[name]] == ["psnr_torchmetrics", "ssim_torchmetrics"]
    framed = image.copy()
    framed[:2] = 0
    changed = measure(framed, framed / 255, truth, 2)
    assert [name for name in usual if changed[name] != usual[name]] == ["psnr_torchmetrics", "ssim_torchmetrics"]


ARRAYS = {
    "x4/set5/psnr": np.array([20.0, 30.0, 25.0]),
    "x4/set5/ssim": np.array([0.5, 0.7, 0.9]),
    "x4/set5/psnr_torchmetrics": np.array([19.0, 29.0, 27.0]),
    "x4/set5/bicubic_psnr": np.array([21.0, 24.0, 27.0]),
    "x4/set5/bicubic_psnr_torchmetrics": np.array([20.0, 23.0, 23.0]),
    "x4/set5/bicubic_ssim": np.array([0.6, 0.6, 0.6]),
}


def test_scores_are_means_with_bicubic_beside_them() -> None:
    outcome = score_all(ARRAYS)
    score = outcome.scores["x4_psnr_set5"]
    assert set(outcome.scores) == {"x4_psnr_set5", "x4_ssim_set5", "x4_psnr_torchmetrics_set5"}
    assert set(outcome.scores) <= {spec.name for spec in SUPERRES.scores}
    other = outcome.scores["x4_psnr_torchmetrics_set5"]
    assert (other.value, other.baselines) == (25.0, {"bicubic": 22.0})
    assert (score.value, score.n, score.baselines) == (25.0, 3, {"bicubic": 24.0})
    assert score.interval == pytest.approx(tuple(stats.t.interval(0.95, 2, 25, stats.sem([20, 30, 25]))))
    assert set(outcome.arrays) == set(ARRAYS)


def test_scores_can_be_made_again_from_what_was_kept() -> None:
    first = score_all(ARRAYS, VARIANTS["paper"], seed=3)
    again = load_function(SUPERRES.rescore)(first.arrays, VARIANTS["paper"], 3)
    assert again.scores == first.scores
