"""Statistics of the activations of a loss network, layer by layer."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
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
    for batch in _batches(images, prepare):
        for layer, features in network.features(batch.to(network.device)).items():
            values[layer].append(read(features.float()).double().cpu().numpy())
        advance(len(batch))
    return {layer: np.concatenate(parts) for layer, parts in values.items()}


def predict_classes(
    classifier: Callable[[Tensor], Tensor],
    images: NDArray[Any],
    advance: Callable[[int], None],
    prepare: Callable[[NDArray[Any]], NDArray[Any]],
) -> NDArray[np.int64]:
    """Return the class (N,) with the largest logit of each image; arguments as for :func:`read_features`."""
    classes = []
    for batch in _batches(images, prepare):
        classes.append(classifier(batch).argmax(1).cpu().numpy())
        advance(len(batch))
    return np.concatenate(classes)


def _batches(images: NDArray[Any], prepare: Callable[[NDArray[Any]], NDArray[Any]]) -> Iterator[Tensor]:
    """Yield images in batches (n, 3, H, W) in [0, 1]."""
    for start in range(0, len(images), BATCH):
        prepared = prepare(images[start : start + BATCH])
        batch = torch.from_numpy(prepared).permute(0, 3, 1, 2).float()
        yield batch / 255 if prepared.dtype == np.uint8 else batch


def pooled(features: Tensor) -> Tensor:
    """Return the means over space, (N, C)."""
    return features.mean((2, 3))


def entropy(features: Tensor) -> Tensor:
    """Return the entropy of all activations of a layer after one softmax, over log(H W C): (N,) in [0, 1].

    It is 1 if all are equal, and NaN for a single value (Kumar2022 8.5).
    """
    return _normalized_entropy(features.flatten(1))


def channel_entropy(features: Tensor) -> Tensor:
    """Return the mean over space of the entropy of softmaxed channels, over log C: (N,) in [0, 1]; NaN for one channel.

    Ours, not Kumar2022's: each position has a softmax of its own, so where activations are large does not matter.
    """
    return _normalized_entropy(features).mean((1, 2))


def _normalized_entropy(values: Tensor) -> Tensor:
    """Return the entropy of a softmax along dimension 1, over its largest value; NaN where there is one value only."""
    logarithms = values.log_softmax(dim=1)
    entropies = -(logarithms.exp() * logarithms).sum(1)
    count = values.shape[1]
    return entropies / math.log(count) if count > 1 else torch.full_like(entropies, math.nan)
