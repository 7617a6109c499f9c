"""A cache of the target features of a training, if they fit into memory and are used more than once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lnkit.progress import Progress
from lnkit.training.loss_mode import follows_training
from lnkit.training_task import Batch

if TYPE_CHECKING:
    from lnkit.training_task import FeatureLoss

BUDGET = 2 * 2**30  # bytes of cached features; constant, since caching must not depend on the machine
BLOCK_PIXELS = 2**19  # of one forward pass: 128 images of 64 x 64, 6 of 288 x 288
KEY = "target "  # prefix of the names of points in a batch


class TargetCache:
    """The features of every training image, in the memory of the CPU."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        self._features = features

    def take(self, items: NDArray[np.int64]) -> dict[str, Tensor]:
        """Return the features of ``items`` as entries of a batch."""
        index = torch.from_numpy(np.asarray(items, np.int64))
        return {f"{KEY}{point}": features[index] for point, features in self._features.items()}

    def of(self, batch: Batch) -> dict[str, Tensor]:
        """Return the features (N, C, H, W) by point that :meth:`take` added to a batch."""
        return {name.removeprefix(KEY): tensor for name, tensor in batch.items() if name.startswith(KEY)}


def cache_targets(
    loss: FeatureLoss, images: Callable[[NDArray[np.int64]], Tensor], count: int, passes: float, progress: Progress
) -> TargetCache | None:
    """Compute the target features of all images once.

    Args:
        loss: The loss, whose loss network computes the features on its device.
        images: Returns images (N, 3, H, W) in [0, 1], on the CPU, by their numbers.
        count: Number of images.
        passes: How often each image will be used.
        progress: Shows the progress.

    Returns:
        The cache, or None if caching does not pay: fewer than two passes, or more than 2 GiB of features. None also if
        the loss network will be in training mode, where features depend on the batch.
    """
    if passes < 2 or not count or follows_training(loss):
        return None
    device = next(loss.network.buffers()).device
    example = images(np.arange(1)).to(device)
    block = max(1, BLOCK_PIXELS // example[0, 0].numel())
    first = loss.targets(example)
    per_image = sum(features[0].numel() * features.element_size() for features in first.values())
    if per_image * count > BUDGET:
        return None
    cached = {
        name: torch.empty((count, *features.shape[1:]), dtype=features.dtype).contiguous(
            memory_format=torch.channels_last
        )
        for name, features in first.items()
    }
    with progress.task("computing target features", count, unit="images") as advance:
        for start in range(0, count, block):  # always the same blocks, so that every run rounds the same
            items = np.arange(start, min(start + block, count))
            for name, features in loss.targets(images(items).to(device)).items():
                cached[name][items[0] : items[-1] + 1] = features.cpu()
            advance(len(items))
    return TargetCache(cached)
