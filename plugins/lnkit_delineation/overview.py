"""The overlay: what was found, what is false and what was missed, in colors that color-blind people tell apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lnkit.results.images import save_contact_sheet

if TYPE_CHECKING:
    from lnkit_delineation.data import Pixels
    from lnkit_delineation.metrics import Mask

# Okabe and Ito's palette.
FOUND, FALSE, MISSED = (0, 158, 115), (230, 159, 0), (86, 180, 233)
LEGEND = (("found", FOUND), ("false", FALSE), ("missed", MISSED))
COLUMNS = ("image", "map", "prediction", "overlay", "colors")
SHOWN = 6  # tiles
HEIGHT = 224  # pixels, at which they are shown
LEGEND_WIDTH = 76  # pixels; beside the overlay, so that none of it is hidden
SHADE = 0.35  # of the image under the colors

Row = tuple[str, Sequence["Pixels"]]


def is_shown(index: int, count: int) -> bool:
    """Whether the tile is one of those shown: spread evenly over the split."""
    return index in {count * k // SHOWN for k in range(SHOWN)}


def overlay(image: Pixels, marks: Mask, truth: Mask) -> Pixels:
    """The image (H, W, 3), darkened and gray, with the pixels that were found, false and missed in their colors."""
    gray = image.astype(np.float64).mean(axis=2, keepdims=True).repeat(3, axis=2)
    colored: Pixels = (gray * (1 - SHADE)).astype(np.uint8)
    for mask, color in ((marks & truth, FOUND), (marks & ~truth, FALSE), (~marks & truth, MISSED)):
        colored[mask] = color
    return colored


def row(name: str, image: Pixels, truth: Pixels, marked: Pixels, overlaid: Pixels) -> Row:
    return name, (image, truth, marked, overlaid, _legend())


def _legend() -> Pixels:
    """What the colors of an overlay mean: (HEIGHT, LEGEND_WIDTH, 3)."""
    picture = Image.new("RGB", (LEGEND_WIDTH, HEIGHT), (255, 255, 255))
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(size=12)
    for number, (word, color) in enumerate(LEGEND):
        top = 4 + 20 * number
        pen.rectangle((4, top, 16, top + 12), fill=color)
        pen.text((22, top - 1), word, (30, 30, 30), font)
    return np.asarray(picture)


def write_sheet(path: Path, rows: Sequence[Row]) -> None:
    save_contact_sheet(path, COLUMNS, rows, HEIGHT)
