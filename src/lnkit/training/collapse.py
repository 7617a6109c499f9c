"""Trainings that fail without an error: losses that are no numbers, outputs that no longer depend on the input.

P saw networks of the super-resolution benchmark turn to black images late in training.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Variation:
    """How much a network's outputs vary: the largest range of any one pixel over all images.

    A network that gives every image the same output has 0, whatever that output shows.
    """

    def __init__(self) -> None:
        self._low: Tensor | None = None
        self._high: Tensor | None = None
        self._images = 0

    def add(self, outputs: Tensor) -> None:
        """Take in the outputs (N, ...) of a batch; all batches have the same shape but for N."""
        low, high = outputs.detach().amin(0), outputs.detach().amax(0)
        self._low = low if self._low is None else torch.minimum(self._low, low)
        self._high = high if self._high is None else torch.maximum(self._high, high)
        self._images += len(outputs)

    @property
    def value(self) -> float:
        """The range, in the unit of the outputs; of a single image that between its pixels. NaN if an output is."""
        if self._low is None or self._high is None:
            return float("nan")
        if self._images == 1:
            return float(self._high.max() - self._low.min())
        return float((self._high - self._low).max())


def constant_output(variation: float, at_least: float, iteration: int) -> str:
    """Say that outputs have become constant, if they have; "" otherwise."""
    if variation >= at_least:
        return ""
    return f"the output no longer depended on the input at iteration {iteration:,} (it varied by {variation:.2g})"


def not_finite(what: str, value: float, iteration: int) -> str:
    """Say that ``what`` is no longer a number."""
    return f"{what} was {value} at iteration {iteration:,}"
