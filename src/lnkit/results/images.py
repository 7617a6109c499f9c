"""Pictures made of images: a table of them with captions, for a look at what a network puts out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lnkit.data.atomic import atomic_write

Pixels = NDArray[np.uint8]
Font = Any  # of Pillow: a FreeTypeFont, or the bitmap font where Pillow was built without FreeType

GAP = 6  # pixels between images, and around them
TEXT = 14  # pixels, height of the letters
LINE = TEXT + 6  # pixels, height of a line of text
ROW_CAPTION = 150  # pixels at most, width of the captions of rows
SMALL = 64  # pixels; images that are shown larger than they are and no higher than this keep their pixels visible
BACKGROUND, INK = (255, 255, 255), (30, 30, 30)


@dataclass(frozen=True, slots=True)
class _Row:
    caption: str
    images: list[Image.Image]  # all of one height


def save_contact_sheet(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Pixels]]],
    height: int = 160,
) -> None:
    """Write a table of images to ``path`` as a PNG, whole or not at all.

    Args:
        path: where it goes.
        columns: a caption for each column.
        rows: a caption and one 8-bit image for each column; RGB (H, W, 3) or gray (H, W). All images of a row are
            shown at one height, small ones with their pixels visible.
        height: of the rows, in pixels.

    Raises ValueError: a row has another number of images than there are columns, or what is in it is no 8-bit image.
    """
    font = ImageFont.load_default(size=TEXT)
    shown = [
        _Row(caption, [_fit(_picture(pixels).convert("RGB"), height) for pixels in images]) for caption, images in rows
    ]
    for row in shown:
        if len(row.images) != len(columns):
            raise ValueError(f"The row {row.caption!r} has {len(row.images)} images for {len(columns)} columns.")
    sheet = _draw(columns, shown, font, height)
    with atomic_write(path) as draft:
        sheet.save(draft, "PNG")


def save_image(folder: Path, name: str, pixels: Pixels) -> dict[str, Path]:
    """Write an 8-bit image, RGB (H, W, 3) or gray (H, W), to ``folder/name`` ("images/set5/001.png") as a PNG.

    Returns {name: path}, as ``Outcome.files`` takes it.
    """
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_write(path) as draft:
        _picture(pixels).save(draft, "PNG")
    return {name: path}


def _picture(pixels: Pixels) -> Image.Image:
    """An image of an array, gray or in color as that is."""
    array = np.ascontiguousarray(pixels)
    if array.dtype != np.uint8 or array.shape[2:] not in {(), (3,)} or array.ndim not in {2, 3} or not array.size:
        raise ValueError(f"An 8-bit image (H, W, 3) or (H, W) is expected, and {array.dtype} {array.shape} came.")
    return Image.fromarray(array)


def _fit(image: Image.Image, height: int) -> Image.Image:
    """The image at this height, in RGB; enlarged without smoothing if it is small."""
    image = image.convert("RGB")
    size = (max(1, round(image.width * height / image.height)), height)
    if size == image.size:
        return image
    small = image.height <= SMALL and image.height < height
    return image.resize(size, Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)


def _draw(columns: Sequence[str], rows: Sequence[_Row], font: Font, height: int) -> Image.Image:
    left = min(ROW_CAPTION, max((_length(row.caption, font) for row in rows), default=0)) + 2 * GAP
    widths = [max((row.images[index].width for row in rows), default=height) for index in range(len(columns))]
    edges = [left + sum(widths[:index]) + index * GAP for index in range(len(columns))]
    total = left + sum(widths) + len(widths) * GAP
    sheet = Image.new("RGB", (total, LINE + GAP + len(rows) * (height + GAP)), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for caption, edge, width in zip(columns, edges, widths, strict=True):
        pen.text((edge, GAP // 2), _shortened(caption, font, width), INK, font)
    for index, row in enumerate(rows):
        top = LINE + GAP + index * (height + GAP)
        pen.text((GAP, top), _shortened(row.caption, font, left - 2 * GAP), INK, font)
        for image, edge in zip(row.images, edges, strict=True):
            sheet.paste(image, (edge, top))
    return sheet


def _length(text: str, font: Font) -> int:
    return int(np.ceil(font.getlength(text)))


def _shortened(text: str, font: Font, width: int) -> str:
    """As much of the text as fits into ``width`` pixels; what is cut off is marked."""
    if _length(text, font) <= width:
        return text
    while text and _length(f"{text}...", font) > width:
        text = text[:-1]
    return f"{text.rstrip()}..." if text else ""
