"""8-bit images as tensors for a network, outputs of a network as 8-bit images, and choices of images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8]


def as_tensor(images: Pixels) -> Tensor:
    """Return 8-bit images as a tensor on the CPU, still of 8 bits.

    Args:
        images: RGB (N, H, W, 3) or gray (N, H, W). Read-only images, such as memory-mapped ones, are copied.

    Returns:
        (N, 3, H, W) with channels last in memory, or (N, 1, H, W).
    """
    tensor = torch.from_numpy(images if images.flags.writeable else np.array(images))
    return tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)


def in_unit_range(pixels: Tensor) -> Tensor:
    """Return 8-bit pixels as float32 in [0, 1]."""
    return pixels.float() / 255


def to_pixels(images: Tensor) -> Pixels:
    """Return images (N, 3, H, W) in [0, 1] as 8-bit images (N, H, W, 3), rounded to the nearest step."""
    pixels: Pixels = (images.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    return pixels


def slices(count: int, size: int) -> Iterator[slice]:
    """Yield slices of ``size`` items that cover ``count`` items; the last may be shorter."""
    for start in range(0, count, size):
        yield slice(start, start + size)


def evenly_spread(count: int, at_most: int) -> NDArray[np.int64]:
    """Return the numbers of ``at_most`` of ``count`` items in even steps, or of all items for 0.

    Sorted classes keep their shares.
    """
    chosen = min(count, at_most) if at_most else count
    return np.arange(chosen, dtype=np.int64) * count // max(chosen, 1)
