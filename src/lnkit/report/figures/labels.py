"""Finds places for the names of marks, where they hide as little as can be. Vega-Lite has no such thing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LETTER = 0.56  # mean width of a letter of Helvetica, as a part of the font size
LONGEST = 170  # pixels of a name
MARK = 9  # width and height of a mark
LINE = 4  # of the boxes along a line
# How much it costs to hide a pixel: two names on each other are worse than a name on a mark or outside the panel.
ON_NAME, ON_MARK, ON_LINE, OUTSIDE = 6.0, 3.0, 1.0, 3.0
FAR = 4.0  # for each pixel of distance: a name that is not near its mark may be taken for that of another


class LabelPosition(NamedTuple):
    """Where a name stands, relative to its mark."""

    dx: float
    dy: float  # to the middle of the line, downwards
    align: str  # of Vega: "left" is to the right of the mark


class Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True)
class Panel:
    """What names are placed on; all in pixels from the upper left corner."""

    width: float
    height: float
    marks: Sequence[tuple[float, float]]
    lines: Sequence[tuple[float, float]]  # places along the lines


def label_width(name: str, font: float) -> float:
    """About how many pixels a name takes up."""
    return min(LETTER * font * len(name), LONGEST)


def place_labels(
    names: Sequence[str], at: Sequence[tuple[float, float]], panel: Panel, font: float
) -> list[LabelPosition]:
    """Choose a place for each name, one after the other.

    Args:
        names: to be placed.
        at: the mark of each.
        panel: what is there already.
        font: size of the letters.
    """
    marks = [_around(x, y, MARK) for x, y in panel.marks]
    lines = [_around(x, y, LINE) for x, y in panel.lines]
    taken: list[Box] = []
    found: list[LabelPosition] = []
    for name, (x, y) in zip(names, at, strict=True):
        costs = []
        for place in POSITIONS:
            box = _box(place, x, y, label_width(name, font), font)
            hidden = ON_NAME * _hidden(box, taken) + ON_MARK * _hidden(box, marks) + ON_LINE * _hidden(box, lines)
            costs.append((hidden + _cost(place, box, panel), place, box))
        _, best, where = min(costs)
        taken.append(where)
        found.append(best)
    return found


def _places() -> Iterator[LabelPosition]:
    """Beside a mark, then above and below it, then further away."""
    for far in (0, 5, 9, 14, 20):
        beside = MARK if far < MARK else MARK / 3  # next to the mark, or already past it
        for dy in sorted({-far, far}):
            yield LabelPosition(beside, dy, "left")
            yield LabelPosition(-beside, dy, "right")
        if far >= MARK:
            yield LabelPosition(0, -far, "center")
            yield LabelPosition(0, far, "center")


POSITIONS = tuple(_places())


def _around(x: float, y: float, size: float) -> Box:
    return Box(x - size / 2, y - size / 2, x + size / 2, y + size / 2)


def _box(place: LabelPosition, x: float, y: float, width: float, font: float) -> Box:
    left = x + place.dx - {"left": 0.0, "center": width / 2, "right": width}[place.align]
    top = y + place.dy - font / 2
    return Box(left, top, left + width, top + font)


def _cost(place: LabelPosition, box: Box, panel: Panel) -> float:
    whole = (box.right - box.left) * (box.bottom - box.top)
    inside = _hidden(box, [Box(0, 0, panel.width, panel.height)])
    return OUTSIDE * (whole - inside) + FAR * math.hypot(place.dx, place.dy)


def _hidden(box: Box, others: Sequence[Box]) -> float:
    """Pixels of others that a box covers."""
    return sum(
        max(min(box.right, other.right) - max(box.left, other.left), 0)
        * max(min(box.bottom, other.bottom) - max(box.top, other.top), 0)
        for other in others
    )
