"""The images of one data set, decoded and mapped into memory, and how they reach a network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Pixels = NDArray[np.uint8]  # (N, side, side, 3), RGB
Labels = NDArray[np.int64]  # (N,), classes counted from 0


@dataclass(frozen=True, slots=True)
class LabeledSet:
    """What an autoencoder and its classifiers are trained and tested on."""

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
        """Of the images as networks see them, in pixels."""
        return int(self.train.shape[1]) + 2 * self.pad


class Images:
    """Images of a split that are used, as tensors."""

    def __init__(self, pixels: Pixels, pad: int, at_most: int = 0) -> None:
        """Take ``at_most`` images, spread evenly over the split; 0 takes all."""
        self.chosen = evenly_spread(len(pixels), at_most)
        self._pixels, self._pad = pixels, pad

    def __len__(self) -> int:
        return len(self.chosen)

    def load(self, items: NDArray[np.int64]) -> Tensor:
        """The images (N, 3, h, w) of these numbers as they are stored, uint8 on the CPU, channels last in memory."""
        return torch.from_numpy(self._pixels[self.chosen[items]]).permute(0, 3, 1, 2)

    def prepare(self, stored: Tensor) -> Tensor:
        """Stored images as networks see them: (N, 3, H, W) in [0, 1], padded, on the device where they came from."""
        images = stored.to(torch.float32) / 255
        if self._pad:
            images = torch.nn.functional.pad(images, (self._pad,) * 4, mode="reflect")
        return images.contiguous(memory_format=torch.channels_last)

    def take(self, items: NDArray[np.int64]) -> Tensor:
        """The images of these numbers as networks see them, on the CPU."""
        return self.prepare(self.load(items))


def evenly_spread(count: int, at_most: int) -> NDArray[np.int64]:
    """Numbers of ``at_most`` items in even steps, or of all: classes that lie one after the other keep their shares."""
    kept = min(count, at_most) if at_most else count
    return np.arange(kept, dtype=np.int64) * count // max(kept, 1)


def hold_out(count: int, share: float, seed: tuple[int, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the items to train on and of those to validate on, drawn from ``seed``; at least one is held out."""
    order = np.random.default_rng(seed).permutation(count).astype(np.int64)
    held = min(max(1, round(count * share)), count - 1)
    return np.sort(order[held:]), np.sort(order[:held])
