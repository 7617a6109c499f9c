"""Marks in whole tiles: overlapping windows, blended so that no seam shows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def in_windows(apply: Callable[[Tensor], Tensor], image: Tensor, window: int) -> Tensor:
    """Marks (1, 1, H, W) of an image (1, 3, H, W), from windows that overlap by half.

    Each window's marks count most in its middle and least at its edge, where the network saw least around them. An
    image that is smaller than the window is one window.
    """
    height, width = image.shape[2:]
    total, weight = (image.new_zeros((1, 1, height, width)) for _ in range(2))
    for top in _starts(height, window):
        for left in _starts(width, window):
            place = (..., slice(top, top + window), slice(left, left + window))
            marks = apply(image[place])
            share = _share(marks.shape[2], marks.shape[3]).to(marks)
            total[place] += share * marks
            weight[place] += share
    return total / weight


def _starts(length: int, window: int) -> list[int]:
    """Where windows begin: every half of one, and the last at the end."""
    last = max(0, length - window)
    return sorted({*range(0, last, max(1, window // 2)), last})


def _share(height: int, width: int) -> Tensor:
    """A pyramid, 1 in the middle and above 0 at the edge."""
    ramps = [1 - np.abs(np.linspace(-1, 1, side + 2)[1:-1]) for side in (height, width)]
    return torch.from_numpy(np.outer(*ramps).astype(np.float32))
