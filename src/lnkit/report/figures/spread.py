"""The spread of a score over the backbones at each extraction point: Pihlgren2023 Figure 3."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.report.figures.captions import caveats, origin_legend, score_title, tooltips, with_tooltip_text
from lnkit.report.figures.selection import panels, select_score
from lnkit.report.figures.style import COLUMNS, HEIGHT, SIZE, groups, marks, panel_title, points_in_order, styled

MIN_BOXED = 5  # values; a box of fewer would show a spread that nobody measured
POINT = 104  # pixels for each extraction point
JITTER = 0.75  # half the width over which the backbones of a point are spread, as a fraction of half of POINT


def point_spread(frame: pd.DataFrame, score: str) -> Any:
    """Draw the distribution of a score over backbones at each extraction point: a mark for each, and a box for all.

    Boxes reach from the first to the third quartile, with the median; whiskers to the last value within 1.5 times that
    range. Each backbone has the same place, from left to right, at every point.

    Args:
        frame: of measurements.
        score: one of them.

    Returns:
        An Altair chart.

    Raises:
        UsageError: there is no such score, or only one loss network has it.
    """
    rows = with_tooltip_text(select_score(frame, score))
    families = sorted(rows.family.unique())
    backbones = list(dict.fromkeys(rows.sort_values(["family", "backbone"]).backbone))
    rows = rows.assign(place=[2 * (backbones.index(b) + 0.5) / len(backbones) - 1 for b in rows.backbone])
    shown = [_panel(part, families, title) for title, part in panels(rows)]
    chart = alt.concat(*shown, columns=COLUMNS).resolve_scale(x="independent", y="independent", xOffset="independent")
    legend = f"Boxes: quartiles of {MIN_BOXED} backbones or more; whiskers within 1.5 times their height."
    return styled(chart, f"{score} at each extraction point", [legend, *origin_legend(rows), *caveats(rows)])


def _panel(rows: pd.DataFrame, families: list[str], title: str) -> Any:
    order = points_in_order(list(rows.point.unique()))
    crowded = rows[rows.groupby("point").value.transform("size") >= MIN_BOXED]
    first = rows.iloc[0]
    axis = alt.Axis(labelAngle=0 if max(map(len, order)) < POINT / 8 else -30, ticks=False)
    x = alt.X("point:N", title="extraction point", sort=order, scale=alt.Scale(domain=order), axis=axis)
    unit = score_title(first["score"], first.unit, bool(first.higher_is_better))
    y = alt.Y("value:Q", title=unit, scale=alt.Scale(zero=False, padding=10))
    offset = alt.XOffset("place:Q", scale=alt.Scale(domain=[-1 / JITTER, 1 / JITTER]))
    grouped = groups("family", families, "family", size=0.8 * SIZE)
    spots = marks(rows, grouped, x=x, y=y, xOffset=offset, tooltip=tooltips())
    boxes = alt.Chart(crowded).mark_boxplot(
        size=0.8 * POINT, color="#dddddd", outliers=False, median={"color": "black"}, rule={"color": "#999999"}
    )
    layers = [*([boxes.encode(x=x, y=y)] if len(crowded) else []), *_intervals(rows, x, offset), spots]
    width = POINT * len(order)
    return alt.layer(*layers).properties(width=width, height=HEIGHT, title=panel_title(title, width))


def _intervals(rows: pd.DataFrame, x: Any, offset: Any) -> list[Any]:
    known = rows.dropna(subset=["low", "high"])
    low = alt.Y("low:Q", scale=alt.Scale(zero=False, padding=10))
    bars = alt.Chart(known).mark_rule(color="#777777").encode(x=x, xOffset=offset, y=low, y2="high:Q")
    return [bars] if len(known) else []
