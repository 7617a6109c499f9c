"""The overlay: pixels of roads found, false and missed, in colors that color-blind people tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from lnkit_delineation.data import Pixels
    from lnkit_delineation.metrics import Mask

# Okabe and Ito's palette.
FOUND, FALSE, MISSED = (0, 158, 115), (230, 159, 0), (86, 180, 233)
LEGEND = (("found", FOUND), ("false", FALSE), ("missed", MISSED))
COLUMNS = ("image", "map", "prediction", "overlay", "colors")
HEIGHT = 224  # pixels, height of a row of the sheet
LEGEND_WIDTH = 76  # pixels; beside the overlay, so that it hides none of it
SHADE = 0.35  # by which the image under the colors is darkened


def draw_overlay(image: Pixels, marks: Mask, truth: Mask) -> Pixels:
    """Return the image (H, W, 3), dark and gray, with the pixels found, false and missed in their colors."""
    gray = image.astype(np.float64).mean(axis=2, keepdims=True).repeat(3, axis=2)
    colored: Pixels = (gray * (1 - SHADE)).astype(np.uint8)
    for mask, color in ((marks & truth, FOUND), (marks & ~truth, FALSE), (~marks & truth, MISSED)):
        colored[mask] = color
    return colored


def sheet_row(
    name: str, image: Pixels, road_map: Pixels, prediction: Pixels, overlay: Pixels
) -> tuple[str, Sequence[Pixels]]:
    """Return the row of a tile, in the order of COLUMNS: its caption and its images."""
    return name, (image, road_map, prediction, overlay, _legend())


def _legend() -> Pixels:
    """Return a picture of the meaning of the colors, (HEIGHT, LEGEND_WIDTH, 3)."""
    picture = Image.new("RGB", (LEGEND_WIDTH, HEIGHT), (255, 255, 255))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=12)
    for number, (word, color) in enumerate(LEGEND):
        top = 4 + 20 * number
        pen.rectangle((4, top, 16, top + 12), fill=color)
        pen.text((22, top - 1), word, (30, 30, 30), font)
    return np.asarray(picture)
