"""A small data set in the benchmark's layout, drawn on the spot: fields, houses, trees, and the roads between them.

Drawings are far easier than aerial images: scores show that everything works, and nothing about quality.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from lnkit.data import cached_sample

SIDE = 160  # pixels
COUNTS = {"train": 24, "valid": 4, "test": 6}
SEED = 1998
VERSION = 1  # raised when the files change
SIZE = 3_000_000  # bytes, about
NOTE = "sample: drawn maps of roads, far easier than aerial images"
CAPTION = "SAMPLE: maps of roads drawn by lnkit. They show no real place."
ROADS = (2, 5)  # in a tile, fewest and most
WIDTHS = (3, 8)  # pixels
SCALE = 4  # factor by which everything is drawn larger, so that edges are smooth

Draw = np.random.Generator
Points = list[tuple[float, float]]


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; write the sample on first use."""
    return cached_sample(cache, f"delineation-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``; the same Pillow writes the same bytes again."""
    for number, (split, count) in enumerate(COUNTS.items()):
        for kind in ("sat", "map"):
            (root / split / kind).mkdir(parents=True)
        for index in range(count):
            image, roads = draw_tile(np.random.default_rng([SEED, number, index]))
            image.save(root / split / "sat" / f"{index + 1:03d}.png", compress_level=1)
            roads.save(root / split / "map" / f"{index + 1:03d}.png", compress_level=1)
    (root / "README.txt").write_text(
        "A sample in the layout of the Massachusetts Roads Dataset, drawn by lnkit. It shows no place on earth.\n",
        encoding="utf-8",
    )


def draw_tile(draw: Draw) -> tuple[Image.Image, Image.Image]:
    """Return an image as if from above, and the map of its roads: 255 where there is one."""
    image = _ground(draw)
    roads = Image.new("L", image.size, 0)
    pens = ImageDraw.Draw(image), ImageDraw.Draw(roads)
    _houses(pens[0], draw)
    for _ in range(int(draw.integers(ROADS[0], ROADS[1] + 1))):
        width, gray = SCALE * int(draw.integers(WIDTHS[0], WIDTHS[1] + 1)), int(draw.integers(120, 190))
        line = _road(draw)
        pens[0].line(line, (gray, gray, gray - 4), width, joint="curve")
        pens[1].line(line, 255, width, joint="curve")
    _trees(pens[0], draw)
    small = image.resize((SIDE, SIDE), Image.Resampling.BOX)
    return _grainy(small, draw), roads.resize((SIDE, SIDE), Image.Resampling.BOX)


def _ground(draw: Draw) -> Image.Image:
    """Return green and brown patches that blend into each other."""
    patches: NDArray[np.float64] = np.array([70.0, 95.0, 55.0]) + draw.normal(0, 22, (6, 6, 3))
    coarse = Image.fromarray(patches.clip(0, 255).astype(np.uint8))
    return coarse.resize((SIDE * SCALE, SIDE * SCALE), Image.Resampling.BICUBIC)


def _houses(pen: ImageDraw.ImageDraw, draw: Draw) -> None:
    for left, top, width, height, shade in draw.random((25, 5)):
        x, y = (float(value) * SIDE * SCALE for value in (left, top))
        size = (x + SCALE * (4 + 9 * width), y + SCALE * (4 + 9 * height))
        gray = int(90 + 140 * shade)  # roofs are as gray as roads, or brighter
        pen.rectangle((x, y, *size), (gray, gray - 10, gray - 20))


def _trees(pen: ImageDraw.ImageDraw, draw: Draw) -> None:
    """Draw trees, which hide some of the roads."""
    for left, top, radius in draw.random((30, 3)):
        x, y, r = float(left) * SIDE * SCALE, float(top) * SIDE * SCALE, SCALE * (1.5 + 3 * float(radius))
        pen.ellipse((x - r, y - r, x + r, y + r), (30, 60, 28))


def _road(draw: Draw) -> Points:
    """Return points of a road from one edge to another, with a bend."""
    side = SIDE * SCALE
    start, end, bend = draw.uniform(-0.1, 1.1, 3)
    points = [(-0.1, start), (0.5, (start + end) / 2 + 0.25 * (bend - 0.5)), (1.1, end)]
    if draw.random() < 0.5:
        points = [(y, x) for x, y in points]
    curve = [_curve_point(points, t) for t in np.linspace(0, 1, 30)]
    return [(float(x) * side, float(y) * side) for x, y in curve]


def _curve_point(points: Points, t: float) -> tuple[float, float]:
    """Return the point at ``t`` in [0, 1] of the quadratic curve through three points at 0, 1/2 and 1."""
    shares = ((1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1))
    x, y = (sum(share * point[axis] for share, point in zip(shares, points, strict=True)) for axis in (0, 1))
    return x, y


def _grainy(image: Image.Image, draw: Draw) -> Image.Image:
    noisy = np.asarray(image.filter(ImageFilter.GaussianBlur(0.6)), np.float64) + draw.normal(0, 6, (SIDE, SIDE, 1))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))
