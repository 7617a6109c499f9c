"""The images of one data set, decoded and mapped into memory, and their way into a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lnkit.training import as_tensor, evenly_spread, in_unit_range

Pixels = NDArray[np.uint8]  # (N, side, side, 3), RGB
Labels = NDArray[np.int64]  # (N,), classes counted from 0


@dataclass(frozen=True, slots=True)
class LabeledSet:
    """A data set for an autoencoder and its classifiers."""

    name: str  # "svhn", "stl10" or "own"
    classes: tuple[str, ...]
    unlabeled: Pixels  # for the autoencoder
    train: Pixels  # for the classifiers
    train_labels: Labels
    test: Pixels
    test_labels: Labels
    pad: int  # pixels mirrored around each image
    fingerprints: Mapping[str, str]  # "svhn" -> SHA-256 of its content
    notes: tuple[str, ...] = ()

    @property
    def side(self) -> int:
        """Side of the padded images in pixels."""
        return int(self.train.shape[1]) + 2 * self.pad


class Images:
    """Images of a split that the protocol uses, as tensors."""

    def __init__(self, pixels: Pixels, pad: int, at_most: int = 0) -> None:
        """Take ``at_most`` images, spread evenly over the split; 0 takes all."""
        self.chosen = evenly_spread(len(pixels), at_most)
        self._pixels, self._pad = pixels, pad

    def __len__(self) -> int:
        return len(self.chosen)

    def load(self, items: NDArray[np.int64]) -> Tensor:
        """Return the images of these numbers as they are stored, (N, 3, h, w) uint8 on the CPU."""
        return as_tensor(self._pixels[self.chosen[items]])

    def prepare(self, stored: Tensor) -> Tensor:
        """Return stored images as a network takes them: (N, 3, H, W) in [0, 1], padded, on their device."""
        images = in_unit_range(stored)
        if self._pad:
            images = torch.nn.functional.pad(images, (self._pad,) * 4, mode="reflect")
        return images.contiguous(memory_format=torch.channels_last)

    def take(self, items: NDArray[np.int64]) -> Tensor:
        """Return the images of these numbers as a network takes them, on the CPU."""
        return self.prepare(self.load(items))


def hold_out(count: int, share: float, seed: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Draw the numbers of items to train on, and of those held out for validation.

    Args:
        count: of all items.
        share: to hold out, above 0 and below 1; at least one item is.
        seed: of the draw.
    """
    order = np.random.default_rng(seed).permutation(count).astype(np.int64)
    held = min(max(1, round(count * share)), count - 1)
    return np.sort(order[held:]), np.sort(order[:held])
