"""Augmentation of training images, whole batches at once: crops and flips, noise, AutoAugment."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from lnkit.specs import IMAGENET_MEAN, IMAGENET_STD

# Of the side, reflected, for random crops: 4 of 32 pixels in He et al. 2016, section 4.2. Kumar2022 names random crops
# and flips (section 4) without their sizes.
PADDING = 1 / 8


def random_crops(images: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Crop images (N, R, R, 3) to their size, shifted by up to an eighth of the side."""
    count, side = len(images), images.shape[1]
    border = round(side * PADDING)
    padded = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)), mode="reflect")
    corners = draw.integers(0, 2 * border + 1, (count, 2))
    return np.stack([padded[i, top : top + side, left : left + side] for i, (top, left) in enumerate(corners)])


def random_mirrors(images: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Mirror each of the images (N, R, R, 3) left to right with a probability of one half."""
    mirrored = draw.random(len(images)) < 0.5
    return np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)


def enlarge_center(images: Tensor, fraction: float | None) -> Tensor:
    """Crop images (N, 3, R, R) in [0, 1] to a fraction of their side, and resize them to R x R; None for no crop."""
    side = images.shape[-1]
    size = max(round(side * (1.0 if fraction is None else fraction)), 1)
    if size == side:
        return images
    start = (side - size) // 2
    center = images[..., start : start + size, start : start + size]
    return functional.interpolate(center, size=(side, side), mode="bilinear", align_corners=False)


def autoaugment_images(images: Tensor) -> Tensor:
    """Apply ImageNet's policy to each of (N, 3, R, R) uint8 images; draws from torch's global generator."""
    policy = v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET)
    return torch.stack([policy(image) for image in images])


def add_noise(images: Tensor, largest: float) -> Tensor:
    """Add Gaussian noise to images (N, 3, R, R) in [0, 1]; draws from torch's global generator.

    Kumar2022, App. G: the deviation of each image is drawn from U(0, ``largest``), and the noise is truncated between
    0 and 1 before it is added. We read "truncated" as clipped: half of all values get no noise. What becomes of sums
    above 1 is not said; we leave them.
    """
    if not largest:
        return images
    deviations = largest * torch.rand(len(images), 1, 1, 1, device=images.device, dtype=images.dtype)
    return images + (deviations * torch.randn_like(images)).clamp_(0, 1)


def normalize(images: Tensor) -> Tensor:
    """Normalize images (N, 3, H, W) in [0, 1] with ImageNet's mean and standard deviation."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    return (images - mean) / std
