"""The changes: each makes a changed crop from a crop with ``MARGIN`` more pixels on each side.

Images are 8-bit, changed in float64 and rounded once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lnkit.datasets.photographs import compress
from lnkit_invariance.protocol import MARGIN

Pixels = NDArray[np.uint8]
Draw = np.random.Generator
SPLINE = 3  # order of the interpolation: cubic


def inner(image: NDArray[Any]) -> NDArray[Any]:
    """Return the crop without its margin."""
    return image[MARGIN:-MARGIN, MARGIN:-MARGIN]


def shift(image: Pixels, pixels: float, draw: Draw) -> Pixels:
    """Move the content to the right by whole pixels."""
    left = MARGIN - int(pixels)
    width = image.shape[1] - 2 * MARGIN
    return image[MARGIN:-MARGIN, left : left + width]


def rotation(image: Pixels, degrees: float, draw: Draw) -> Pixels:
    """Rotate about the center."""
    angle = np.radians(degrees)
    return _transform(image, np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]))


def scale(image: Pixels, factor: float, draw: Draw) -> Pixels:
    """Enlarge about the center."""
    return _transform(image, np.eye(2) / factor)


def brightness(image: Pixels, part: float, draw: Draw) -> Pixels:
    """Multiply by 1 + ``part``."""
    return _rounded(inner(image) * (1.0 + part))


def jpeg(image: Pixels, loss: float, draw: Draw) -> Pixels:
    """Compress as a JPEG of quality 100 - ``loss``, with the block grid of the crop."""
    return np.asarray(compress(Image.fromarray(inner(image)), loss, draw))


def noise(image: Pixels, deviation: float, draw: Draw) -> Pixels:
    """Add Gaussian noise; the same draw gives the same pattern at every strength."""
    crop = inner(image)
    return _rounded(crop + deviation * draw.standard_normal(crop.shape))


def blur(image: Pixels, deviation: float, draw: Draw) -> Pixels:
    """Blur with a Gaussian that is cut at three standard deviations."""
    from scipy.ndimage import gaussian_filter  # noqa: PLC0415 - not for listing

    deviations = (deviation, deviation, 0)
    return _rounded(inner(gaussian_filter(image.astype(np.float64), deviations, truncate=3.0)))


def mirror(image: Pixels, strength: float, draw: Draw) -> Pixels:
    """Flip from left to right; it has no strength."""
    return inner(image)[:, ::-1]


APPLY: dict[str, Callable[[Pixels, float, Draw], Pixels]] = {
    "shift": shift,
    "rotation": rotation,
    "scale": scale,
    "brightness": brightness,
    "jpeg": jpeg,
    "noise": noise,
    "blur": blur,
    "mirror": mirror,
}


def _transform(image: Pixels, matrix: NDArray[np.float64]) -> Pixels:
    """Take each pixel from ``matrix`` times its position relative to the center."""
    from scipy.ndimage import affine_transform  # noqa: PLC0415 - not for listing

    center = (np.array(image.shape[:2]) - 1) / 2
    offset = center - matrix @ center
    channels = [
        affine_transform(channel.astype(np.float64), matrix, offset, order=SPLINE, mode="mirror")
        for channel in np.moveaxis(image, 2, 0)
    ]
    return _rounded(inner(np.stack(channels, axis=2)))


def _rounded(image: NDArray[np.float64]) -> Pixels:
    return np.rint(image).clip(0, 255).astype(np.uint8)
