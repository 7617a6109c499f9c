"""PSNR and SSIM against torchmetrics and closed forms, and scores made of them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats
from skimage import data
from torchmetrics.functional.image import peak_signal_noise_ratio, structural_similarity_index_measure

from lnkit.specs import load_function
from lnkit_superres import SUPERRES
from lnkit_superres.metrics import luma, psnr, ssim
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
    from skimage.color import rgb2ycbcr

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


ARRAYS = {
    "x4/set5/psnr": np.array([20.0, 30.0, 25.0]),
    "x4/set5/ssim": np.array([0.5, 0.7, 0.9]),
    "x4/set5/bicubic_psnr": np.array([21.0, 24.0, 27.0]),
    "x4/set5/bicubic_ssim": np.array([0.6, 0.6, 0.6]),
}


def test_scores_are_means_with_bicubic_beside_them() -> None:
    outcome = score_all(ARRAYS)
    score = outcome.scores["x4_psnr_set5"]
    assert set(outcome.scores) == {"x4_psnr_set5", "x4_ssim_set5"}
    assert (score.value, score.n, score.baselines) == (25.0, 3, {"bicubic": 24.0})
    assert score.interval == pytest.approx(tuple(stats.t.interval(0.95, 2, 25, stats.sem([20, 30, 25]))))
    assert set(outcome.arrays) == set(ARRAYS)


def test_scores_can_be_made_again_from_what_was_kept() -> None:
    first = score_all(ARRAYS, VARIANTS["paper"], seed=3)
    again = load_function(SUPERRES.rescore)(first.arrays, VARIANTS["paper"], 3)
    assert again.scores == first.scores
