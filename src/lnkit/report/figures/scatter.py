"""Scatter plots with a Pareto front whose marks are named."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.score_rows import OWN
from lnkit.report.figures.naming import LONGEST, Panel, place_names, width_of
from lnkit.report.figures.style import HEIGHT, INK, MUTED, NAME_SIZE, WIDTH, groups, marks, panel_title, zooming

MARGIN = 24  # pixels between the outermost marks and the frame
MOST_ROOM = 130  # the same on the side of the front, where names stand
STEP = 8  # pixels between the places along a front that names keep off
TICKS = 6
# Times the lowest value of a logarithmic axis. From here on only powers of ten get a line, else twice and five times
# those too: a line for each digit would be a thicket.
MANY = 300
DIGIT = "datum.value / pow(10, floor(log(datum.value) / LN10 + 1e-9))"  # the first one of a number, in Vega's words
POWER, ROUND = (f"indexof({digits}, round({DIGIT})) >= 0" for digits in ("[1]", "[1, 2, 5]"))
LARGE = 10_000  # numbers on an axis get prefixes from here on


@dataclass(frozen=True)
class Axis:
    """An axis of a scatter plot."""

    title: str
    logarithmic: bool = False
    flag: bool = False  # 0 is no and 1 is yes


@dataclass(frozen=True)
class Look:
    """What the panels of a scatter plot share."""

    x: Axis
    y: Axis
    group: str  # the column that color and shape tell apart
    order: list[str]  # of its values
    group_title: str
    tooltip: list[alt.Tooltip]
    better: str = ""  # "left" or "right": the side of the front


@dataclass(frozen=True)
class Span:
    """The part of an axis that a panel shows, and the part that has marks."""

    low: float
    high: float
    logarithmic: bool
    first: float
    last: float

    def fraction(self, value: float) -> float:
        """How far along the axis a value is, 0 to 1."""
        low, high, at = (self._straight(v) for v in (self.low, self.high, value))
        return (at - low) / (high - low)

    def _straight(self, value: float) -> float:
        return math.log10(value) if self.logarithmic else value


def span(values: pd.Series, axis: Axis, pixels: float, left: float = MARGIN, right: float = MARGIN) -> Span:
    """A little more than the values take up, so that no mark touches the frame; also where all are the same.

    Args:
        values: that are shown.
        axis: where they are shown.
        pixels: how long it is.
        left: pixels before the smallest value,
        right: and after the largest.
    """
    low, high = float(values.min()), float(values.max())
    if axis.logarithmic:
        low, high = math.log10(low), math.log10(high)
    ends = float(values.min()), float(values.max())
    one = (high - low) / (pixels - left - right) or 0.05 * (abs(low) or 1.0) / MARGIN
    low, high = low - one * left, high + one * right
    return Span(10**low, 10**high, True, *ends) if axis.logarithmic else Span(low, high, False, *ends)


def scatter(rows: pd.DataFrame, look: Look, number: int = 0, title: str = "") -> Any:
    """One panel.

    Args:
        rows: x, y, low, high (missing where not known), origin, name, named (bool), line (marks of one line share it),
            front (bool), and the columns that ``look`` names.
        look: of all panels.
        number: of this panel.
        title: of this panel.
    """
    across = span(rows.x, look.x, WIDTH, **_room(rows, look))
    reach = pd.concat([rows.y, rows.low, rows.high]).dropna()
    up = span(reach, look.y, HEIGHT)
    x, y = _encoding("x", look.x, across), _encoding("y", look.y, up)
    grouped = groups(look.group, look.order, look.group_title)
    layers = [
        *_lines(rows[rows.front], x, y),
        *_intervals(rows.dropna(subset=["low", "high"]), x, _encoding("y", look.y, up, field="low")),
        marks(rows, grouped, x=x, y=y, tooltip=look.tooltip),
        *_names(_placed(rows, across, up), x, y),
    ]
    layers[0] = layers[0].properties(name=f"panel_{number}").add_params(zooming(number))
    return alt.layer(*layers).properties(width=WIDTH, height=HEIGHT, title=panel_title(title) if title else "")


def _room(rows: pd.DataFrame, look: Look) -> dict[str, float]:
    """Room for names on the side where the front is."""
    widths = [width_of(name, NAME_SIZE) for name in rows.name[rows.named]]
    return {look.better: min(max(widths) + MARGIN, MOST_ROOM)} if widths and look.better else {}


def _encoding(channel: str, axis: Axis, shown: Span, field: str = "") -> Any:
    kind: dict[str, Any] = {"type": "log"} if axis.logarithmic else {"zero": False}
    scale = alt.Scale(domain=[shown.low, shown.high], nice=False, **kind)
    make = alt.X if channel == "x" else alt.Y
    return make(f"{field or channel}:Q", title=axis.title, scale=scale, axis=_axis(axis, shown))


def _axis(axis: Axis, shown: Span) -> alt.Axis:
    """Ticks and labels, which go along when a reader zooms in."""
    form: dict[str, Any] = {"format": "~s"} if max(abs(shown.low), abs(shown.high)) >= LARGE else {}  # 10M, 1G
    if axis.flag:
        return alt.Axis(values=[0, 1], labelExpr="datum.value ? 'yes' : 'no'", grid=False)
    if axis.logarithmic:
        many = shown.high / shown.low >= MANY
        return _ticks(POWER if many else ROUND, **form)
    return _ticks("datum.value >= 0" if shown.first >= 0 else "true", tickCount=TICKS, **form)


def _ticks(wanted: str, **options: Any) -> alt.Axis:
    """An axis with lines and labels only where an expression of Vega says so."""
    seen: dict[str, Any] = {"condition": {"test": wanted, "value": 1}, "value": 0}
    return alt.Axis(labelExpr=f"{wanted} ? datum.label : ''", gridOpacity=seen, tickOpacity=seen, **options)


def _lines(front: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    """Dashed lines along the fronts."""
    if front.empty:
        return []
    line = alt.Chart(front).mark_line(color=MUTED, strokeDash=[5, 3], strokeWidth=1.2)
    return [line.encode(x=x, y=y, detail="line:N")]


def _intervals(rows: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    if rows.empty:
        return []
    bars = alt.Chart(rows).mark_rule(color=MUTED, strokeWidth=1.2)
    return [bars.encode(x=x, y=y, y2="high:Q")]


def _placed(rows: pd.DataFrame, across: Span, up: Span) -> pd.DataFrame:
    """The named marks with the places of their names; own ones first, so that they get the best."""
    named = rows[rows.named].sort_values("origin", key=lambda origin: origin != OWN, kind="stable")
    spots = {i: (across.fraction(r.x) * WIDTH, (1 - up.fraction(r.y)) * HEIGHT) for i, r in rows.iterrows()}
    at = [spots[i] for i in named.index]
    fronts = rows[rows.front].sort_values("x").groupby("line", sort=False)
    ways = [spot for _, front in fronts for spot in along([spots[i] for i in front.index])]
    found = place_names(list(named.name), at, Panel(WIDTH, HEIGHT, list(spots.values()), ways), NAME_SIZE)
    return named.assign(
        dx=[place.dx for place in found], dy=[place.dy for place in found], align=[place.align for place in found]
    )


def along(line: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Places on the way from each point of a line to the next."""
    found = []
    for (x0, y0), (x1, y1) in itertools.pairwise(line):
        steps = math.ceil(math.hypot(x1 - x0, y1 - y0) / STEP)
        found += [(x0 + (x1 - x0) * i / steps, y0 + (y1 - y0) * i / steps) for i in range(1, steps)]
    return found


def _names(named: pd.DataFrame, x: Any, y: Any) -> list[Any]:
    """The names of marks, over a white rim that keeps lines off the letters."""
    made = []
    for align, part in named.groupby("align"):
        places: dict[str, Any] = {"dx": alt.expr("datum.dx"), "dy": alt.expr("datum.dy"), "align": str(align)}
        shared = {"fontSize": NAME_SIZE, "limit": LONGEST, "baseline": "middle", **places}
        text = alt.Chart(part).encode(x=x, y=y, text="name:N")
        made += [text.mark_text(stroke="white", strokeWidth=2.5, **shared), text.mark_text(color=INK, **shared)]
    return made
