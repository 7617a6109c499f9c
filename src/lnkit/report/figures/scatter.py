"""Scatter plots with a named Pareto front."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.score_rows import OWN
from lnkit.report.figures.labels import MAX_WIDTH, Panel, label_width, place_labels
from lnkit.report.figures.selection import panels
from lnkit.report.figures.style import (
    COLUMNS,
    HEIGHT,
    INK,
    MUTED,
    NAME_SIZE,
    WIDTH,
    groups,
    marks,
    panel_title,
    zooming,
)

MARGIN = 24  # pixels between the outermost marks and the frame
MAX_LABEL_MARGIN = 130  # pixels, the same on the side of the front, where names stand
STEP = 8  # pixels between the points along a front that names avoid
TICKS = 6
# Ratio of the ends of a logarithmic axis from which only powers of ten get a line; below it, twice and five times
# these do too. A line for each digit would be too many.
WIDE = 300
DIGIT = "datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9))"  # the first digit, in Vega's language
POWER, ROUND = (f"indexof({digits}, round({DIGIT})) >= 0" for digits in ("[1]", "[1, 2, 5]"))
LARGE = 10_000  # from here on, numbers on an axis get prefixes such as M


@dataclass(frozen=True)
class Axis:
    """An axis of a scatter plot."""

    title: str
    logarithmic: bool = False
    flag: bool = False  # 0 means no and 1 means yes


@dataclass(frozen=True)
class ScatterStyle:
    """What the panels of a scatter plot share."""

    x: Axis
    y: Axis
    group: str  # the column that color and shape show
    order: list[str]  # of its values
    group_title: str
    tooltip: list[alt.Tooltip]
    better: str = ""  # "left" or "right": the side of the front


@dataclass(frozen=True)
class AxisRange:
    """The part of an axis that a panel shows, and the smallest and the largest value on it."""

    low: float
    high: float
    logarithmic: bool
    first: float
    last: float

    def fraction(self, value: float) -> float:
        """Return the position of a value along the axis, 0 to 1."""
        low, high, at = (math.log10(v) if self.logarithmic else v for v in (self.low, self.high, value))
        return (at - low) / (high - low)


def axis_range(values: pd.Series, axis: Axis, pixels: float, left: float = MARGIN, right: float = MARGIN) -> AxisRange:
    """Return the range of an axis, wider than the values so that no mark touches the frame, even if all are equal.

    Args:
        values: on the axis.
        axis: linear or logarithmic.
        pixels: length of the axis.
        left: pixels before the smallest value.
        right: pixels after the largest value.
    """
    ends = float(values.min()), float(values.max())
    low, high = map(math.log10, ends) if axis.logarithmic else ends
    per_pixel = (high - low) / (pixels - left - right) or 0.05 * (abs(low) or 1.0) / MARGIN
    low, high = low - per_pixel * left, high + per_pixel * right
    return AxisRange(10**low, 10**high, True, *ends) if axis.logarithmic else AxisRange(low, high, False, *ends)


def scatter_panels(rows: pd.DataFrame, style: ScatterStyle, prepare: Callable[[pd.DataFrame], pd.DataFrame]) -> Any:
    """Draw one scatter plot for each set of rows that may share a panel.

    Args:
        rows: of measurements.
        style: of all panels.
        prepare: adds the columns ``front`` and ``named`` to the rows of a panel.
    """
    plots = [scatter(prepare(part), style, number, title) for number, (title, part) in enumerate(panels(rows))]
    return alt.concat(*plots, columns=COLUMNS).resolve_scale(x="independent", y="independent")


def scatter(rows: pd.DataFrame, style: ScatterStyle, number: int = 0, title: str = "") -> Any:
    """Draw one panel.

    Args:
        rows: with the columns x, y, low, high (missing where not known), origin, name, named (bool), line (shared by
            the marks of one line), front (bool), and those that ``style`` names.
        style: of all panels.
        number: of this panel, from 0.
        title: of this panel.
    """
    across = axis_range(rows.x, style.x, WIDTH, **_room(rows, style))
    up = axis_range(pd.concat([rows.y, rows.low, rows.high]).dropna(), style.y, HEIGHT)
    x, y = _encoding("x", style.x, across), _encoding("y", style.y, up)

    layers = [
        *_lines(rows[rows.front], x, y),
        *_intervals(rows.dropna(subset=["low", "high"]), x, _encoding("y", style.y, up, field="low")),
        marks(rows, groups(style.group, style.order, style.group_title), x=x, y=y, tooltip=style.tooltip),
        *_names(_placed(rows, across, up), x, y),
    ]
    layers[0] = layers[0].properties(name=f"panel_{number}").add_params(zooming(number))
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=panel_title(title) if title else "")


def _room(rows: pd.DataFrame, style: ScatterStyle) -> dict[str, float]:
    """Return the margin that names need on the side of the front."""
    widths = [label_width(name, NAME_SIZE) for name in rows.name[rows.named]]
    return {style.better: min(max(widths) + MARGIN, MAX_LABEL_MARGIN)} if widths and style.better else {}


def _encoding(channel: str, axis: Axis, shown: AxisRange, field: str = "") -> Any:
    kind: dict[str, Any] = {"type": "log"} if axis.logarithmic else {"zero": False}
    scale = alt.Scale(domain=[shown.low, shown.high], nice=False, **kind)
    make = alt.X if channel == "x" else alt.Y
    return make(f"{field or channel}:Q", title=axis.title, scale=scale, axis=_axis(axis, shown))


def _axis(axis: Axis, shown: AxisRange) -> alt.Axis:
    """Return an axis whose ticks and labels follow when a reader zooms in."""
    form: dict[str, Any] = {"format": "~s"} if max(abs(shown.low), abs(shown.high)) >= LARGE else {}  # 10M, 1G
    if axis.flag:
        return alt.Axis(values=[0, 1], labelExpr="datum.value ? 'yes' : 'no'", grid=False)
    if axis.logarithmic:
        return _ticks(POWER if shown.high / shown.low >= WIDE else ROUND, **form)
    return _ticks("datum.value >= 0" if shown.first >= 0 else "true", tickCount=TICKS, **form)


def _ticks(wanted: str, **options: Any) -> alt.Axis:
    """Return an axis with lines and labels only where ``wanted``, an expression of Vega, is true."""
    visible: dict[str, Any] = {"condition": {"test": wanted, "value": 1}, "value": 0}
    return alt.Axis(labelExpr=f"{wanted} ? datum.label : ''", gridOpacity=visible, tickOpacity=visible, **options)


def _lines(front: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    """Return dashed lines along the fronts."""
    line = alt.Chart(front).mark_line(color=MUTED, strokeDash=[5, 3], strokeWidth=1.2)
    return [line.encode(x=x, y=y, detail="line:N")] if len(front) else []


def _intervals(rows: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    bars = alt.Chart(rows).mark_rule(color=MUTED, strokeWidth=1.2)
    return [bars.encode(x=x, y=y, y2="high:Q")] if len(rows) else []


def _placed(rows: pd.DataFrame, across: AxisRange, up: AxisRange) -> pd.DataFrame:
    """Return the named marks with the positions of their names; own marks come first and get the best positions."""
    named = rows[rows.named].sort_values("origin", key=lambda origin: origin != OWN, kind="stable")
    centers = {i: (across.fraction(r.x) * WIDTH, (1 - up.fraction(r.y)) * HEIGHT) for i, r in rows.iterrows()}
    at = [centers[i] for i in named.index]
    fronts = rows[rows.front].sort_values("x").groupby("line", sort=False)
    lines = [point for _, front in fronts for point in points_along([centers[i] for i in front.index])]
    positions = place_labels(list(named.name), at, Panel(WIDTH, HEIGHT, list(centers.values()), lines), NAME_SIZE)
    return named.assign(dx=[p.dx for p in positions], dy=[p.dy for p in positions], align=[p.align for p in positions])


def points_along(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return points on the way from each point of a line to the next, in pixels."""
    points = []
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        steps = math.ceil(math.hypot(x1 - x0, y1 - y0) / STEP)
        points += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(1, steps)]
    return points


def _names(named: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    """Return the names of marks, on a white outline that keeps lines off the letters."""
    layers = []
    for align, part in named.groupby("align"):
        offsets: dict[str, Any] = {"dx": alt.expr("datum.dx"), "dy": alt.expr("datum.dy"), "align": str(align)}
        shared = {"fontSize": NAME_SIZE, "limit": MAX_WIDTH, "baseline": "middle", **offsets}
        text = alt.Chart(part).encode(x=x, y=y, text="name:N")
        layers += [text.mark_text(stroke="white", strokeWidth=2.5, **shared), text.mark_text(color=INK, **shared)]
    return layers
