"""Heat maps: one cell for each pair, with its value as a color and as a number."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import altair as alt
import pandas as pd

from lnkit.report.figures.style import panel_title

ROW = 24  # pixels, height of a cell
# The light parts of ColorBrewer's palettes for color-blind readers, on which black numbers can be read.
DIVERGING = ("#f1a340", "#f7f7f7", "#998ec3")  # PuOr
SEQUENTIAL = ("#6baed6", "#9ecae1", "#c6dbef", "#deebf7", "#f7fbff")  # Blues, dark is low


@dataclass(frozen=True)
class Cells:
    """What the panels of a heat map share."""

    x: str  # column of the rows that goes across
    y: str  # column that goes down
    value: str  # column that is in the cells
    digits: int
    low: float  # the value of the first color
    high: float  # the value of the last color
    colors: tuple[str, ...]
    tooltip: list[alt.Tooltip]
    column: int = 52  # pixels, width of a cell
    angle: int = -40  # degrees, of the labels above
    bold: str = ""  # a column of bool: numbers in bold
    x_order: list[str] = field(default_factory=list)


def heat_map(rows: pd.DataFrame, cells: Cells, title: str = "") -> Any:
    """Draw one panel; cells without a value show a dash.

    Args:
        rows: one for each cell.
        cells: which columns are shown, and how.
        title: of the panel.
    """
    rows = rows.assign(
        text=[_text(value, cells.digits) for value in rows[cells.value]],
        weight=["bold" if bold else "normal" for bold in (rows[cells.bold] if cells.bold else [False] * len(rows))],
    )
    down = list(dict.fromkeys(rows[cells.y]))
    across = [x for x in cells.x_order if x in set(rows[cells.x])] or list(dict.fromkeys(rows[cells.x]))
    x_axis = alt.Axis(orient="top", labelAngle=cells.angle, ticks=False, domain=False)
    encodings = {
        "x": alt.X(f"{cells.x}:N", title=None, sort=across, axis=x_axis),
        "y": alt.Y(f"{cells.y}:N", title=None, sort=down, axis=alt.Axis(ticks=False, domain=False)),
        "tooltip": cells.tooltip,
    }
    domain = [cells.low + (cells.high - cells.low) * i / (len(cells.colors) - 1) for i in range(len(cells.colors))]
    color = alt.Color(
        f"{cells.value}:Q", legend=None, scale=alt.Scale(domain=domain, range=list(cells.colors), clamp=True)
    )
    known = rows[rows[cells.value].notna()]
    fields = alt.Chart(known).mark_rect(stroke="white", strokeWidth=1).encode(color=color, **encodings)
    layers = [fields, *_numbers(rows, encodings)]
    heading = panel_title(title, cells.column * len(across)) if title else ""
    return alt.layer(*layers).properties(width=alt.Step(cells.column), height=alt.Step(ROW), title=heading)


def _numbers(rows: pd.DataFrame, encodings: dict[str, Any]) -> list[Any]:
    """Return one layer for bold numbers and one for the others."""
    layers = []
    for weight, part in rows.groupby("weight"):
        text = alt.Chart(part).mark_text(fontSize=11, color="black", fontWeight=str(weight))  # type: ignore[arg-type]
        layers.append(text.encode(text="text:N", **encodings))
    return layers


def _text(value: float, digits: int) -> str:
    text = f"{value:z.{digits}f}"  # z: no minus before zero
    return "–" if math.isnan(value) else text.replace("-", "\N{MINUS SIGN}")
