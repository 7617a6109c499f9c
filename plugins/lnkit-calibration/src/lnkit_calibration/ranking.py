"""The small network that turns two distances into a judgment, and its loss (Zhang et al. 2018, section 4.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

HIDDEN = 32  # channels of both hidden layers; Zhang et al. 2018, appendix
SLOPE = 0.2  # of LeakyReLU; their code
EPSILON = 0.1  # in the quotients of distances; their code


class RankingNetwork(nn.Module):
    """How likely people are to find the second patch closer, from both distances to the reference."""

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
        """Two distances (N,) to the logit (N,) of the fraction of people who find p1 closer."""
        seen = torch.stack([d0, d1, d0 - d1, d0 / (d1 + EPSILON), d1 / (d0 + EPSILON)], dim=1)
        logits: Tensor = self.layers(seen)[:, 0]
        return logits


def ranking_loss(logits: Tensor, judged: Tensor) -> Tensor:
    """Mean binary cross-entropy against the fraction (N,) of people who found p1 closer."""
    return functional.binary_cross_entropy_with_logits(logits, judged)
