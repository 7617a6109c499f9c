"""A loss network with learned channel weights, while it learns (Zhang et al. 2018, Eq. 1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

import lnkit
from lnkit.distances.functional import unit_normalize
from lnkit_calibration.ranking import RankingNetwork

DROPOUT = 0.5  # of the squared differences, in training; protocols of LPIPS's code


class Calibrated(nn.Module):
    """The distance ``lin`` of a loss network, and the ranking network that learns with it."""

    def __init__(self, network: lnkit.LossNetwork, trains_backbone: bool) -> None:
        """Begin with random weights of channels; ``trains_backbone`` is for the modes `tune` and `scratch`."""
        super().__init__()
        self.network = network.requires_grad_(trains_backbone)
        self.lin = nn.ParameterList(_initial(count) for count in channels(network))
        self.ranking = RankingNetwork()
        self.trains_backbone = trains_backbone

    def forward(self, ref: Tensor, p0: Tensor, p1: Tensor) -> Tensor:
        """Three batches of images in [0, 1] to the logits (N,) that p1 is closer."""
        d0, d1 = self.distances(ref, p0, p1)
        logits: Tensor = self.ranking(d0, d1)
        return logits

    def distances(self, ref: Tensor, p0: Tensor, p1: Tensor) -> tuple[Tensor, Tensor]:
        """The distances (N,) of both patches to the reference, from one forward pass."""
        with torch.set_grad_enabled(self.trains_backbone and torch.is_grad_enabled()):
            features = self.network(torch.cat([ref, p0, p1])).values()
        d0 = d1 = ref.new_zeros(len(ref))
        for weight, found in zip(self.lin, features, strict=True):
            first, *others = unit_normalize(found, 1).chunk(3)
            steps = [self._weighted(first - other, weight) for other in others]
            d0, d1 = d0 + steps[0], d1 + steps[1]
        return d0, d1

    @torch.no_grad()
    def keep_positive(self) -> None:
        """Bring weights below zero to zero, so that more difference never means less distance."""
        for weight in self.lin:
            weight.clamp_(min=0)

    def _weighted(self, difference: Tensor, weight: Tensor) -> Tensor:
        squared = functional.dropout(difference.square(), DROPOUT, self.training)
        return (squared * weight.view(1, -1, 1, 1)).sum(1).mean((1, 2))


def channels(network: lnkit.LossNetwork) -> list[int]:
    """How many channels the features have at each point."""
    with torch.no_grad():
        found = network(torch.full((1, 3, 64, 64), 0.5, device=network.mean.device))
    return [features.shape[1] for features in found.values()]


def _initial(count: int) -> nn.Parameter:
    """As torch begins a 1 x 1 convolution of so many channels to one."""
    bound = count**-0.5
    return nn.Parameter(torch.empty(count).uniform_(-bound, bound))
