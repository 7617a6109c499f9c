"""Substitute weights: views of a few shared arrays of random numbers, so that networks of any size fit into memory.

They serve to compare two ways of computing features as well as real weights do.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

STRIDE = 7919  # between the starts of two views; a prime, so that no two modules have the same weights
SPARE = 100 * STRIDE
SMALL = 2**16  # values; parameters up to this size are real, since buffers take their device from them


class SharedParameter(nn.Parameter):
    """A parameter that copies of its network share."""

    def __deepcopy__(self, memo: dict[int, Any]) -> SharedParameter:
        return self


@contextmanager
def without_weights() -> Iterator[None]:
    """Build networks without values in their large parameters, but with real buffers."""
    register = nn.Module.register_parameter

    def register_empty(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        if parameter is not None and parameter.numel() > SMALL:
            parameter = nn.Parameter(parameter.detach().to("meta"), requires_grad=False)
        register(module, name, parameter)

    nn.Module.register_parameter = register_empty  # type: ignore[assignment, method-assign]
    try:
        yield
    finally:
        nn.Module.register_parameter = register  # type: ignore[method-assign]


class SubstituteWeights:
    """Random numbers for the parameters of one network after another, in arrays that grow as needed."""

    def __init__(self) -> None:
        self.arrays: dict[float, Tensor] = {}

    def fill(self, network: nn.Module) -> nn.Module:
        """Set every parameter of a network; tied parameters stay tied."""
        given: dict[int, SharedParameter] = {}
        for module in network.modules():
            for name, empty in list(module.named_parameters(recurse=False)):
                parameter = given.get(id(empty))
                if parameter is None:
                    parameter = given[id(empty)] = self._make(name, empty, len(given))
                setattr(module, name, parameter)
        return network.eval().requires_grad_(False)

    def _make(self, name: str, empty: Tensor, position: int) -> SharedParameter:
        """Draw values: matrices preserve the scale of their input, scales of norms are near 1, the rest is near 0."""
        if empty.ndim < 2:
            values = self._view(empty.shape, 0.125, position)
            return SharedParameter(values + 1 if name == "weight" else values.clone(), requires_grad=False)
        inputs = empty.numel() // empty.shape[0]
        return SharedParameter(
            self._view(empty.shape, 2.0 ** -round(math.log2(inputs) / 2), position), requires_grad=False
        )

    def _view(self, shape: torch.Size, scale: float, position: int) -> Tensor:
        length = shape.numel()
        array = self.arrays.get(scale)
        if array is None or len(array) < length + SPARE:
            generator = torch.Generator().manual_seed(0)
            array = self.arrays[scale] = torch.randn(length + SPARE, generator=generator) * scale
        start = position * STRIDE % (len(array) - length + 1)
        return array[start : start + length].reshape(shape)
