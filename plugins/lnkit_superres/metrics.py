"""PSNR and SSIM on luma, by scikit-image."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB
Luma = NDArray[np.float64]  # (H, W), 0 to 0.86

# Pihlgren2023, reference code
WEIGHTS = (65.738, 129.057, 25.064)  # of R, G and B, per 256; ITU-R BT.601 in studio range without its offset


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
