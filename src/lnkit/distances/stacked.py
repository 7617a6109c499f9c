"""The whole computation of a batch in one module, from 8-bit images to distances: what an engine builds and runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lnkit.distances.functional import distances_from_first
from lnkit.networks.loss_network import LossNetwork

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
        pairs = [list(zip(*names, strict=True)) for names in zip(loss_networks, distances, strict=True)]
        # Each point is measured once by each distance, however many loss networks share it.
        self.parts: list[tuple[str, Distance]] = list(dict.fromkeys(part for points in pairs for part in points))
        self.sums = [[self.parts.index(part) for part in points] for points in pairs]
        self.images = images
        self.dtype = dtype

    def forward(self, stack: Tensor) -> Tensor:
        """Compare ``stack`` (images * N, H, W, 3), 8-bit: N references, then N of the first other image, and so on.

        Gives (N, images - 1, loss networks).
        """
        features = self.features(stack)
        found = [distances_from_first(distance, features[point], self.images) for point, distance in self.parts]
        return torch.stack([_sum([found[index] for index in indices]) for indices in self.sums], dim=2)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Features at each point of ``images`` (N, H, W, 3), 8-bit."""
        normalized = self.network.normalize(images.permute(0, 3, 1, 2).to(self.network.mean.dtype) / 255)
        return self.network.tap(normalized.to(self.dtype))


def _sum(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).sum(0) if len(tensors) > 1 else tensors[0]
