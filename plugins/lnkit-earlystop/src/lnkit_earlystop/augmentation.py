"""What happens to training images, on the device: crops and flips of a whole batch at once, noise, AutoAugment."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torchvision.transforms import v2

from lnkit.specs import IMAGENET_MEAN, IMAGENET_STD

PADDING = 1 / 8  # of the side, reflected, for random crops: 4 of 32 pixels in He et al. 2016; K doesn't say


def random_crops(images: NDArray[np.uint8], draw: np.random.Generator) -> NDArray[np.uint8]:
    """Crop (N, R, R, 3) images to their size, shifted by up to an eighth of the side, and mirror half of them."""
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


def central_part(images: Tensor, part: float) -> Tensor:
    """The middle of (N, 3, R, R) images in [0, 1], with a side of ``part`` of theirs, enlarged to their size."""
    side = images.shape[-1]
    kept = max(round(side * part), 1)
    if kept == side:
        return images
    start = (side - kept) // 2
    middle = images[..., start : start + kept, start : start + kept]
    return functional.interpolate(middle, size=(side, side), mode="bilinear", align_corners=False)


def autoaugmented(images: Tensor) -> Tensor:
    """ImageNet's policy on each of (N, 3, R, R) uint8 images; draws from torch's own generator."""
    policy = v2.AutoAugment(v2.AutoAugmentPolicy.IMAGENET)
    return torch.stack([policy(image) for image in images])


def noisy(images: Tensor, deviation: float) -> Tensor:
    """Images with Gaussian noise of a standard deviation, from torch's own generator."""
    return images + deviation * torch.randn_like(images) if deviation else images


def normalized(images: Tensor) -> Tensor:
    """Images in [0, 1] with ImageNet's mean and standard deviation removed."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    std = torch.tensor(IMAGENET_STD, device=images.device, dtype=images.dtype).view(1, 3, 1, 1)
    return (images - mean) / std
