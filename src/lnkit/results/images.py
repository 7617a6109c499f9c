"""Save images of a run as PNG: single ones, and tables of them with captions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from lnkit._text_paths import text_paths
from lnkit.data.atomic import atomic_write
from lnkit.results.record_files import place_of

Pixels = NDArray[np.uint8]
Font = Any  # Pillow's FreeTypeFont, or its bitmap font if Pillow was built without FreeType

GAP = 6  # pixels between images, and around them
TEXT = 14  # pixels, height of letters
LINE = TEXT + 6  # pixels, height of a line of text
ROW_CAPTION = 150  # pixels, largest width of the captions of rows
SMALL = 64  # pixels; images up to this height are enlarged without smoothing, so that their pixels stay visible
BACKGROUND, INK = (255, 255, 255), (30, 30, 30)


@dataclass(frozen=True, slots=True)
class _Row:
    caption: str
    images: list[Image.Image]  # all of one height


@text_paths
def save_contact_sheet(
    path: Path,
    columns: Sequence[str],
    rows: Sequence[tuple[str, Sequence[Pixels]]],
    height: int = 160,
    caption: str = "",
) -> None:
    """Save a table of images as a PNG file, which appears complete or not at all.

    Args:
        path: of the file.
        columns: a caption for each column.
        rows: a caption and one 8-bit image for each column, RGB (H, W, 3) or gray (H, W). All images are scaled to
            the height of the rows, small ones without smoothing.
        height: of the rows, in pixels.
        caption: written below the rows, in as many lines as it needs: whose images these are.

    Raises:
        ValueError: a row does not have one image for each column, or has something else than 8-bit images.
    """
    font = ImageFont.load_default(size=TEXT)
    scaled = [_Row(caption, [_fit(_to_image(pixels), height) for pixels in images]) for caption, images in rows]
    for row in scaled:
        if len(row.images) != len(columns):
            raise ValueError(f"Expected {len(columns)} images in the row {row.caption!r}, got {len(row.images)}.")
    sheet = _draw(columns, scaled, font, height, caption)
    with atomic_write(path) as tmp:
        sheet.save(tmp, "PNG")


@text_paths
def save_image(folder: Path, name: str, pixels: Pixels) -> dict[str, Path]:
    """Save an 8-bit image as a PNG file.

    Args:
        folder: that ``name`` is relative to.
        name: of the file, such as "images/set5/001.png"; its folders are created.
        pixels: RGB (H, W, 3) or gray (H, W), 8-bit.

    Returns:
        ``{name: path}``, the form of ``Outcome.files``.

    Raises:
        PluginError: ``name`` leads out of the folder.
        ValueError: ``pixels`` is not an 8-bit image.
    """
    path = place_of(folder, name)
    with atomic_write(path) as tmp:
        _to_image(pixels).save(tmp, "PNG")
    return {name: path}


def _to_image(pixels: Pixels) -> Image.Image:
    array = np.ascontiguousarray(pixels)
    if array.dtype != np.uint8 or array.shape[2:] not in {(), (3,)} or array.ndim not in {2, 3} or not array.size:
        raise ValueError(
            f"Expected an 8-bit image of shape (H, W, 3) or (H, W), got {array.dtype} of shape {array.shape}."
        )
    return Image.fromarray(array)


def _fit(image: Image.Image, height: int) -> Image.Image:
    """Scale an image to this height, in RGB; a small image is enlarged without smoothing."""
    image = image.convert("RGB")
    size = (max(1, round(image.width * height / image.height)), height)
    if size == image.size:
        return image
    small = image.height <= SMALL and image.height < height
    return image.resize(size, Image.Resampling.NEAREST if small else Image.Resampling.LANCZOS)


def _draw(columns: Sequence[str], rows: Sequence[_Row], font: Font, height: int, caption: str) -> Image.Image:
    left = min(ROW_CAPTION, max((_length(row.caption, font) for row in rows), default=0)) + 2 * GAP
    widths = [max((row.images[index].width for row in rows), default=height) for index in range(len(columns))]
    edges = [left + sum(widths[:index]) + index * GAP for index in range(len(columns))]
    total = left + sum(widths) + len(widths) * GAP
    foot = _wrapped(caption, font, total - 2 * GAP)
    bottom = LINE + GAP + len(rows) * (height + GAP)
    sheet = Image.new("RGB", (total, bottom + len(foot) * LINE), BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for index, line in enumerate(foot):
        pen.text((GAP, bottom + index * LINE), line, INK, font)
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


def _wrapped(text: str, font: Font, width: int) -> list[str]:
    """Return the text in lines of ``width`` pixels at most; a word that is longer is shortened."""
    lines: list[str] = []
    for word in (_shortened(word, font, width) for word in text.split()):
        if lines and _length(f"{lines[-1]} {word}", font) <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def _shortened(text: str, font: Font, width: int) -> str:
    """Return as much of the text as fits into ``width`` pixels, with "..." if it was cut."""
    if _length(text, font) <= width:
        return text
    while text and _length(f"{text}...", font) > width:
        text = text[:-1]
    return f"{text.rstrip()}..." if text else ""
