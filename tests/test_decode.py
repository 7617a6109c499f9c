"""Decoding one image: no damaged byte may turn into other pixels unnoticed."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from lnkit.data.pack.decode import decode
from lnkit.errors import DataError


@pytest.fixture(scope="module")
def photograph() -> Image.Image:
    return Image.fromarray(data.astronaut()).crop((180, 60, 244, 124))


def encoded(image: Image.Image, form: str = "PNG") -> bytes:
    file = BytesIO()
    image.save(file, form)
    return file.getvalue()


def test_a_flipped_bit_never_passes(photograph: Image.Image) -> None:
    """Pillow alone lets some pass near the end of a PNG: it does not look at the checksums unless it is asked to."""
    good, path = encoded(photograph), Path("flipped.png")
    expected = np.asarray(photograph)
    for position in range(len(good) - 400, len(good)):
        flipped = bytearray(good)
        flipped[position] ^= 1
        try:
            decoded = decode(bytes(flipped), path, 64, "bilinear")
        except DataError:
            continue
        np.testing.assert_array_equal(decoded.pixels, expected)


@pytest.mark.parametrize("resize_filter", ["bilinear", "bicubic", "lanczos", "box", "nearest"])
def test_resizes_with_the_named_filter(photograph: Image.Image, resize_filter: str) -> None:
    decoded = decode(encoded(photograph), Path("a.png"), 24, resize_filter)
    expected = photograph.resize((24, 24), getattr(Image.Resampling, resize_filter.upper()))
    np.testing.assert_array_equal(decoded.pixels, np.asarray(expected))
    assert decoded.resized


def test_bilinear_is_antialiased(photograph: Image.Image) -> None:
    """Reducing by four averages over more than four pixels: noise all but vanishes."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    decoded = decode(encoded(Image.fromarray(noise)), Path("a.png"), 16, "bilinear")
    assert decoded.pixels.std() < noise.std() / 3


def test_leaves_an_image_of_the_right_size_alone(photograph: Image.Image) -> None:
    decoded = decode(encoded(photograph), Path("a.png"), 64, "lanczos")
    np.testing.assert_array_equal(decoded.pixels, np.asarray(photograph))
    assert not decoded.resized


def test_a_jpeg_is_an_image_too(photograph: Image.Image) -> None:
    data = encoded(photograph, "JPEG")
    np.testing.assert_array_equal(
        decode(data, Path("a.jpg"), 64, "bilinear").pixels, np.asarray(Image.open(BytesIO(data)))
    )


@pytest.mark.parametrize(("data", "says"), [(b"", "it is empty"), (b"hello", "its format is unknown")])
def test_what_is_no_image_is_said_in_words(data: bytes, says: str) -> None:
    with pytest.raises(DataError, match=rf"a\.png is not a readable image \({says}\)"):
        decode(data, Path("a.png"), 8, "bilinear")
