"""The learned distance during its training, and the ranking network that is trained with it (Zhang2018)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

import lnkit
from lnkit.distances import unit_normalize

DROPOUT = 0.5  # of the squared differences, in training; the code of Zhang2018
HIDDEN = 32  # channels of both hidden layers of the ranking network; Zhang2018, appendix B
SLOPE = 0.2  # of LeakyReLU; the code of Zhang2018
EPSILON = 0.1  # in the quotients of distances; the code of Zhang2018


class CalibrationModel(nn.Module):
    """The distance ``lin`` of a loss network, and the ranking network that is trained with it.

    As in the code of Zhang2018, a weight multiplies the squared difference; in its Eq. 1 the weight itself is squared.
    """

    def __init__(self, network: lnkit.LossNetwork, trains_backbone: bool) -> None:
        """Draw random channel weights.

        Args:
            network: the loss network, whose features are maps.
            trains_backbone: whether its own weights are trained too, as in the modes `tune` and `scratch`.
        """
        super().__init__()
        self.network = network.requires_grad_(trains_backbone)
        self.lin = nn.ParameterList(_initial_weight(count) for count in channel_counts(network))
        self.ranking = RankingNetwork()
        self.trains_backbone = trains_backbone

    def forward(self, ref: Tensor, p0: Tensor, p1: Tensor) -> Tensor:
        """Return the logits (N,) that people find p1 closer to the reference; images (N, 3, H, W) are in [0, 1]."""
        d0, d1 = self.distances(ref, p0, p1)
        logits: Tensor = self.ranking(d0, d1)
        return logits

    def distances(self, ref: Tensor, p0: Tensor, p1: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distances (N,) of both patches to the reference, from one forward pass."""
        with torch.set_grad_enabled(self.trains_backbone and torch.is_grad_enabled()):
            features = self.network(torch.cat([ref, p0, p1])).values()
        d0 = d1 = ref.new_zeros(len(ref))
        for weight, maps in zip(self.lin, features, strict=True):
            first, *others = unit_normalize(maps, 1).chunk(3)
            dropped = [functional.dropout((first - other).square(), DROPOUT, self.training) for other in others]
            terms = [(squared * weight.view(1, -1, 1, 1)).sum(1).mean((1, 2)) for squared in dropped]
            d0, d1 = d0 + terms[0], d1 + terms[1]
        return d0, d1

    @torch.no_grad()
    def clamp_weights(self) -> None:
        """Set negative channel weights to zero, so that a larger difference never means a smaller distance.

        Zhang2018, appendix B.
        """
        for weight in self.lin:
            weight.clamp_(min=0)


class RankingNetwork(nn.Module):
    """Predicts from two distances which patch people find closer (Zhang2018, appendix B)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(5, HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, HIDDEN),
            nn.LeakyReLU(SLOPE),
            nn.Linear(HIDDEN, 1),
        )

    def forward(self, d0: Tensor, d1: Tensor) -> Tensor:
        """Return the logits (N,) of the fraction of people who find p1 closer, from distances (N,)."""
        inputs = torch.stack([d0, d1, d0 - d1, d0 / (d1 + EPSILON), d1 / (d0 + EPSILON)], dim=1)
        logits: Tensor = self.layers(inputs)[:, 0]
        return logits


def ranking_loss(logits: Tensor, judgments: Tensor) -> Tensor:
    """Return the mean binary cross-entropy against the fractions (N,) of people who found p1 closer."""
    return functional.binary_cross_entropy_with_logits(logits, judgments)


def channel_counts(network: lnkit.LossNetwork) -> list[int]:
    """Return the number of channels at each point of a loss network."""
    with torch.no_grad():
        features = network(torch.full((1, 3, 64, 64), 0.5, device=network.mean.device))
    return [maps.shape[1] for maps in features.values()]


def _initial_weight(count: int) -> nn.Parameter:
    """Draw ``count`` weights as torch initializes a 1 x 1 convolution from so many channels to one."""
    bound = count**-0.5
    return nn.Parameter(torch.empty(count).uniform_(-bound, bound))
