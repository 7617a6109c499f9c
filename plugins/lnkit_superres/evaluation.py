"""The test of a trained network: its outputs on the test sets, their measures, and the contact sheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from lnkit.training import to_pixels
from lnkit_superres.degradation import Degradation, enlarge_bicubic
from lnkit_superres.metrics import Pixels, Values, measure
from lnkit_superres.scores import BICUBIC
from lnkit_superres.task import enlarge, to_values

if TYPE_CHECKING:
    from lnkit_superres.data import ImageSet
    from lnkit_superres.protocol import SuperresProtocol

COLUMNS = ("low resolution", "bicubic", "output", "truth")
DETAIL = 96  # pixels, side of a detail of the truth; a multiple of every factor
HEIGHT = 192  # pixels, height of a detail on the sheet
PER_SET = 2  # images of each test set on the sheet
STEP = 16  # pixels between two details that are compared


@dataclass(frozen=True, slots=True)
class EvaluatedImage:
    """One test image in four versions; all but ``low`` of one size. ``unrounded`` is ``output`` before rounding."""

    name: str
    low: Pixels
    bicubic: Pixels
    output: Pixels
    unrounded: Values  # in [0, 1]
    truth: Pixels

    def measures(self, shave: int) -> dict[str, float]:
        """Return all measures of output and bicubic, by the last part of the names of the stored arrays."""
        bicubic = measure(self.bicubic, self.bicubic / 255, self.truth, shave)
        return measure(self.output, self.unrounded, self.truth, shave) | {
            f"{BICUBIC}_{name}": value for name, value in bicubic.items()
        }

    def details(self, factor: int) -> Sequence[Pixels]:
        """Cut the detail that bicubic enlargement gets most wrong out of all four versions."""
        top, left = self._worst_detail()
        low = tuple(slice(edge // factor, edge // factor + DETAIL // factor) for edge in (top, left))
        full = (slice(top, top + DETAIL), slice(left, left + DETAIL))
        return self.low[low], self.bicubic[full], self.output[full], self.truth[full]

    def _worst_detail(self) -> tuple[int, int]:
        """Return top and left of the detail with the largest squared error of bicubic enlargement."""
        error = np.square(self.bicubic.astype(np.float64) - self.truth).mean(axis=2)
        rows, columns = (range(0, max(1, side - DETAIL + 1), STEP) for side in error.shape)
        errors = [
            (error[top : top + DETAIL, left : left + DETAIL].mean(), -top, -left) for top in rows for left in columns
        ]
        _, top, left = max(errors)
        return -top, -left


def evaluate(network: nn.Module, images: ImageSet, protocol: SuperresProtocol, factor: int) -> Iterator[EvaluatedImage]:
    """Enlarge each image of a test set, by the network and by the bicubic filter."""
    for name, image in zip(images.names, images.images, strict=True):
        degradation = Degradation.of(protocol)
        if protocol.test_images == "full":
            truth, low = degradation.whole(image, factor)
        else:
            truth, low = degradation.high(image), degradation.low(image, factor)
        with torch.inference_mode():
            output = enlarge(network, low[np.newaxis])
        bicubic = enlarge_bicubic(low, factor)
        yield EvaluatedImage(name, low, bicubic, to_pixels(output)[0], to_values(output)[0], truth)
