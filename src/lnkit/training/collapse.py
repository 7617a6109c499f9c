"""Trainings that fail without an error: losses that are not finite, outputs that no longer depend on the input.

In Pihlgren2023, networks of the super-resolution benchmark collapsed to black images late in training.
"""

from __future__ import annotations

import torch
from torch import Tensor


class Variation:
    """Variation of the outputs of a network: the largest range of any pixel over all images.

    It is 0 for a network that gives every image the same output.

    Example:
        >>> variation = Variation()
        >>> variation.add(torch.tensor([[0.0, 0.5], [0.25, 0.5]]))  # two outputs of two pixels
        >>> variation.value
        0.25
    """

    def __init__(self) -> None:
        self._low: Tensor | None = None
        self._high: Tensor | None = None
        self._images = 0

    def add(self, outputs: Tensor) -> None:
        """Update with the outputs (N, ...) of a batch; all batches have the same shape except N."""
        low, high = outputs.detach().amin(0), outputs.detach().amax(0)
        self._low = low if self._low is None else torch.minimum(self._low, low)
        self._high = high if self._high is None else torch.maximum(self._high, high)
        self._images += len(outputs)

    @property
    def value(self) -> float:
        """The range, in the unit of the outputs; for a single image, between its pixels. NaN if an output is NaN."""
        if self._low is None or self._high is None:
            return float("nan")
        if self._images == 1:
            return float(self._high.max() - self._low.min())
        return float((self._high - self._low).max())


def constant_output(variation: float, threshold: float, iteration: int) -> str:
    """Return a sentence if outputs vary less than ``threshold``, else ""."""
    if variation >= threshold:
        return ""
    return f"the output no longer depended on the input at iteration {iteration:,} (it varied by {variation:.2g})"


def not_finite(subject: str, value: float, iteration: int) -> str:
    """Return a sentence about a loss or a validation that is not finite."""
    return f"{subject} was {value} at iteration {iteration:,}"
