"""A backbone of two convolutions, for benchmarks to be tried on."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def build(pretrained: bool = False) -> nn.Module:
    """Build the network, its weights random whatever is asked for."""
    return nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1),
            fine=nn.ReLU(),
            body=nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),
            coarse=nn.ReLU(),
        )
    )
