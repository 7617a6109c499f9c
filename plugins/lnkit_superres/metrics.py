"""PSNR and SSIM on luma, in the two ways in which the reference code computes them.

The first way looks at 8-bit images without their border, with scikit-image. The second way gives unrounded images to
torchmetrics, with its defaults of that time (0.7 to 1.2): the peak of PSNR is the largest luma of the truth; SSIM has a
Gaussian window, and its range is the larger one of both images. The paper does not say which way it reports.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
Values = NDArray[np.floating]  # (..., H, W, 3), RGB in [0, 1]
Luma = NDArray[np.float64]  # (..., H, W)

# Weights of R, G and B in ITU-R BT.601, studio range; reference code. Pihlgren2023 names no luma, Johnson2016 "Y".
WEIGHTS = (65.738, 129.057, 25.064)  # per 256, without its offset
STUDIO_WEIGHTS, STUDIO_OFFSET = (65.481, 128.553, 24.966), 16.0  # of values in [0, 1]
SIGMA = 1.5  # pixels, standard deviation of SSIM's Gaussian window of 11 x 11; torchmetrics


def luma(image: Pixels, shave: int = 0) -> Luma:
    """Return luma / 255 of an 8-bit image without a border of ``shave`` pixels; PSNR and SSIM use 1 as its peak."""
    values: Luma = image.astype(np.float64) @ (np.array(WEIGHTS) / 256 / 255)
    return values[shave : values.shape[0] - shave, shave : values.shape[1] - shave]


def psnr(image: Pixels, truth: Pixels, shave: int) -> float:
    """Return the peak signal-to-noise ratio in dB of two images of one size; infinite if they are equal."""
    with np.errstate(divide="ignore"):
        value = peak_signal_noise_ratio(luma(truth, shave), luma(image, shave), data_range=1.0)  # type: ignore[no-untyped-call]
    return float(value)


def ssim(image: Pixels, truth: Pixels, shave: int) -> float:
    """Return the mean structural similarity of two images of one size, with a uniform window of 7 x 7 pixels."""
    value = structural_similarity(luma(truth, shave), luma(image, shave), data_range=1.0)  # type: ignore[no-untyped-call]
    return float(value)


def measure(image: Pixels, values: Values, truth: Pixels, shave: int) -> dict[str, float]:
    """Compare an image with the truth in both ways.

    Args:
        image: 8-bit.
        values: the same before it was rounded, in [0, 1].
        truth: 8-bit.
        shave: pixels left out on each side; not by torchmetrics' measures.

    Returns:
        Values by the names of the measures, as they are in the names of scores.
    """
    return {
        "psnr": psnr(image, truth, shave),
        "ssim": ssim(image, truth, shave),
        "psnr_torchmetrics": psnr_torchmetrics(values, truth / 255),
        "ssim_torchmetrics": ssim_torchmetrics(values, truth / 255),
    }


def studio_luma(values: Values) -> Luma:
    """Return luma in studio range, 16 to 235, of values in [0, 1]."""
    found: Luma = values.astype(np.float64) @ np.array(STUDIO_WEIGHTS) + STUDIO_OFFSET
    return found


def psnr_torchmetrics(values: Values, truth: Values) -> float:
    """Return PSNR in dB as torchmetrics' PeakSignalNoiseRatio() did: the peak is the largest luma of the truth.

    Its range of the truth began at 0, and luma at 16. Several images are pooled.
    """
    expected = studio_luma(truth)
    with np.errstate(divide="ignore"):
        value = peak_signal_noise_ratio(expected, studio_luma(values), data_range=expected.max())  # type: ignore[no-untyped-call]
    return float(value)


def ssim_torchmetrics(values: Values, truth: Values) -> float:
    """Return SSIM as torchmetrics' StructuralSimilarityIndexMeasure() did: mean of all whole Gaussian windows."""
    expected, found = studio_luma(truth), studio_luma(values)
    spread = max(np.ptp(expected), np.ptp(found)) or 1.0  # of two constant images, for which torchmetrics has no value
    value = structural_similarity(  # type: ignore[no-untyped-call]
        expected, found, data_range=spread, gaussian_weights=True, sigma=SIGMA, use_sample_covariance=False
    )
    return float(value)
