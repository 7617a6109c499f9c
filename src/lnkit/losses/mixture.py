"""Several loss networks on the same images as one backbone, so that a loss goes wherever a backbone goes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from torch import Tensor, nn

from lnkit.networks.graph_extractor import CutsItself
from lnkit.networks.loss_network import LossNetwork


class Mixture(CutsItself):
    """Runs several loss networks, each once; its nodes ``outputs.0``, ``outputs.1`` and so on are their features.

    Each loss network applies its own normalization and size. The order of the nodes is that of the networks and their
    points.
    """

    def __init__(self, networks: Sequence[LossNetwork]) -> None:
        """Join loss networks, which are not copied."""
        super().__init__()
        self.networks = nn.ModuleList(networks)
        self.outputs = nn.ModuleList(nn.Identity() for network in networks for _ in network.points)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Return the features (N, C, H', W') of images (N, 3, H, W) in [0, 1] at every node."""
        networks = cast("Sequence[LossNetwork]", self.networks)
        features = [feature for network in networks for feature in network.features(images).values()]
        return tuple(output(feature) for output, feature in zip(self.outputs, features, strict=True))

    def cut_at(self, nodes: Sequence[str]) -> nn.Module:
        """Return a module that maps images to a tuple with the output of each of ``nodes``, without hooks."""
        return _Cut(self, [int(node.removeprefix("outputs.")) for node in nodes])


class _Cut(nn.Module):
    def __init__(self, mixture: Mixture, indices: Sequence[int]) -> None:
        super().__init__()
        self.mixture, self.indices = mixture, tuple(indices)

    def forward(self, images: Tensor) -> tuple[Any, ...]:
        outputs = self.mixture(images)
        return tuple(outputs[index] for index in self.indices)
