"""Image files to arrays: checked, RGB, of one size."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from lnkit.errors import DataError

# What Pillow raises on damaged files, beside OSError: its decoders are not of one mind.
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
    """An image as an array, and what had to be done to it."""

    pixels: NDArray[np.uint8]  # (size, size, 3), RGB
    converted_from: str  # Pillow's mode before it became RGB; "" if it was RGB
    resized: bool


def decode(data: bytes, path: Path, size: int, resize_filter: str) -> Decoded:
    """Decode the image file ``data`` to RGB of ``size`` x ``size`` pixels.

    Gray and palette images become RGB; an alpha channel is dropped, as the published loaders do. An image of
    another size is resized with Pillow's filter of the given name, which is antialiased; others are left as they are.

    Args:
        data: The bytes of the file.
        path: Named in errors.
        size: Side in pixels.
        resize_filter: "bilinear", "bicubic", "lanczos", "box" or "nearest".

    Raises:
        DataError: The file is damaged, not an image, not of 8 bits, or not square.
    """
    image, converted_from = read_rgb(data, path)
    if image.width != image.height:
        raise DataError(
            f"{path} is {image.width} x {image.height} pixels, and square patches are expected. Crop it first."
        )
    resized = image.width != size
    if resized:
        image = image.resize((size, size), Image.Resampling[resize_filter.upper()])
    return Decoded(np.asarray(image), converted_from, resized)


def read_rgb(data: bytes, path: Path) -> tuple[Image.Image, str]:
    """Read the image file ``data`` as it is, in RGB; the text is Pillow's mode before it became that, "" if it was.

    Raises:
        DataError: The file is damaged, not an image, or not of 8 bits. ``path`` is named in it.
    """
    image = _read(data, path)
    if image.mode not in EIGHT_BIT:
        raise DataError(
            f"{path} has pixels of the mode {image.mode!r}, and 8-bit images are expected. Convert it first."
        )
    return (image, "") if image.mode == "RGB" else (image.convert("RGB"), image.mode)


def _read(data: bytes, path: Path) -> Image.Image:
    """Open and load; ``verify`` first, because only it looks at the checksums that a PNG carries."""
    try:
        with Image.open(BytesIO(data)) as image:
            image.verify()
        image = Image.open(BytesIO(data))
        image.load()
        return image
    except BROKEN as error:
        reason = _unidentified(data) if isinstance(error, UnidentifiedImageError) else error
        raise DataError(
            f"{path} is not a readable image ({reason}). Replace it, or fetch the data again; nothing was written."
        ) from error


def _unidentified(data: bytes) -> str:
    """What Pillow says of a file that it does not know names an object in memory."""
    return "it is of no known format" if data else "it is empty"
