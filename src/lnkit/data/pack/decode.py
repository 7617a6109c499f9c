"""Decoding of image files to checked RGB arrays of one size."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lnkit._text_paths import text_paths
from lnkit.errors import DataError

# Pillow's decoders raise different errors on damaged files.
BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    IndexError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

EIGHT_BIT = {"RGB", "L", "1", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr"}


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image as an array, and how it was converted."""

    pixels: NDArray[np.uint8]  # (size, size, 3), RGB
    converted_from: str  # Pillow's mode before it became RGB; "" if it was RGB
    resized: bool


@text_paths
def decode(data: bytes, path: Path, size: int, resize_filter: str) -> Decoded:
    """Decode the image file ``data`` to RGB of ``size`` x ``size`` pixels.

    Gray and palette images become RGB; an alpha channel is dropped, as the published loaders do. An image of
    another size is resized with the antialiased Pillow filter of the given name.

    Args:
        data: The bytes of the file.
        path: For error messages.
        size: Side in pixels.
        resize_filter: "bilinear", "bicubic", "lanczos", "box" or "nearest".

    Raises:
        DataError: The file is damaged, not an image, not of 8 bits, or not square.
    """
    image, converted_from = read_rgb(data, path)
    if image.width != image.height:
        raise DataError(f"Expected a square image, got {image.width} x {image.height} pixels in {path}. Crop it first.")
    resized = image.width != size
    if resized:
        image = image.resize((size, size), Image.Resampling[resize_filter.upper()])
    return Decoded(np.asarray(image), converted_from, resized)


@text_paths
def read_rgb(data: bytes, path: Path) -> tuple[Image.Image, str]:
    """Read the image file ``data`` in RGB at its own size.

    Args:
        data: The bytes of the file.
        path: For error messages.

    Returns:
        The image, and Pillow's mode before the conversion; "" if it was RGB already.

    Raises:
        DataError: The file is damaged, not an image, or not of 8 bits.
    """
    image = _read(data, path)
    if image.mode not in EIGHT_BIT:
        raise DataError(
            f"Expected an 8-bit image, got pixels of Pillow's mode {image.mode!r} in {path}. Convert it first."
        )
    return (image, "") if image.mode == "RGB" else (image.convert("RGB"), image.mode)


def _read(data: bytes, path: Path) -> Image.Image:
    """Open and load; ``verify`` first, because only it checks the checksums in a PNG."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.verify()
        image = Image.open(BytesIO(data))
        image.load()
        return image
    except BROKEN as error:
        reason: object = error
        if isinstance(error, UnidentifiedImageError):  # its own text names an object in memory
            reason = "its format is unknown" if data else "it is empty"
        raise DataError(
            f"{path} is not a readable image ({reason}). Replace it, or fetch the data again; nothing was written."
        ) from error
