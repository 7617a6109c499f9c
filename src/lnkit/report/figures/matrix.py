"""Which extraction point is the best: Figure 2 of Pihlgren et al. 2023, as a matrix of backbones and scores."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.rankings import best_points as best_of
from lnkit.analysis.score_rows import PUBLISHED
from lnkit.report.figures.choosing import doubt_about, few_enough, primary
from lnkit.report.figures.style import COLUMNS, finished, groups, marks, panel_title, points_in_order
from lnkit.report.figures.wording import described, remarks, telling_apart, tooltips

COLUMN, ROW = 30, 22  # pixels of a cell
STAR = "*"  # leads from a benchmark to its caveat
BESIDE = 1.2  # how far equally good points move apart, as a part of the column


def best_points(frame: pd.DataFrame) -> Any:
    """The best extraction point of each backbone for each score; points that are equally good stand beside each other.

    Args:
        frame: of measurements; its primary scores are drawn, or all where none is primary.

    Raises:
        UsageError: there are no scores, or too many settings.
    """
    chosen = primary(frame)
    best = _marked(chosen)
    order = points_in_order(list(best.point.unique()))
    settings = sorted(best.setting.unique(), key=lambda name: name != PUBLISHED)
    few_enough(settings)
    shown = [_setting(best[best.setting == name], order) for name in settings]
    published = shown[: settings.count(PUBLISHED)]
    own = [alt.concat(*shown[len(published) :], columns=COLUMNS, spacing=30)] if len(shown) > len(published) else []
    chart = alt.vconcat(*published, *own, spacing=30)
    said = "Of points that are equally good, all are shown."
    return finished(chart, "Best extraction point of each backbone", [said, *telling_apart(best), *remarks(best, STAR)])


def _marked(frame: pd.DataFrame) -> pd.DataFrame:
    """A row for each best point, ``beside`` saying where it stands in its cell."""
    key = ["setting", "benchmark", "score", "backbone"]
    best = best_of(frame)[[*key, "ties"]].explode("ties").rename(columns={"ties": "point"})
    best = best.merge(frame.drop_duplicates([*key, "point"]), on=[*key, "point"])
    tied = best.groupby(key, sort=False).point
    return described(best.assign(beside=tied.cumcount() - (tied.transform("size") - 1) / 2))


def _setting(rows: pd.DataFrame, order: list[str]) -> Any:
    """Matrices side by side, one for each benchmark, with the backbones named once."""
    backbones = list(rows.backbone.unique())
    line = f"{rows.setting.iloc[0]}{doubt_about(rows)}"
    parts = [part for _, part in rows.groupby("benchmark", sort=False)]
    if len(parts) == 1:
        return _matrix(parts[0], backbones, order, line)
    shown = [_matrix(part, backbones, order, _title(part), named=not i) for i, part in enumerate(parts)]
    return alt.hconcat(*shown, spacing=14, bounds="flush").properties(title=panel_title(line))


def _title(rows: pd.DataFrame) -> str:
    return f"{rows.benchmark.iloc[0]}{STAR * bool((rows.caveat != '').any())}"


def _matrix(rows: pd.DataFrame, backbones: list[str], order: list[str], title: str, *, named: bool = True) -> Any:
    scores = list(rows["score"].unique())
    y_axis = alt.Axis(grid=True, ticks=False, domain=False, labels=named)
    chart = marks(
        rows,
        groups("point", order, "best point"),
        x=alt.X("score:N", title=None, sort=scores, axis=alt.Axis(labelAngle=-45, ticks=False, grid=False)),
        y=alt.Y("backbone:N", title=None, sort=backbones, scale=alt.Scale(domain=backbones), axis=y_axis),
        xOffset=alt.XOffset("beside:Q", scale=alt.Scale(domain=[-BESIDE, BESIDE])),
        tooltip=tooltips(extra={"score": "score", "point": "best point"}),
    )
    said = panel_title(title, COLUMN * len(scores))
    return chart.properties(width=alt.Step(COLUMN), height=alt.Step(ROW), title=said)
