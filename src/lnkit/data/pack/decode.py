"""Decoding of image files to checked RGB arrays of one size: the one place where lnkit opens images.

A file is an image by its content, whatever its name. Only the formats of ``FORMATS`` are opened, since others that
Pillow knows start programs (EPS runs Ghostscript) or read further files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    ExifTags,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    PpmImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from lnkit._text_paths import text_paths
from lnkit.data.stored_files import read_bytes
from lnkit.errors import DataError, UsageError

# Each module registers its format with Pillow when it is imported.
_PLUGINS = (
    PngImagePlugin,
    JpegImagePlugin,
    BmpImagePlugin,
    GifImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
    PpmImagePlugin,
)
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "TIFF", "WEBP", "PPM")  # Pillow's names; PPM includes PBM and PGM
EXPECTED = "PNG, JPEG, BMP, GIF, TIFF, WebP or PPM"
EIGHT_BIT = {"RGB", "L", "1", "P", "LA", "PA", "RGBA", "CMYK", "YCbCr"}

MOST_PIXELS = 178_956_970  # of an image; what Pillow takes for a decompression bomb
LIMIT = "LNKIT_MAX_PIXELS"  # environment variable for another number

BITS_PER_SAMPLE = 258  # tags of TIFF
SAMPLE_FORMAT = 339
UNSIGNED = {1, 4}  # values of SAMPLE_FORMAT: unsigned integers, or not stated

UPRIGHT = {  # values of EXIF's orientation -> what makes the stored image upright
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """An image as an array, and how it was converted."""

    pixels: NDArray[np.uint8]  # (size, size, 3), RGB
    converted_from: str  # Pillow's mode before it became RGB; "" if it was RGB
    resized: bool


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """What an image file says of its pixels."""

    size: tuple[int, int]  # width and height of the upright image
    mode: str  # Pillow's, before the image becomes RGB


@text_paths
def decode(data: bytes, path: Path, size: int, resize_filter: str) -> Decoded:
    """Decode the image file ``data`` to RGB of ``size`` x ``size`` pixels.

    As :func:`read_rgb`; an image of another size is resized with the antialiased Pillow filter of the given name.

    Args:
        data: The bytes of the file.
        path: For error messages.
        size: Side in pixels.
        resize_filter: "bilinear", "bicubic", "lanczos", "box" or "nearest".

    Raises:
        DataError: As :func:`read_rgb`, or the image is not square.
    """
    image, converted_from = read_rgb(data, path)
    if image.width != image.height:
        raise DataError(f"Expected a square image, got {image.width} x {image.height} pixels in {path}. Crop it first.")
    resized = image.width != size
    if resized:
        image = image.resize((size, size), Image.Resampling[resize_filter.upper()])
    return Decoded(np.asarray(image), converted_from, resized)


@text_paths
def read_image(path: Path) -> Image.Image:
    """Read an image file in RGB at its own size, as :func:`read_rgb` does.

    Raises:
        DataError: As :func:`read_rgb`, or the file is missing, not regular, or may not be read.
    """
    return read_rgb(read_bytes(path), path)[0]


@text_paths
def read_header(path: Path) -> ImageHeader:
    """Read the size of an image file without decoding its pixels, and refuse the kinds that :func:`read_rgb` refuses.

    Raises:
        DataError: As :func:`read_image`; damaged pixels are not noticed.
    """
    data = read_bytes(path)
    with _damage_named(data, path), _open(data, path) as image:
        _require_readable(image, path)
        width, height = image.size
        if isinstance(image, TiffImagePlugin.TiffImageFile):  # versions of Pillow differ in when they turn it
            width, height = read_rgb(data, path)[0].size
        elif _orientation(image) >= 5:  # a quarter turn
            width, height = height, width
        return ImageHeader((width, height), image.mode)


@text_paths
def read_rgb(data: bytes, path: Path) -> tuple[Image.Image, str]:
    """Read the image file ``data`` in RGB at its own size, upright as its EXIF orientation says.

    PNG, JPEG, BMP, GIF, TIFF, WebP and PPM are read, each with 8 bits per sample or fewer. Gray, palette and CMYK
    images become RGB; an alpha channel is dropped, and color profiles and gamma are ignored, as the published loaders
    do.

    Args:
        data: The bytes of the file.
        path: For error messages.

    Returns:
        The image, and Pillow's mode before the conversion; "" if it was RGB already.

    Raises:
        DataError: The file is damaged, no image of these formats, has more than 8 bits per sample, several frames, or
            more pixels than ``LNKIT_MAX_PIXELS`` allows.
    """
    image = _load(data, path)
    if image.mode == "RGB":
        return image, ""
    image.info.pop("transparency", None)  # Pillow would warn that it is lost
    return image.convert("RGB"), image.mode


def most_pixels() -> int:
    """Return how many pixels an image may have: ``LNKIT_MAX_PIXELS`` if it is set.

    Raises:
        UsageError: It is set to something else than a positive number.
    """
    stated = os.environ.get(LIMIT, "")
    if not stated:
        return MOST_PIXELS
    if not stated.isdecimal() or not int(stated):
        raise UsageError(f"Expected a number of pixels in {LIMIT}, such as {MOST_PIXELS}, got {stated!r:.80}.")
    return int(stated)


@text_paths
def require_pixels(width: int, height: int, path: Path) -> None:
    """Refuse an image that would take too much memory.

    Raises:
        DataError: It has more pixels than :func:`most_pixels`.
    """
    pixels, most = width * height, most_pixels()
    if pixels > most:
        raise DataError(
            f"{path} is too large: it has {width:,} x {height:,} pixels, {pixels / 1e6:,.0f} million, and "
            f"{most / 1e6:,.0f} million are allowed. Reduce it, or set the environment variable {LIMIT}={pixels}."
        )


def _load(data: bytes, path: Path) -> Image.Image:
    """Open and load; ``verify`` first, because only it checks the checksums in a PNG."""
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise DataError(
            "PIL.ImageFile.LOAD_TRUNCATED_IMAGES is set, by a plugin or by your code: damaged images would be used "
            f"unnoticed. Set it to False before lnkit reads {path}."
        )
    with _damage_named(data, path):
        with _open(data, path) as image:
            _require_readable(image, path)
            image.verify()
        image = _open(data, path)
        image.load()
        turn = UPRIGHT.get(_orientation(image))
        return image if turn is None else image.transpose(turn)


@contextmanager
def _damage_named(data: bytes, path: Path) -> Iterator[None]:
    """Turn any error of Pillow, whose decoders raise many kinds on damaged files, into a DataError."""
    try:
        yield
    except (DataError, UsageError):
        raise
    except Exception as error:
        reason: object = str(error) or type(error).__name__
        if isinstance(error, MemoryError):
            reason = "there is not enough memory for it"
        raise DataError(
            f"{path} is not a readable image ({reason}). Replace it, or fetch the data again; nothing was written."
        ) from error


def _open(data: bytes, path: Path) -> ImageFile.ImageFile:
    """Read the header. ``Image.open`` is not used: it warns of large images, and its limit holds for the process."""
    name = _format(data, FORMATS)
    if name:
        image: ImageFile.ImageFile = Image.OPEN[name][0](BytesIO(data), str(path))
        return image
    if not data:
        raise ValueError("it is empty")
    Image.init()  # all formats that Pillow knows, to name the file's; none is opened
    other = _format(data, [name for name in Image.ID if name not in FORMATS])
    if not other:
        raise ValueError("its format is unknown")
    raise DataError(f"Expected an image as {EXPECTED}, got {other}: {path}. Convert it to PNG.")


def _format(data: bytes, names: tuple[str, ...] | list[str]) -> str:
    """Return the first format that a file with this beginning may have; "" if there is none."""
    start = data[:16]
    accepted = ((name, Image.OPEN[name][1]) for name in names)
    return next((name for name, accept in accepted if accept is not None and accept(start) is True), "")


def _require_readable(image: ImageFile.ImageFile, path: Path) -> None:
    require_pixels(*image.size, path)
    _require_one_frame(image, path)
    _require_eight_bit(image, path)


def _require_one_frame(image: ImageFile.ImageFile, path: Path) -> None:
    # MPO: a JPEG of a camera, with further pictures that viewers do not show
    if image.format != "MPO" and getattr(image, "is_animated", False):
        raise DataError(f"Expected one image, got a {image.format} with several frames: {path}. Save one of them.")


def _require_eight_bit(image: ImageFile.ImageFile, path: Path) -> None:
    """Refuse finer steps than 8 bits, which Pillow would cut to their high byte in color images."""
    if image.mode not in EIGHT_BIT:
        raise DataError(
            f"Expected an 8-bit image, got pixels of Pillow's mode {image.mode!r} in {path}. Convert it first."
        )
    bits = _sample_bits(image)
    if bits > 8:
        raise DataError(
            f"Expected an 8-bit image, got {bits} bits per sample in {path}. lnkit cannot know whether all of them are "
            "used: scale its values to 0 ... 255 by the largest that they can have, and save them as 8 bits."
        )
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        kinds = image.tag_v2.get(SAMPLE_FORMAT, (1,))
        if not UNSIGNED.issuperset(kinds):
            raise DataError(f"Expected unsigned 8-bit pixels, got signed ones in {path}. Convert it first.")


def _sample_bits(image: ImageFile.ImageFile) -> int:
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return max(map(int, image.tag_v2.get(BITS_PER_SAMPLE, (1,))))
    arguments = image.tile[0][3] if image.tile else ()
    if image.format == "PNG":
        return 16 if ";16" in str(arguments) else 8
    if image.format == "PPM" and isinstance(arguments, tuple):
        return max(8, *(value.bit_length() for value in arguments if isinstance(value, int)))
    return 8


def _orientation(image: ImageFile.ImageFile) -> int:
    """Return EXIF's orientation, 1 if there is none that can be read. Pillow turns a TIFF itself as it loads it."""
    if isinstance(image, TiffImagePlugin.TiffImageFile):
        return 1
    try:
        stated = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged metadata, which no viewer would honor either
        return 1
    return stated if isinstance(stated, int) else 1
