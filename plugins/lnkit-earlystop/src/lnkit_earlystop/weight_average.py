"""An exponential moving average of the weights, by which EfficientNets are evaluated (Tan and Le 2019)."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn


class AveragedNetwork(nn.Module):
    """A network in training beside the average of its weights; in evaluation mode the average computes the output."""

    updates: Tensor

    def __init__(self, network: nn.Module, decay: float) -> None:
        super().__init__()
        self.network = network
        self.average = copy.deepcopy(network).requires_grad_(False)
        self.decay = decay
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = (self.network if self.training else self.average)(images)
        return logits

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Update the average once for each step. Early steps count more, as in TensorFlow's average."""
        if step <= int(self.updates):
            return
        self.updates.fill_(step)
        decay = min(self.decay, (1 + step) / (10 + step))
        for mean, new in zip(self.average.state_dict().values(), self.network.state_dict().values(), strict=True):
            if mean.is_floating_point():
                mean.lerp_(new, 1 - decay)
            else:
                mean.copy_(new)


def evaluated_network(network: nn.Module) -> nn.Module:
    """Return the network whose weights are saved and scored: the average, if there is one."""
    return network.average if isinstance(network, AveragedNetwork) else network
