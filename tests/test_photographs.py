"""The toolkit of the embedded samples."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from lnkit.datasets.photographs import NAMES, TERMS, credits_of, half, load_photograph, random_crop, without_margin


def left_edge(crop: Image.Image) -> int:
    return int(np.asarray(crop)[0, 0, 0])


@pytest.fixture
def ramp() -> Image.Image:
    """An image of 12 x 9 pixels whose red is the column and whose green is the row."""
    down, across = np.meshgrid(np.arange(9), np.arange(12), indexing="ij")
    return Image.fromarray(np.stack([across, down, 0 * down], axis=-1).astype(np.uint8))


@pytest.mark.parametrize(("endpoint", "last"), [(False, 3), (True, 4)])
def test_crops_are_drawn_from_all_positions(ramp: Image.Image, endpoint: bool, last: int) -> None:
    draw = np.random.default_rng(0)
    crops = [random_crop(ramp, (6, 3), draw, margin=1, endpoint=endpoint) for _ in range(200)]
    assert {crop.size for crop in crops} == {(8, 5)}
    assert {left_edge(crop) for crop in crops} == set(range(last + 1))
    assert left_edge(without_margin(crops[0], 1)) == left_edge(crops[0]) + 1


def test_flat_crops_are_drawn_again() -> None:
    pixels = np.zeros((8, 40, 3), np.uint8)
    pixels[::2, 30:] = 255
    draw = np.random.default_rng(1)
    image = Image.fromarray(pixels)
    assert all(np.asarray(random_crop(image, (6, 6), draw, texture=15)).any() for _ in range(50))


def test_halves_have_no_pixel_in_common(ramp: Image.Image) -> None:
    left, right = (np.asarray(half(ramp, side))[..., 0] for side in (False, True))
    assert (left.max(), right.min()) == (5, 6)


def test_the_terms_of_every_photograph_are_stated() -> None:
    assert set(NAMES) <= set(TERMS)
    assert credits_of(["coffee", "grass"]) == "coffee (Rachel Michetti, CC0), grass (CC0)"


def test_photographs_are_in_color_and_large() -> None:
    for name in NAMES:
        photograph = load_photograph(name)
        assert photograph.mode == "RGB"
        assert photograph.width > 400
        assert photograph.height >= 300
