"""Marks in whole tiles: overlapping windows, blended without seams."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def mark_in_windows(apply: Callable[[Tensor], Tensor], image: Tensor, window: int) -> Tensor:
    """Mark an image in windows that overlap by half.

    The marks of a window are weighted most in its middle, and least at its edge, where they have the least context.

    Args:
        apply: returns the marks (1, 1, h, w) of a window (1, 3, h, w).
        image: (1, 3, H, W). An image that is smaller than the window is one window.
        window: side of a window in pixels.

    Returns:
        Marks (1, 1, H, W).
    """
    height, width = image.shape[2:]
    total, weight = (image.new_zeros((1, 1, height, width)) for _ in range(2))
    for top in _starts(height, window):
        for left in _starts(width, window):
            inside = (..., slice(top, top + window), slice(left, left + window))
            marks = apply(image[inside])
            share = _pyramid(marks.shape[2], marks.shape[3]).to(marks)
            total[inside] += share * marks
            weight[inside] += share
    return total / weight


def _starts(length: int, window: int) -> list[int]:
    """Return the first pixels of the windows: every half of a window, and the last at the end."""
    last = max(0, length - window)
    return sorted({*range(0, last, max(1, window // 2)), last})


def _pyramid(height: int, width: int) -> Tensor:
    """Return weights: 1 in the middle, falling to just above 0 at the edge."""
    ramps = [1 - np.abs(np.linspace(-1, 1, side + 2)[1:-1]) for side in (height, width)]
    return torch.from_numpy(np.outer(*ramps).astype(np.float32))
