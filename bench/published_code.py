"""The computation of 2AFC decisions in Pihlgren2023, written from its description (none of its code is used).

Each of a backbone's four points is a truncated network and a separate run. For each batch of triplets the network runs
four times (ref, p0, ref, p1), in the default memory layout. Features are normalized one image batch at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models.feature_extraction import create_feature_extractor

BATCH = 128


def truncate(backbone: nn.Module, node: str) -> nn.Module:
    """Cut a backbone behind a node."""
    extractor: nn.Module = create_feature_extractor(backbone, {node: "features"}).eval()
    return extractor


@torch.no_grad()
def decide(networks: Sequence[nn.Module], images: Sequence[np.ndarray]) -> np.ndarray:
    """Return d0 - d1 of each triplet by each network, (N, networks), for (ref, p0, p1) of (N, H, W, 3) 8-bit images."""
    return np.stack([_run(network, images) for network in networks], axis=1)


def _run(network: nn.Module, images: Sequence[np.ndarray]) -> np.ndarray:
    margins = []
    for start in range(0, len(images[0]), BATCH):
        ref, p0, p1 = (_load(array[start : start + BATCH]) for array in images)
        d0 = _distance(network(ref)["features"], network(p0)["features"])
        d1 = _distance(network(ref)["features"], network(p1)["features"])
        margins.append((d0 - d1).numpy())
    return np.concatenate(margins)


def _load(images: np.ndarray) -> Tensor:
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).reshape(3, 1, 1)
    return (torch.from_numpy(images).permute(0, 3, 1, 2).contiguous().float() / 255 - mean) / std


def _distance(a: Tensor, b: Tensor) -> Tensor:
    return (_normalize(a) - _normalize(b)).square().sum(1).mean((1, 2))


def _normalize(features: Tensor) -> Tensor:
    return features / features.square().sum(1, keepdim=True).sqrt().clamp_min(1e-12)
