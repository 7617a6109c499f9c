"""The computation of a whole batch, from 8-bit images to distances, as one module that an engine builds and runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from lnkit.distances.embedding import distances_from_first
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
        """Prepare the module.

        Args:
            network: A network with all points of the ``loss_networks``.
            loss_networks: The points of each loss network, by name.
            distances: The distance at each of these points.
            images: Number of images of an item, the reference included.
            dtype: Type of the images when they enter the backbone.
        """
        super().__init__()
        self.network = network
        pairs = [list(zip(*names, strict=True)) for names in zip(loss_networks, distances, strict=True)]
        # Each pair of a point and a distance is computed once, however many loss networks share it.
        self.parts: list[tuple[str, Distance]] = list(dict.fromkeys(part for points in pairs for part in points))
        self.sums = [[self.parts.index(part) for part in points] for points in pairs]
        self.images = images
        self.dtype = dtype

    def forward(self, stack: Tensor) -> Tensor:
        """Compare the references of a stack with its other images.

        Args:
            stack: 8-bit images (images * N, H, W, 3): N references, then N of the first other image, and so on.

        Returns:
            Distances (N, images - 1, loss networks).
        """
        features = self.features(stack)
        terms = [distances_from_first(distance, features[point], self.images) for point, distance in self.parts]
        return torch.stack([_sum([terms[index] for index in indices]) for indices in self.sums], dim=2)

    def features(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of 8-bit ``images`` (N, H, W, 3) at each point."""
        normalized = self.network.normalize(images.permute(0, 3, 1, 2).to(self.network.mean.dtype) / 255)
        return self.network.tap(normalized.to(self.dtype))


def _sum(tensors: list[Tensor]) -> Tensor:
    return torch.stack(tensors).sum(0) if len(tensors) > 1 else tensors[0]
