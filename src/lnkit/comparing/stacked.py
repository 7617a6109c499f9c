"""The whole computation of a batch in one module, from 8-bit images to distances: what an engine builds and runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lnkit.distances import distances_from_first
from lnkit.networks.lossnet import LossNetwork

if TYPE_CHECKING:
    from lnkit.specs import Distance


class StackedDistances(nn.Module):
    """Distances between references and the other images of a stack, for several loss networks on one backbone."""

    def __init__(
        self,
        network: LossNetwork,
        loss_networks: Sequence[Sequence[str]],
        distances: Sequence[Sequence[Distance]],
        images: int,
        dtype: torch.dtype = torch.float32,
    ) -> None:
        """``loss_networks`` names the points of each, ``distances`` the distance of each of these points."""
        super().__init__()
        self.network = network
        self.loss_networks = [tuple(zip(*pair, strict=True)) for pair in zip(loss_networks, distances, strict=True)]
        self.images = images
        self.dtype = dtype

    def forward(self, stack: Tensor) -> Tensor:
        """Compare ``stack`` (images * N, H, W, 3), 8-bit: N references, then N of the first other image, and so on.

        Gives (N, images - 1, loss networks).
        """
        normalized = self.network.normalize(stack.permute(0, 3, 1, 2).to(self.network.mean.dtype) / 255)
        features = self.network.tap(normalized.to(self.dtype))
        parts: dict[tuple[str, Distance], Tensor] = {}
        for part in dict.fromkeys(part for points in self.loss_networks for part in points):
            point, distance = part
            parts[part] = distances_from_first(distance, features[point], self.images)
        return torch.stack([_sum([parts[part] for part in points]) for points in self.loss_networks], dim=2)


def _sum(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).sum(0) if len(tensors) > 1 else tensors[0]
