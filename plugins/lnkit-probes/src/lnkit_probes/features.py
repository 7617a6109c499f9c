"""What is read off the activations of a loss network, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lnkit.benchmark import FeatureNetwork

Array = NDArray[np.float64]
BATCH = 32  # images at a time, always, so that no score depends on a setting


@torch.inference_mode()
def read_features(
    network: FeatureNetwork,
    images: NDArray[Any],
    read: Callable[[Tensor], Tensor],
    advance: Callable[[int], None],
    prepare: Callable[[NDArray[Any]], NDArray[Any]] = np.ascontiguousarray,
) -> dict[str, Array]:
    """What ``read`` finds in the features of images, for each layer.

    Args:
        network: gives the features.
        images: (N, H, W, 3), 8-bit.
        read: of features (n, C, H', W'), something (n, ...) of each image.
        advance: hears of images done.
        prepare: changes a batch of images first; gives 8-bit ones or floating point in [0, 1].

    Returns:
        {layer: (N, ...)}.
    """
    found: dict[str, list[Array]] = {point.name: [] for point in network.points}
    for start in range(0, len(images), BATCH):
        batch = _tensor(prepare(images[start : start + BATCH])).to(network.device)
        for layer, features in network.features(batch).items():
            found[layer].append(read(features.float()).double().cpu().numpy())
        advance(len(batch))
    return {layer: np.concatenate(parts) for layer, parts in found.items()}


def _tensor(images: NDArray[Any]) -> Tensor:
    """(n, 3, H, W) in [0, 1]."""
    values = torch.from_numpy(images).permute(0, 3, 1, 2).float()
    return values / 255 if images.dtype == np.uint8 else values


def pooled(features: Tensor) -> Tensor:
    """Means over space, (N, C)."""
    return features.mean((2, 3))


def entropy(features: Tensor) -> Tensor:
    """Mean over space of the entropy of softmaxed channels, over log C: (N,) in [0, 1], 1 where all are equal.

    NaN for a single channel. K calls it the mean normalised entropy of softmaxed activations; that the softmax is over
    channels is our reading.
    """
    logarithms = features.log_softmax(dim=1)
    found = -(logarithms.exp() * logarithms).sum(1).mean((1, 2))
    channels = features.shape[1]
    return found / math.log(channels) if channels > 1 else torch.full_like(found, math.nan)
