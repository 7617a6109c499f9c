"""Taps: modules without weights that output a map which is not the output of any module of the network.

The network itself is unchanged. A hook on the module that computes the map passes its output to the tap, whose own
output can be an extraction point (``taps.mid``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lnkit_timm.catalog import TAPS, Tap


class Element(nn.Module):
    """Selects one element of the tuple or list that a module returns."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, output: Any) -> Any:
        return output[self.index]


class Reroll(nn.Module):
    """Arranges Hiera's tokens, which are in the order of its mask units, as a map (N, H, W, C)."""

    def __init__(self, network: nn.Module, block: int) -> None:
        super().__init__()
        self.reroll: Any = network.reroll  # the network's own module, without weights
        self.block = block

    def forward(self, tokens: Tensor) -> Any:
        return self.reroll(tokens, self.block)


class Deblockify(nn.Module):
    """Arranges NesT's tokens (N, blocks, tokens of a block, C) as a map (N, H, W, C)."""

    def forward(self, tokens: Tensor) -> Tensor:
        batch, blocks, length, channels = tokens.shape
        grid, side = math.isqrt(blocks), math.isqrt(length)
        squares = tokens.reshape(batch, grid, grid, side, side, channels)
        return squares.transpose(2, 3).reshape(batch, grid * side, grid * side, channels)


class _Feed:
    """A hook that passes a module's output to a tap; an object, so that a copied network gets its own hook."""

    def __init__(self, tap: nn.Module) -> None:
        self.tap = tap

    def __call__(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        self.tap(output)


def add_taps(network: nn.Module, taps: Mapping[str, Tap]) -> None:
    """Add taps to a network, as ``taps.<point>``; its outputs and weights do not change."""
    if not taps:
        return
    modules = nn.ModuleDict({point: make_tap(network, tap) for point, tap in taps.items()})
    network.add_module(TAPS, modules)
    for point, tap in taps.items():
        network.get_submodule(tap.module).register_forward_hook(_Feed(modules[point]))


def make_tap(network: nn.Module, tap: Tap) -> nn.Module:
    """Build the module that turns the output of ``tap.module`` into the map."""
    if tap.order == "reroll":
        return Reroll(network, int(tap.module.rpartition(".")[2]))
    if tap.order == "deblockify":
        return Deblockify()
    assert tap.element is not None, f"{tap} is the module's own output"
    return Element(tap.element)
