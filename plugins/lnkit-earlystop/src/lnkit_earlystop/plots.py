"""Figures of runs: perceptual score and accuracy over a training, and against each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis import pareto_front
from lnkit.report import save_figure
from lnkit_earlystop.history import STANDARD, Row
from lnkit_earlystop.sweeps.summary import ERROR

WIDTH, HEIGHT = 440, 200
# The colors of Okabe and Ito (2008), which color-blind readers can tell apart too.
COLORS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#D55E00", "#56B4E9", "#000000")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
SCORES = {"ps_spatial": "spatial", "ps_mean_pool": "mean_pool", "ps_style": "style"}
PS = "perceptual score (100 x 2AFC)"
TOP1 = "top-1 accuracy on validation images (percent)"


def draw_run(rows: Sequence[Row], title: str, folder: Path) -> list[Path]:
    """Draw the curves of a run, and a scatter plot of its checkpoints if they have scores.

    Args:
        rows: the checkpoints.
        title: of both figures.
        folder: to write them to.

    Returns:
        The files; none for fewer than two checkpoints.
    """
    if len(rows) < 2:
        return []
    charts = [(curves(rows, title), folder / "curves.png")]
    if sum(STANDARD in row for row in rows) > 1:
        charts.append((scatter({title: rows}, f"{title}: checkpoints"), folder / "accuracy_ps.png"))
    for chart, file in charts:
        save_figure(chart, file)
    return [file for _, file in charts]


def curves(rows: Sequence[Row], title: str) -> Any:
    """Return a chart of perceptual scores above and accuracy below, both over the epochs."""
    frame = pd.DataFrame(rows)
    known = [name for name in SCORES if name in frame]
    panels = [_top1(frame)]
    if known:
        panels.insert(0, _scores(frame, known))
    return titled(alt.vconcat(*panels).resolve_scale(x="shared", color="independent", shape="independent"), title)


def _scores(frame: pd.DataFrame, names: Sequence[str]) -> Any:
    long = frame.melt(["step", "epoch"], names, "distance", "value").dropna(subset="value")
    long["distance"] = long.distance.map(SCORES)
    base = alt.Chart(long).encode(
        x=_epochs(),
        y=alt.Y("value:Q", title=PS, scale=alt.Scale(zero=False)),
        color=alt.Color("distance:N", scale=colors([SCORES[name] for name in names])),
        shape=alt.Shape("distance:N", scale=shapes([SCORES[name] for name in names])),
        tooltip=["distance:N", "step:Q", "epoch:Q", "value:Q"],
    )
    return (base.mark_line() + base.mark_point(filled=True, size=40)).properties(width=WIDTH, height=HEIGHT)


def _top1(frame: pd.DataFrame) -> Any:
    base = alt.Chart(frame).encode(
        x=_epochs(), y=alt.Y("top1:Q", title="top-1 (percent)"), tooltip=["step:Q", "epoch:Q", "top1:Q"]
    )
    line = base.mark_line(color="#000000") + base.mark_point(color="#000000", filled=True, size=40)
    return line.properties(width=WIDTH, height=HEIGHT * 2 // 3)


def scatter(runs: Mapping[str, Sequence[Row]], title: str, legend: str = "run") -> Any:
    """Return a scatter plot of perceptual score and accuracy of the checkpoints of runs, with their Pareto front.

    Args:
        runs: name of each run -> its checkpoints; those with standard errors, ``top1_se`` and ``ps_spatial_se``, get
            error bars.
        title: of the figure.
        legend: title of the legend.
    """
    frame = pd.DataFrame([{"run": name, **row} for name, rows in runs.items() for row in rows if STANDARD in row])
    frame["front"] = pareto_front(frame, "top1", STANDARD, x_higher_is_better=True, y_higher_is_better=True)
    x = alt.X("top1:Q", title=TOP1, scale=alt.Scale(zero=False))
    y = alt.Y(f"{STANDARD}:Q", title=PS, scale=alt.Scale(zero=False))
    names = list(runs)
    base = alt.Chart(frame).encode(
        x=x,
        y=y,
        color=alt.Color("run:N", title=legend, sort=names, scale=colors(names)),
        shape=alt.Shape("run:N", title=legend, sort=names, scale=shapes(names)),
        tooltip=["run:N", "step:Q", "epoch:Q", "top1:Q", f"{STANDARD}:Q"],
    )
    front = alt.Chart(frame[frame.front]).encode(x=x, y=y).mark_line(color="#595959", strokeDash=[5, 3])
    bars = [error_bars(frame, base, axis, name) for axis, name in (("x", "top1"), ("y", STANDARD))]
    layers = alt.layer(front, *(bar for bar in bars if bar), base.mark_point(filled=True, size=60, opacity=1))
    subtitle = "Dashed: the Pareto front; no other checkpoint is better in both accuracy and perceptual score."
    return titled(layers.properties(width=WIDTH, height=HEIGHT * 3 // 2), title, subtitle)


def error_bars(frame: pd.DataFrame, base: Any, axis: str, name: str) -> Any:
    """Return bars of one standard error to each side of a column, ``name_se``; None where there are none."""
    if name + ERROR not in frame:
        return None
    known = frame.dropna(subset=[name, name + ERROR])
    ends = known.assign(low=known[name] - known[name + ERROR], high=known[name] + known[name + ERROR])
    encoding = base.encoding  # without its shape, which Vega would draw at an end of each bar
    bars = alt.Chart(ends).mark_rule(strokeWidth=1.2).encode(encoding.x, encoding.y, encoding.color)
    return bars.encode(x=alt.X("low:Q"), x2="high:Q") if axis == "x" else bars.encode(y=alt.Y("low:Q"), y2="high:Q")


def _epochs() -> Any:
    return alt.X("epoch:Q", title="epochs")


def colors(names: Sequence[str]) -> alt.Scale:
    """Return a scale with one color for each name."""
    return alt.Scale(domain=list(names), range=[COLORS[i % len(COLORS)] for i in range(len(names))])


def shapes(names: Sequence[str]) -> alt.Scale:
    """Return a scale with one shape for each name."""
    return alt.Scale(domain=list(names), range=[SHAPES[i % len(SHAPES)] for i in range(len(names))])


def titled(chart: Any, title: str, subtitle: str = "") -> Any:
    """Return a chart with a title, and the look of all figures of this plugin."""
    heading = alt.TitleParams(title, subtitle=[subtitle] if subtitle else [], anchor="start")
    titled = chart.properties(title=heading, background="white")
    return titled.configure_axis(titleFontWeight="normal", gridColor="#e6e6e6")
