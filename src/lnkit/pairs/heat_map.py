"""Pictures of where two images differ: both of them, and a map of the distance with its scale."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from lnkit.data.atomic import atomic_write
from lnkit.errors import LnkitError

Array = np.ndarray[Any, Any]

# Ten colors of viridis (van der Walt and Smith), which stay in order for color-blind readers and in gray.
COLORS = ("440154", "482878", "3e4989", "31688e", "26828e", "1f9e89", "35b779", "6ece58", "b5de2b", "fde725")
SMALLEST = 256  # pixels: smaller images are shown with larger pixels
GAP, BAR, LABELS, CAPTION, TEXT = 8, 16, 64, 22, 13  # pixels: between panels, the scale, its numbers, below, font


def save_heat_map(
    file: Path, first: Array, second: Array, distances: Array, distance: float, highest: float | None = None
) -> None:
    """Save the first image, the second, and their distance map with its scale, side by side.

    Args:
        file: A PNG file; its folder is made.
        first: 8-bit RGB (H, W, 3).
        second: The same shape.
        distances: The map (H, W).
        distance: Of the two images, shown below.
        highest: Value of the last color; by default the highest of the map.

    Raises:
        LnkitError: The file cannot be written.
    """
    top = float(highest if highest is not None else distances.max())
    shares = np.clip(distances / top, 0, 1) if top > 0 else np.zeros_like(distances)
    height, width = distances.shape
    zoom = max(1, -(-SMALLEST // min(height, width)))
    panels = [Image.fromarray(image) for image in (first, second, _colored(shares))]
    panels = [panel.resize((width * zoom, height * zoom), Image.Resampling.NEAREST) for panel in panels]
    picture = _arrange(panels, top, distance)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as tmp:
            picture.save(tmp, format="png")
    except OSError as error:
        raise LnkitError(f"Cannot write {file} ({error.strerror or error}). Name another folder with --map.") from error


def _arrange(panels: list[Image.Image], top: float, distance: float) -> Image.Image:
    width, height = panels[0].size
    picture = Image.new("RGB", (3 * width + 3 * GAP + BAR + LABELS, height + CAPTION), "white")
    draw, font = ImageDraw.Draw(picture), ImageFont.load_default(TEXT)
    titles = ("first", "second", f"distance {distance:.4g}")
    for index, (panel, title) in enumerate(zip(panels, titles, strict=True)):
        left = index * (width + GAP)
        picture.paste(panel, (left, 0))
        draw.text((left + width / 2, height + CAPTION / 2), title, fill="black", font=font, anchor="mm")
    left = 3 * (width + GAP)
    scale = _colored(np.repeat(np.linspace(1, 0, height)[:, None], BAR, axis=1))
    picture.paste(Image.fromarray(scale), (left, 0))
    for share, anchor in ((1.0, "la"), (0.5, "lm"), (0.0, "ld")):
        position = (left + BAR + 4, round((1 - share) * (height - 1)))
        draw.text(position, f"{share * top:.3g}", fill="black", font=font, anchor=anchor)
    return picture


def _colored(shares: Array) -> Array:
    """Return the colors (H, W, 3) of numbers from 0 to 1."""
    table = np.array([[int(color[i : i + 2], 16) for i in (0, 2, 4)] for color in COLORS], float)
    steps = np.linspace(0, 1, len(COLORS))
    return np.stack([np.interp(shares, steps, table[:, channel]) for channel in range(3)], -1).round().astype(np.uint8)
