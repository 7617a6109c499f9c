"""Target features that are computed once and kept, where they fit into memory and are used again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lnkit.progress import Progress
from lnkit.training.task import Batch

if TYPE_CHECKING:
    from lnkit.training.task import FeatureLoss

BUDGET = 2 * 2**30  # bytes of memory for kept features; a constant, since what is kept must not depend on the machine
BLOCK_PIXELS = 2**19  # of one forward pass: 128 images of 64 x 64, 6 of 288 x 288
KEY = "target "  # before the names of points in a batch


class KeptTargets:
    """The features of every training image, in the CPU's memory."""

    def __init__(self, features: Mapping[str, Tensor]) -> None:
        self._features = features

    def take(self, items: NDArray[np.int64]) -> dict[str, Tensor]:
        """The features of ``items``, to be merged into a batch."""
        index = torch.from_numpy(np.asarray(items, np.int64))
        return {f"{KEY}{point}": features[index] for point, features in self._features.items()}

    def of(self, batch: Batch) -> dict[str, Tensor]:
        """{point: features (N, C, H, W)} of a batch that came with :meth:`take`."""
        return {name.removeprefix(KEY): tensor for name, tensor in batch.items() if name.startswith(KEY)}


def keep_targets(
    loss: FeatureLoss,
    images: Callable[[NDArray[np.int64]], Tensor],
    count: int,
    passes: float,
    progress: Progress,
) -> KeptTargets | None:
    """Compute the features of ``count`` images once, if they fit into 2 GiB and each is used more than once.

    Args:
        loss: whose loss network makes the features, on its device.
        images: gives images (N, 3, H, W) in [0, 1] on the CPU by their numbers.
        count: of the images.
        passes: how often each will be used; below 2 nothing is gained.
        progress: hears of it.
    """
    if passes < 2 or not count:
        return None
    device = next(loss.network.buffers()).device
    example = images(np.arange(1)).to(device)
    block = max(1, BLOCK_PIXELS // example[0, 0].numel())
    first = loss.targets(example)
    per_image = sum(features[0].numel() * features.element_size() for features in first.values())
    if per_image * count > BUDGET:
        return None
    kept = {
        name: torch.empty((count, *features.shape[1:]), dtype=features.dtype).contiguous(
            memory_format=torch.channels_last
        )
        for name, features in first.items()
    }
    with progress.task("computing target features", count, unit="images") as advance:
        for start in range(0, count, block):  # always the same blocks, so that rounding is the same in every run
            items = np.arange(start, min(start + block, count))
            for name, features in loss.targets(images(items).to(device)).items():
                kept[name][items[0] : items[-1] + 1] = features.cpu()
            advance(len(items))
    return KeptTargets(kept)
