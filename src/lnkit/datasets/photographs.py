"""Photographs that come with scikit-image, and changes of them: the material of the embedded samples.

Every function gives the same pixels each time, as far as Pillow and scikit-image do: scores of samples depend on them.
"""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

__all__ = [
    "NAMES",
    "TERMS",
    "Draw",
    "Size",
    "add_noise",
    "blur",
    "brighten",
    "compress",
    "credits_of",
    "cut_out",
    "desaturate",
    "half",
    "load_photograph",
    "random_crop",
    "without_margin",
]

NAMES = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle")  # in color
TERMS = {  # as scikit-image states them; of the stereo pair, as the data set's authors do
    "astronaut": "NASA, public domain",
    "brick": "CC0",
    "chelsea": "Stefan van der Walt, CC0",
    "coffee": "Rachel Michetti, CC0",
    "grass": "CC0",
    "gravel": "CC0",
    "hubble_deep_field": "NASA, public domain",
    "immunohistochemistry": "CMMI, no known copyright restrictions",
    "rocket": "SpaceX, public domain",
    "stereo_motorcycle": "Scharstein et al. 2014, may be published if cited",
}

Draw = np.random.Generator


class Size(NamedTuple):
    """Size of an image in pixels."""

    width: int
    height: int


def load_photograph(name: str) -> Image.Image:
    """Load one of scikit-image's photographs as RGB; of a stereo pair the left one.

    Args:
        name: Of a function of ``skimage.data``; those in ``NAMES`` are in color and larger than 400 x 300 pixels.
    """
    from skimage import data  # noqa: PLC0415 - takes half a second, and only making a sample needs it

    image = getattr(data, name)()
    return Image.fromarray(image[0] if isinstance(image, tuple) else image).convert("RGB")


def credits_of(names: Iterable[str]) -> str:
    """Name photographs with their terms, for the foot of a picture that shows parts of them.

    Args:
        names: Of photographs, all of them in ``TERMS``.

    Returns:
        "chelsea (Stefan van der Walt, CC0), rocket (SpaceX, public domain)".
    """
    return ", ".join(f"{name} ({TERMS[name]})" for name in names)


def half(image: Image.Image, right: bool) -> Image.Image:
    """Return the left or the right half; the two have no pixel in common."""
    middle = image.width // 2
    return image.crop((middle, 0, image.width, image.height) if right else (0, 0, middle, image.height))


def random_crop(
    image: Image.Image,
    size: tuple[int, int],
    draw: Draw,
    *,
    texture: float = 0.0,
    margin: int = 0,
    endpoint: bool = False,
) -> Image.Image:
    """Crop at a random position with enough texture.

    Args:
        image: To crop.
        size: Width and height of the crop in pixels, without its margin.
        draw: Draws positions (left, then top) until the texture suffices.
        texture: Least standard deviation of the gray values, in 8-bit steps; in flat crops changes do not show.
        margin: Pixels to add on each side, which do not count for the texture.
        endpoint: Whether the last possible position may be drawn, too.
    """
    width, height = size
    room = (image.width - width - 2 * margin, image.height - height - 2 * margin)
    while True:
        left, top = (int(draw.integers(0, most, endpoint=endpoint)) for most in room)
        crop = image.crop((left, top, left + width + 2 * margin, top + height + 2 * margin))
        if not texture or np.asarray(without_margin(crop, margin).convert("L")).std() >= texture:
            return crop


def without_margin(image: Image.Image, margin: int) -> Image.Image:
    """Remove ``margin`` pixels from each side."""
    return image.crop((margin, margin, image.width - margin, image.height - margin))


def cut_out(photograph: Image.Image, left: float, top: float, width: float, size: Size) -> Image.Image:
    """Cut out a rectangle of the shape of ``size`` and resize it to that.

    Args:
        photograph: To cut from.
        left: Left edge in pixels of the photograph; fractions are interpolated.
        top: Upper edge.
        width: Width in pixels of the photograph.
        size: Of the result.
    """
    box = (left, top, left + width, top + width * size.height / size.width)
    return photograph.resize(size, Image.Resampling.BICUBIC, box=box)


def add_noise(image: Image.Image, deviation: float, draw: Draw) -> Image.Image:
    """Add Gaussian noise with a standard deviation in 8-bit steps."""
    noisy = np.asarray(image, np.float64) + draw.normal(0, deviation, (image.height, image.width, 3))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def blur(image: Image.Image, radius: float, draw: Draw) -> Image.Image:
    """Blur with a Gaussian; ``radius`` is its standard deviation in pixels."""
    return image.filter(ImageFilter.GaussianBlur(float(radius)))


def compress(image: Image.Image, loss: float, draw: Draw) -> Image.Image:
    """Compress as a JPEG of quality 100 - ``loss``."""
    file = BytesIO()
    image.save(file, "JPEG", quality=round(100 - loss))
    return Image.open(file, formats=("JPEG",)).convert("RGB")


def desaturate(image: Image.Image, amount: float, draw: Draw) -> Image.Image:
    """Remove the part ``amount`` (0 to 1) of the saturation."""
    return ImageEnhance.Color(image).enhance(1 - amount)


def brighten(image: Image.Image, amount: float, draw: Draw) -> Image.Image:
    """Multiply the brightness by 1 + ``amount``."""
    return ImageEnhance.Brightness(image).enhance(1 + amount)
