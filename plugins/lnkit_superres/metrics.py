"""PSNR and SSIM on luma, by scikit-image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
Luma = NDArray[np.float64]  # (H, W), 0 to 0.86

WEIGHTS = (65.738, 129.057, 25.064)  # of R, G and B, per 256; ITU-R BT.601 in studio range without its offset. P, R


def luma(image: Pixels, shave: int = 0) -> Luma:
    """Luma of an 8-bit image over 255, without a border of ``shave`` pixels. The peak of PSNR and SSIM is still 1."""
    values: Luma = image.astype(np.float64) @ (np.array(WEIGHTS) / 256 / 255)
    return values[shave : values.shape[0] - shave, shave : values.shape[1] - shave]


def psnr(image: Pixels, truth: Pixels, shave: int) -> float:
    """Peak signal-to-noise ratio in dB of two images of one size; infinite if they are the same."""
    with np.errstate(divide="ignore"):
        value = peak_signal_noise_ratio(luma(truth, shave), luma(image, shave), data_range=1.0)  # type: ignore[no-untyped-call]
    return float(value)


def ssim(image: Pixels, truth: Pixels, shave: int) -> float:
    """Mean structural similarity of two images of one size, with scikit-image's window: 7 x 7, uniform."""
    value = structural_similarity(luma(truth, shave), luma(image, shave), data_range=1.0)  # type: ignore[no-untyped-call]
    return float(value)
