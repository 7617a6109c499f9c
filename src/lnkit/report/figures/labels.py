"""Place the names of marks where they hide as little as possible; Vega-Lite has nothing for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LETTER = 0.56  # mean width of a letter of Helvetica, as a fraction of the font size
MAX_WIDTH = 170  # pixels of a name
MARK = 9  # pixels, width and height of a mark
LINE = 4  # pixels, width and height of the boxes along a line
# Cost of each hidden pixel: two overlapping names are worse than a name on a mark or outside the panel.
ON_NAME, ON_MARK, ON_LINE, OUTSIDE = 6.0, 3.0, 1.0, 3.0
DISTANT = 4.0  # cost of each pixel between a name and its mark, since a distant name may be read as another mark's


class LabelPosition(NamedTuple):
    """Where a name stands, relative to its mark."""

    dx: float
    dy: float  # to the middle of the line, downwards
    align: str  # Vega's word: "left" is to the right of the mark


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Panel:
    """The area on which names are placed, in pixels from its upper left corner."""

    width: float
    height: float
    marks: Sequence[tuple[float, float]]
    lines: Sequence[tuple[float, float]]  # points along the lines


def label_width(name: str, font: float) -> float:
    """Estimate the width of a name in pixels."""
    return min(LETTER * font * len(name), MAX_WIDTH)


def place_labels(
    names: Sequence[str], at: Sequence[tuple[float, float]], panel: Panel, font: float
) -> list[LabelPosition]:
    """Choose a position for each name, one name after the other.

    Args:
        names: to place.
        at: the mark of each name, in pixels.
        panel: the marks and lines that names should not hide.
        font: size of the letters in pixels.
    """
    marks = [_around(x, y, MARK) for x, y in panel.marks]
    lines = [_around(x, y, LINE) for x, y in panel.lines]
    taken: list[Box] = []
    chosen: list[LabelPosition] = []
    for name, (x, y) in zip(names, at, strict=True):
        costs = []
        for position in POSITIONS:
            box = _box(position, x, y, label_width(name, font), font)
            hidden = ON_NAME * _overlap(box, taken) + ON_MARK * _overlap(box, marks) + ON_LINE * _overlap(box, lines)
            costs.append((hidden + _cost(position, box, panel), position, box))
        _, best, best_box = min(costs)
        taken.append(best_box)
        chosen.append(best)
    return chosen


def _positions() -> Iterator[LabelPosition]:
    """Yield positions beside a mark, then above and below it, then further away."""
    for distance in (0, 5, 9, 14, 20):
        beside = MARK if distance < MARK else MARK / 3  # next to the mark, or already past it
        for dy in sorted({-distance, distance}):
            yield LabelPosition(beside, dy, "left")
            yield LabelPosition(-beside, dy, "right")
        if distance >= MARK:
            yield LabelPosition(0, -distance, "center")
            yield LabelPosition(0, distance, "center")


POSITIONS = tuple(_positions())


def _around(x: float, y: float, size: float) -> Box:
    return Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def _box(position: LabelPosition, x: float, y: float, width: float, font: float) -> Box:
    left = x + position.dx - {"left": 0.0, "center": width / 2, "right": width}[position.align]
    top = y + position.dy - font / 2
    return Box(left, top, left + width, top + font)


def _cost(position: LabelPosition, box: Box, panel: Panel) -> float:
    area = (box.right - box.left) * (box.bottom - box.top)
    inside = _overlap(box, [Box(0, 0, panel.width, panel.height)])
    return OUTSIDE * (area - inside) + DISTANT * math.hypot(position.dx, position.dy)


def _overlap(box: Box, others: Sequence[Box]) -> float:
    """Return how many pixels of other boxes a box covers."""
    return sum(
        max(min(box.right, other.right) - max(box.left, other.left), 0)
        * max(min(box.bottom, other.bottom) - max(box.top, other.top), 0)
        for other in others
    )
