"""Augmentation of training images, whole batches at once: crops and flips, noise, AutoAugment."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from lnkit.specs import IMAGENET_MEAN, IMAGENET_STD

PADDING = 1 / 8  # of the side, reflected, for random crops: 4 of 32 pixels in He et al. 2016; Kumar2022 gives none


def random_crops(images: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Crop images (N, R, R, 3) to their size, shifted by up to an eighth of the side, and mirror half of them."""
    count, side = len(images), images.shape[1]
    border = round(side * PADDING)
    padded = np.pad(images, ((0, 0), (border, border), (border, border), (0, 0)), mode="reflect")
    corners = draw.integers(0, 2 * border + 1, (count, 2))
    mirrored = draw.random(count) < 0.5
    cropped = np.empty_like(images)
    for i, ((top, left), mirror) in enumerate(zip(corners, mirrored, strict=True)):
        crop = padded[i, top : top + side, left : left + side]
        cropped[i] = crop[:, ::-1] if mirror else crop
    return cropped


def enlarge_center(images: Tensor, fraction: float) -> Tensor:
    """Crop images (N, 3, R, R) in [0, 1] to a fraction of their side, and resize the crop to R x R."""
    side = images.shape[-1]
    size = max(round(side * fraction), 1)
    if size == side:
        return images
    start = (side - size) // 2
    center = images[..., start : start + size, start : start + size]
    return functional.interpolate(center, size=(side, side), mode="bilinear", align_corners=False)


def autoaugment_images(images: Tensor) -> Tensor:
    """Apply ImageNet's policy to each of (N, 3, R, R) uint8 images; draws from torch's global generator."""
    policy = v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET)
    return torch.stack([policy(image) for image in images])


def add_noise(images: Tensor, deviation: float) -> Tensor:
    """Add Gaussian noise of a standard deviation; draws from torch's global generator."""
    return images + deviation * torch.randn_like(images) if deviation else images


def normalize(images: Tensor) -> Tensor:
    """Normalize images (N, 3, H, W) in [0, 1] with ImageNet's mean and standard deviation."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    return (images - mean) / std
