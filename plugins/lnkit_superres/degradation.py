"""From a photograph to what the network sees and what it is to make of it.

All filters are Pillow's, as R works on Pillow's images. Its bicubic filter (a = -0.5) is antialiased when it reduces,
as MATLAB's imresize is. Its Gaussian blur is three passes of a box filter, each of which rounds to 8 bits.
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

LEAST_REDUCTION = 4  # a photograph so small that even this factor would enlarge it is refused
LEAST_LOW = 10  # pixels, smallest side of a reduced test image; 9x9 kernels are reflected at the border


@dataclass(frozen=True, slots=True)
class Degradation:
    """How images are cut, blurred and reduced."""

    resize: int  # pixels, shorter side before the center is cut out
    size: int  # pixels, side of that
    blur: float  # pixels of the photograph, standard deviation
    alignment: str  # "exact" or "whole"

    @classmethod
    def of(cls, protocol: SuperresProtocol) -> Degradation:
        return cls(protocol.resize, protocol.size, protocol.blur, protocol.alignment)

    def high(self, image: Image.Image) -> Pixels:
        """The center of a photograph, (size, size, 3)."""
        return self._center(image, self.resize, self.size)

    def low(self, image: Image.Image, factor: int) -> Pixels:
        """The same center, reduced by ``factor`` from the blurred photograph."""
        return self._center(self.blurred(image), self.resize // factor, self.size // factor)

    def whole(self, image: Image.Image, factor: int) -> tuple[Pixels, Pixels]:
        """A whole image, cut at right and bottom to multiples of ``factor``, and the same blurred and reduced."""
        width, height = image.width // factor, image.height // factor
        image = image.crop((0, 0, width * factor, height * factor))
        low = self.blurred(image).resize((width, height), Image.Resampling.BICUBIC)
        return np.asarray(image), np.asarray(low)

    def blurred(self, image: Image.Image) -> Image.Image:
        return image.filter(ImageFilter.GaussianBlur(self.blur)) if self.blur else image

    def _center(self, image: Image.Image, shorter: int, size: int) -> Pixels:
        return _center_exactly(image, shorter, size) if self.alignment == "exact" else _cut_out(image, shorter, size)

    def check(self, image: Image.Image, path: Path) -> None:
        """Raise DataError if a photograph is so small that reducing it would enlarge it."""
        least = self.resize // LEAST_REDUCTION
        if min(image.size) < least:
            raise DataError(
                f"{path} is {image.width} x {image.height} pixels, and at least {least} on each side are needed. "
                "Remove it, or put a larger image in its place."
            )

    def words(self, factor: int | None = None) -> str:
        """What is done to a photograph, in one phrase; a factor for the reduced one."""
        by = factor or 1
        blur = f"blurred with {self.blur:g}, " if factor else ""
        return f"{blur}shorter side to {self.resize // by}, center {self.size // by}, {self.alignment}, Pillow bicubic"


def _center_exactly(image: Image.Image, shorter: int, size: int) -> Pixels:
    """Resize so that the shorter side has ``shorter`` pixels, of which the center is computed, wherever it begins.

    Reduced and full centers show the same part of the photograph to a fraction of a pixel.
    """
    side = min(image.size) * size / shorter
    left, top = (image.width - side) / 2, (image.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC, box))


def _cut_out(image: Image.Image, shorter: int, size: int) -> Pixels:
    """Resize, then cut at whole pixels, with the rounding of torchvision's Resize and CenterCrop.

    The longer side and the cut are rounded for each size by itself: full and reduced centers may show parts of the
    photograph that lie apart by up to the size of a reduced pixel.
    """
    least = min(image.size)
    width, height = (shorter if side == least else int(shorter * side / least) for side in image.size)
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - size) / 2), round((height - size) / 2)
    return np.asarray(resized.crop((left, top, left + size, top + size)))


def enlarged(low: Pixels, factor: int) -> Pixels:
    """A reduced image (h, w, 3) enlarged by Pillow's bicubic filter: what the network is compared with."""
    height, width = low.shape[:2]
    return np.asarray(Image.fromarray(low).resize((width * factor, height * factor), Image.Resampling.BICUBIC))
