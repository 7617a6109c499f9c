"""Statistics of the activations of a loss network, layer by layer."""

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
    """Compute a statistic of the features of images, for each layer.

    Args:
        network: computes the features.
        images: (N, H, W, 3), 8-bit.
        read: maps features (n, C, H', W') to the statistic (n, ...).
        advance: receives the number of images done.
        prepare: changes a batch of images first; returns 8-bit ones, or floating point in [0, 1].

    Returns:
        {layer: (N, ...)}.
    """
    values: dict[str, list[Array]] = {point.name: [] for point in network.points}
    for start in range(0, len(images), BATCH):
        prepared = prepare(images[start : start + BATCH])
        batch = torch.from_numpy(prepared).permute(0, 3, 1, 2).float()
        batch = (batch / 255 if prepared.dtype == np.uint8 else batch).to(network.device)
        for layer, features in network.features(batch).items():
            values[layer].append(read(features.float()).double().cpu().numpy())
        advance(len(batch))
    return {layer: np.concatenate(parts) for layer, parts in values.items()}


def pooled(features: Tensor) -> Tensor:
    """Return the means over space, (N, C)."""
    return features.mean((2, 3))


def entropy(features: Tensor) -> Tensor:
    """Return the mean over space of the entropy of softmaxed channels, over log C: (N,) in [0, 1], 1 if all are equal.

    It is NaN for a single channel. Kumar2022 calls it the mean normalised entropy of softmaxed activations; that the
    softmax is over channels is our reading.
    """
    logarithms = features.log_softmax(dim=1)
    entropies = -(logarithms.exp() * logarithms).sum(1).mean((1, 2))
    channels = features.shape[1]
    return entropies / math.log(channels) if channels > 1 else torch.full_like(entropies, math.nan)
