"""Encoders of features, and decoders to features: the feature-prediction variants of the original work.

It trains encoders that predict the features of an image instead of the image, and encoders of features instead of
images. Pihlgren2023 does neither, so the shapes here are ours: as small as the encoder and decoder of images, for maps
of any size, and with one head for each point of the loss network.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

Shapes = Mapping[str, tuple[int, int, int]]  # point -> (C, H, W) of its features

SMALL = 4  # pixels; convolutions halve a map until its longer side is SMALL or less
FIRST, WIDEST = 64, 256  # channels after the first convolution, and at most
KERNEL, STRIDE, PADDING = 4, 2, 1  # which halve a map, and double it


def halvings(height: int, width: int) -> int:
    """Return how often a map is halved until it is small."""
    count = 0
    while _halved(max(height, width), count) > SMALL:
        count += 1
    return count


def widths(steps: int) -> list[int]:
    """Return the channels after each of ``steps`` convolutions: 64, 128, 256, 256, ..."""
    return [min(WIDEST, FIRST * 2**step) for step in range(steps)]


class FeatureEncoder(nn.Module):
    """Features {point: (N, C, H, W)} to embeddings (N, z): a trunk for each point, joined by a linear layer."""

    def __init__(self, shapes: Shapes, z: int) -> None:
        super().__init__()
        self.points = tuple(shapes)  # names of points may be no names of modules, so these are numbered
        self.trunks = nn.ModuleList(_trunk(*shape) for shape in shapes.values())
        self.linear = nn.Linear(sum(_length(*shape) for shape in shapes.values()), z)

    def forward(self, features: Mapping[str, Tensor]) -> Tensor:
        flat = [trunk(features[point]).flatten(1) for point, trunk in zip(self.points, self.trunks, strict=True)]
        out: Tensor = self.linear(torch.cat(flat, 1))
        return out


class FeatureDecoder(nn.Module):
    """Embeddings (N, z) to features {point: (N, C, H, W)}, which may have any values: the last layer is linear."""

    def __init__(self, shapes: Shapes, z: int) -> None:
        super().__init__()
        self.points = tuple(shapes)
        self.heads = nn.ModuleList(_Head(shape, z) for shape in shapes.values())

    def forward(self, embeddings: Tensor) -> dict[str, Tensor]:
        return {point: head(embeddings) for point, head in zip(self.points, self.heads, strict=True)}


def _trunk(channels: int, height: int, width: int) -> nn.Sequential:
    """Build convolutions that halve a map until it is small; a 1x1 convolution for a map that is small already.

    The latter has no batch norm, which needs more than one item or one position.
    """
    steps = halvings(height, width)
    if not steps:
        return nn.Sequential(nn.Conv2d(channels, WIDEST, 1), nn.ReLU())
    blocks = []
    for other in widths(steps):
        # Odd sides are rounded up, so that no row of the map is left out.
        halving = nn.Conv2d(channels, other, KERNEL, STRIDE, PADDING, bias=False)
        blocks.append(nn.Sequential(_EvenSides(), halving, nn.BatchNorm2d(other), nn.ReLU()))
        channels = other
    return nn.Sequential(*blocks)


def _length(channels: int, height: int, width: int) -> int:
    """Return the length of the flattened output of a trunk."""
    steps = halvings(height, width)
    last = widths(steps)[-1] if steps else WIDEST
    return last * _halved(height, steps) * _halved(width, steps)


def _halved(side: int, steps: int) -> int:
    """Return the side after ``steps`` halvings, rounded up each time."""
    cells = 1 << steps
    return -(-side // cells)


class _EvenSides(nn.Module):
    """Repeat the last row and column of maps whose sides are odd."""

    def forward(self, maps: Tensor) -> Tensor:
        for dimension in (2, 3):
            if maps.shape[dimension] % 2:  # torch's own padding has no deterministic gradient on a GPU
                maps = torch.cat([maps, maps.narrow(dimension, -1, 1)], dimension)
        return maps


class _Head(nn.Module):
    """The features of one point: a small map of many channels, doubled until it is large enough, cut to size."""

    def __init__(self, shape: tuple[int, int, int], z: int) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        steps = halvings(self.height, self.width)
        *others, start = [FIRST, *widths(steps)] if steps else [WIDEST]
        self.start = (start, _halved(self.height, steps), _halved(self.width, steps))
        length = self.start[0] * self.start[1] * self.start[2]
        self.linear = nn.Sequential(nn.Linear(z, length), nn.ReLU())
        blocks = []
        for other in reversed(others):
            doubling = nn.ConvTranspose2d(start, other, KERNEL, STRIDE, PADDING, bias=False)
            blocks.append(nn.Sequential(doubling, nn.BatchNorm2d(other), nn.ReLU()))
            start = other
        self.convolutions = nn.Sequential(*blocks, nn.Conv2d(start, channels, 1))

    def forward(self, embeddings: Tensor) -> Tensor:
        maps: Tensor = self.convolutions(self.linear(embeddings).unflatten(1, self.start))
        return maps[:, :, : self.height, : self.width]
