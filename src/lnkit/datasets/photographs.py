"""Photographs that come with scikit-image, and what can be done to them: the material of the samples."""

from __future__ import annotations

from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle")  # public domain or CC0, in color

Draw = np.random.Generator


class Size(NamedTuple):
    """Of an image in pixels."""

    width: int
    height: int


def photographs() -> list[Image.Image]:
    """All of them, in the order of their names; each is larger than 400 x 300 pixels."""
    from skimage import data  # noqa: PLC0415 - costs half a second, and only making a sample needs it

    loaded = [getattr(data, name)() for name in NAMES]
    return [Image.fromarray(image[0] if isinstance(image, tuple) else image) for image in loaded]


def cut_out(photograph: Image.Image, left: float, top: float, width: float, size: Size) -> Image.Image:
    """What lies ``width`` pixels wide from (``left``, ``top``), as high as ``size`` asks for, brought to ``size``."""
    box = (left, top, left + width, top + width * size.height / size.width)
    return photograph.resize(size, Image.Resampling.BICUBIC, box=box)


def add_noise(image: Image.Image, deviation: float, draw: Draw) -> Image.Image:
    """Gaussian noise with a standard deviation in 8-bit steps."""
    noisy = np.asarray(image, np.float64) + draw.normal(0, deviation, (image.height, image.width, 3))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def blur(image: Image.Image, radius: float, draw: Draw) -> Image.Image:
    """Gaussian blur; ``radius`` is the standard deviation in pixels."""
    return image.filter(ImageFilter.GaussianBlur(radius))


def compress(image: Image.Image, loss: float, draw: Draw) -> Image.Image:
    """JPEG of quality 100 - ``loss``."""
    file = BytesIO()
    image.save(file, "JPEG", quality=round(100 - loss))
    return Image.open(file).convert("RGB")


def fade(image: Image.Image, amount: float, draw: Draw) -> Image.Image:
    """Take away the part ``amount`` of the saturation."""
    return ImageEnhance.Color(image).enhance(1 - amount)


def brighten(image: Image.Image, amount: float, draw: Draw) -> Image.Image:
    """Times 1 + ``amount``."""
    return ImageEnhance.Brightness(image).enhance(1 + amount)
