"""Taps: modules without weights that give a map where no module of the network gives it as its output.

A network of timm is left as it is; a tap is fed by a hook on the module that computes the map among other things, and
its own output is what a point can name (``taps.mid``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from lnkit_timm.catalog import HOME, Tap


class Element(nn.Module):
    """One element of the tuple or list that a module gives."""

    def __init__(self, index: int) -> None:
        super().__init__()
        self.index = index

    def forward(self, output: Any) -> Any:
        return output[self.index]


class Reroll(nn.Module):
    """Hiera's tokens, which it keeps in the order of its mask units, as a map (N, H, W, C)."""

    def __init__(self, network: nn.Module, block: int) -> None:
        super().__init__()
        self.reroll: Any = network.reroll  # shared with the network; without weights
        self.block = block

    def forward(self, tokens: Tensor) -> Any:
        return self.reroll(tokens, self.block)


class Deblockify(nn.Module):
    """NesT's tokens (N, blocks, tokens of a block, C) as a map (N, H, W, C)."""

    def forward(self, tokens: Tensor) -> Tensor:
        batch, blocks, length, channels = tokens.shape
        grid, side = math.isqrt(blocks), math.isqrt(length)
        squares = tokens.reshape(batch, grid, grid, side, side, channels)
        return squares.transpose(2, 3).reshape(batch, grid * side, grid * side, channels)


class _Feed:
    """A hook that hands a module's output to a tap; an object, so that a copied network gets a hook of its own."""

    def __init__(self, tap: nn.Module) -> None:
        self.tap = tap

    def __call__(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        self.tap(output)


def add_taps(network: nn.Module, taps: Mapping[str, Tap]) -> None:
    """Give a network its taps, as ``taps.<point>``. Neither its outputs nor its weights change."""
    if not taps:
        return
    home = nn.ModuleDict({point: make_tap(network, tap) for point, tap in taps.items()})
    network.add_module(HOME, home)
    for point, tap in taps.items():
        network.get_submodule(tap.module).register_forward_hook(_Feed(home[point]))


def make_tap(network: nn.Module, tap: Tap) -> nn.Module:
    """The module that turns the output of ``tap.module`` into the map."""
    if tap.order == "reroll":
        return Reroll(network, int(tap.module.rpartition(".")[2]))
    if tap.order == "deblockify":
        return Deblockify()
    assert tap.element is not None, f"{tap} is the module's own output"
    return Element(tap.element)
