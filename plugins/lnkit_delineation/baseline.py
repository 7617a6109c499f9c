"""A backbone that finds no difference between any two images, so that only cross-entropy is left of the loss."""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn


class Zero(nn.Module):
    """Gives zero for every image (N, 3, H, W): (N, 1, 1, 1), with a gradient of zero."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :1, :1, :1] * 0


def build() -> nn.Module:
    """Make the backbone; it has no weights."""
    return nn.Sequential(OrderedDict(alone=Zero()))
