"""Plot the curves of a training: losses and validated values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.data.atomic import atomic_write
from lnkit.training.log import LEARNING_RATE, VALIDATION, read_log

if TYPE_CHECKING:
    import altair as alt
    import pandas as pd

WIDTH, HEIGHT = 560, 240  # of each panel, in units of SCALE pixels
SCALE = 2


def draw_curves(log: Path, picture: Path, title: str, best_iteration: int) -> None:
    """Draw the log of a training as a PNG: one panel for the losses, one for each validated value.

    Args:
        log: The CSV file of :class:`lnkit.training.log.TrainingLog`.
        picture: Path of the PNG.
        title: Title of the training.
        best_iteration: Iteration of the best network, marked by a line; 0 for none.
    """
    import altair as alt  # noqa: PLC0415 - takes half a second

    frame = read_log(log)
    frame = frame[frame.series != LEARNING_RATE]
    validated = frame.series.str.startswith(VALIDATION)
    parts = {"loss": frame[~validated]} if (~validated).any() else {}
    parts |= {str(series): part for series, part in frame[validated].groupby("series")}
    span = (0, int(frame.iteration.max()))
    panels = [_panel(part, name, span, best_iteration) for name, part in parts.items()]
    subtitle = f"the dashed line marks iteration {best_iteration:,}, the best network" if best_iteration else ""
    heading = alt.TitleParams(title, subtitle=subtitle, anchor="start")
    chart = alt.vconcat(*panels, title=heading).configure_view(stroke="#ccc")
    with atomic_write(picture) as tmp, tmp.open("wb") as file:
        chart.save(file, format="png", scale_factor=SCALE)


def _panel(frame: pd.DataFrame, name: str, span: tuple[int, int], best: int) -> alt.LayerChart | alt.FacetChart:
    """Return one panel; losses span orders of magnitude, so positive ones get a logarithmic scale."""
    import altair as alt  # noqa: PLC0415 - takes half a second

    logarithmic = name == "loss" and bool((frame.value > 0).all())
    several = frame.series.nunique() > 1
    scale = alt.Scale(type="log" if logarithmic else "linear", zero=False, nice=False)
    lines = (
        alt.Chart(frame[frame.value.abs() < float("inf")])
        .mark_line(strokeWidth=1.5, point=len(frame) < 30)
        .encode(
            x=alt.X("iteration:Q", title="iteration", scale=alt.Scale(domain=span, nice=False)),
            y=alt.Y("value:Q", title=name, scale=scale),
            color=alt.Color("series:N", title=None, scale=alt.Scale(scheme="tableau10"))
            if several
            else alt.value("#4c78a8"),
        )
    )
    mark = alt.Chart(frame.head(1)).mark_rule(strokeDash=[4, 4], color="#777").encode(x=alt.datum(best))
    return alt.layer(*[lines, mark] if best else [lines]).properties(width=WIDTH, height=HEIGHT)
