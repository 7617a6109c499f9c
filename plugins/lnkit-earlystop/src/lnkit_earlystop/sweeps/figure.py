"""The figure of a sweep: perceptual score and accuracy against the hyperparameter (Kumar2022, Figs. 5b, 6b and 28)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from lnkit_earlystop.plots import HEIGHT, PS, WIDTH, colors, error_bars, shapes, titled
from lnkit_earlystop.sweeps.summary import ERROR

# Column of the table -> series, in each of the two panels.
SCORE_SERIES = {"best_ps": "checkpoint with the best score", "last_ps": "last checkpoint"}
ACCURACY_SERIES = {"its_top1": "checkpoint with the best score", "last_top1": "last checkpoint"}


def against_hyperparameter(table: Sequence[dict[str, Any]], axis: str, title: str) -> Any:
    """Return a chart of perceptual scores above and top-1 accuracy below, both against the values of a sweep.

    Args:
        table: rows of :func:`lnkit_earlystop.sweeps.summary.summarize`.
        axis: title of the hyperparameter.
        title: of the figure.
    """
    frame = pd.DataFrame(table)
    panels = [_panel(frame, ACCURACY_SERIES, axis, "top-1 (percent)")]
    if frame["best_ps"].notna().any():
        panels.insert(0, _panel(frame, SCORE_SERIES, axis, PS))
    repeats = int(frame["trainings"].max()) if "trainings" in frame else 1
    subtitle = f"Means of {repeats} trainings; bars: one standard error to each side." if repeats > 1 else ""
    return titled(alt.vconcat(*panels).resolve_scale(x="shared", color="shared", shape="shared"), title, subtitle)


def _panel(frame: pd.DataFrame, series: dict[str, str], axis: str, y: str) -> Any:
    parts = []
    for column, name in series.items():
        columns = {"y": column, "y" + ERROR: column + ERROR}
        known = {new: frame[old].astype("float64") for new, old in columns.items() if old in frame}
        parts.append(frame[["value"]].assign(series=name, **known))
    long = pd.concat(parts, ignore_index=True).dropna(subset="y")
    names, values = list(series.values()), [str(value) for value in frame["value"]]
    base = alt.Chart(long).encode(
        x=alt.X("value:O", title=axis, sort=values, axis=alt.Axis(labelAngle=0)),
        y=alt.Y("y:Q", title=y, scale=alt.Scale(zero=False)),
        color=alt.Color("series:N", title="", sort=names, scale=colors(names)),
        shape=alt.Shape("series:N", title="", sort=names, scale=shapes(names)),
    )
    bars = error_bars(long, base, "y", "y")
    marks = [*([] if bars is None else [bars]), base.mark_line(), base.mark_point(filled=True, size=50, opacity=1)]
    return alt.layer(*marks).properties(width=WIDTH, height=HEIGHT)
