"""The best extraction points, as a matrix of backbones and scores: Pihlgren2023 Figure 2."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.rankings import best_points as best_of
from lnkit.analysis.score_rows import PUBLISHED
from lnkit.report.figures.captions import caveats, origin_legend, tooltips, with_tooltip_text
from lnkit.report.figures.selection import check_panel_count, comparability_note, primary_rows, published_first
from lnkit.report.figures.style import COLUMNS, groups, marks, panel_title, points_in_order, styled

COLUMN, ROW = 30, 22  # pixels of a cell
STAR = "*"  # links a benchmark to its caveat
BESIDE = 1.2  # how far equally good points move apart, as a fraction of the column


def best_points(frame: pd.DataFrame) -> Any:
    """Draw the best extraction point of each backbone for each score; equally good points stand side by side.

    Args:
        frame: of measurements; its primary scores are drawn, or all scores if none is primary.

    Returns:
        An Altair chart.

    Raises:
        UsageError: there are no scores, or too many settings.
    """
    best = _best_rows(primary_rows(frame))
    order = points_in_order(list(best.point.unique()))
    settings = published_first(best.setting)
    check_panel_count(settings)
    matrices = [_setting(best[best.setting == name], order) for name in settings]
    published, own = matrices[: settings.count(PUBLISHED)], matrices[settings.count(PUBLISHED) :]
    chart = alt.vconcat(*published, *([alt.concat(*own, columns=COLUMNS, spacing=30)] if own else []), spacing=30)
    subtitle = ["Points that are equally good are all shown.", *origin_legend(best), *caveats(best, STAR)]
    return styled(chart, "Best extraction point of each backbone", subtitle)


def _best_rows(frame: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each best point; ``beside`` is its offset within the cell."""
    key = ["setting", "benchmark", "score", "backbone"]
    best = best_of(frame)[[*key, "ties"]].explode("ties").rename(columns={"ties": "point"})
    best = best.merge(frame.drop_duplicates([*key, "point"]), on=[*key, "point"])
    tied = best.groupby(key, sort=False).point
    return with_tooltip_text(best.assign(beside=tied.cumcount() - (tied.transform("size") - 1) / 2))


def _setting(rows: pd.DataFrame, order: list[str]) -> Any:
    """Draw one matrix for each benchmark side by side, with the backbones named once."""
    backbones = list(rows.backbone.unique())
    title = f"{rows.setting.iloc[0]}{comparability_note(rows)}"
    parts = [part for _, part in rows.groupby("benchmark", sort=False)]
    if len(parts) == 1:
        return _matrix(parts[0], backbones, order, title)
    titles = [f"{part.benchmark.iloc[0]}{STAR * bool((part.caveat != '').any())}" for part in parts]
    matrices = [_matrix(part, backbones, order, titles[i], named=not i) for i, part in enumerate(parts)]
    return alt.hconcat(*matrices, spacing=14, bounds="flush").properties(title=panel_title(title))


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
    heading = panel_title(title, COLUMN * len(scores))
    return chart.properties(width=alt.Step(COLUMN), height=alt.Step(ROW), title=heading)
