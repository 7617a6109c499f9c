"""Photographs cut, blurred and reduced: the input of the network, and its target.

All filters are Pillow's, as in the reference code. They are antialiased when they reduce, like MATLAB's imresize; the
bicubic one has a = -0.5. Its Gaussian blur is three passes of a box filter, each of which rounds to 8 bits.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from lnkit import DataError

if TYPE_CHECKING:
    from lnkit_superres.protocol import SuperresProtocol

Pixels = NDArray[np.uint8]  # (H, W, 3), RGB

LOW_FILTER = Image.Resampling.BICUBIC  # reduces the blurred photograph; Pihlgren2023, Johnson2016
LEAST_REDUCTION = 4  # photographs that even this factor would enlarge are refused
LEAST_LOW = 10  # pixels, smallest side of a reduced test image; 9x9 kernels are reflected at the border


@dataclass(frozen=True, slots=True)
class Degradation:
    """How images are cut, blurred and reduced."""

    resize: int  # pixels, shorter side of a photograph before its center is cut out
    size: int  # pixels, side of the center
    blur: float  # pixels of the photograph, standard deviation
    alignment: str  # "exact" or "whole"
    high_filter: str  # "bilinear" or "bicubic": resizes a photograph to the high-resolution image

    @classmethod
    def of(cls, protocol: SuperresProtocol) -> Degradation:
        """Return the degradation of a protocol."""
        return cls(protocol.resize, protocol.size, protocol.blur, protocol.alignment, protocol.high_filter)

    def high(self, image: Image.Image) -> Pixels:
        """Return the center of a photograph, (size, size, 3)."""
        return self._center(image, self.resize, self.size, Image.Resampling[self.high_filter.upper()])

    def low(self, image: Image.Image, factor: int) -> Pixels:
        """Return the same center of the blurred photograph, reduced by ``factor`` with the bicubic filter."""
        return self._center(self.blurred(image), self.resize // factor, self.size // factor, LOW_FILTER)

    def whole(self, image: Image.Image, factor: int) -> tuple[Pixels, Pixels]:
        """Return an image, cut at right and bottom to multiples of ``factor``, and the same blurred and reduced."""
        width, height = image.width // factor, image.height // factor
        image = image.crop((0, 0, width * factor, height * factor))
        low = self.blurred(image).resize((width, height), LOW_FILTER)
        return np.asarray(image), np.asarray(low)

    def blurred(self, image: Image.Image) -> Image.Image:
        """Return the image blurred by a Gaussian."""
        return image.filter(ImageFilter.GaussianBlur(self.blur)) if self.blur else image

    def _center(self, image: Image.Image, shorter: int, size: int, resample: Image.Resampling) -> Pixels:
        cut = _center_exact if self.alignment == "exact" else _center_whole
        return cut(image, shorter, size, resample)

    def check(self, image: Image.Image, path: Path) -> None:
        """Raise DataError for a photograph so small that its reduction would enlarge it."""
        least = self.resize // LEAST_REDUCTION
        if min(image.size) < least:
            raise DataError(
                f"Expected {least} pixels or more on each side, got {image.width} x {image.height}: {path}. Remove it, "
                "or put a larger image in its place."
            )

    def recipe(self, factor: int | None = None) -> str:
        """Return the steps in one phrase, of the full center or of that reduced by ``factor``."""
        by = factor or 1
        blur = f"blurred with {self.blur:g}, " if factor else ""
        name = LOW_FILTER.name.lower() if factor else self.high_filter
        return f"{blur}shorter side to {self.resize // by}, center {self.size // by}, {self.alignment}, Pillow {name}"


def _center_exact(image: Image.Image, shorter: int, size: int, resample: Image.Resampling) -> Pixels:
    """Compute the center of an image whose shorter side has ``shorter`` pixels, without rounding its edges.

    Reduced and full centers show the same part of the photograph to a fraction of a pixel.
    """
    side = min(image.size) * size / shorter
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), resample, box))


def _center_whole(image: Image.Image, shorter: int, size: int, resample: Image.Resampling) -> Pixels:
    """Resize, then cut at whole pixels, rounded like torchvision's Resize and CenterCrop.

    The longer side and the cut are rounded for each size by itself: full and reduced center may be apart by up to one
    reduced pixel.
    """
    least = min(image.size)
    width, height = (shorter if side == least else int(shorter * side / least) for side in image.size)
    resized = image.resize((width, height), resample)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def enlarge_bicubic(low: Pixels, factor: int) -> Pixels:
    """Enlarge a reduced image (h, w, 3) by Pillow's bicubic filter: the baseline."""
    height, width = low.shape[:2]
    return np.asarray(Image.fromarray(low).resize((width * factor, height * factor), Image.Resampling.BICUBIC))
