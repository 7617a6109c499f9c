"""Tiles resized with and without antialiasing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Resizing:
    """A way to resize images, bilinear."""

    size: tuple[int, int]  # height, width
    antialias: bool

    def __str__(self) -> str:
        height, width = self.size
        return f"resized to {width} x {height}, bilinear{'' if self.antialias else ' without antialiasing'}"

    @property
    def name(self) -> str:
        """Name for a folder of resized tiles."""
        return "resized" if self.antialias else "resized-plain"

    def apply(self, image: Image.Image) -> Pixels:
        """Return a resized image, gray (H, W) or RGB (H, W, 3)."""
        if image.size == self.size[::-1]:
            return np.asarray(image)
        if self.antialias:
            return np.asarray(image.resize(self.size[::-1], Image.Resampling.BILINEAR))  # which Pillow antialiases
        return resize_plainly(np.asarray(image), self.size)


def resize_plainly(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    """Resize an image as torchvision resized tensors before version 0.17: bilinear between the four nearest pixels.

    Args:
        pixels: gray (H, W) or RGB (H, W, 3).
        size: height and width of the result, which is rounded to 8 bits, halves down: the reference code takes a map
            as road where it is above one half.

    References:
        The reference code of Pihlgren2023, which converts images to tensors in [0, 1] before it resizes them.
    """
    planes = torch.from_numpy(np.atleast_3d(pixels).astype(np.float32) / 255).permute(2, 0, 1)[None]  # (1, C, H, W)
    resized = functional.interpolate(planes, size, mode="bilinear", align_corners=False, antialias=False)
    rounded = (255 * resized[0].permute(1, 2, 0) - 0.5).ceil().to(torch.uint8).numpy()
    return np.ascontiguousarray(rounded[:, :, 0] if pixels.ndim == 2 else rounded)
