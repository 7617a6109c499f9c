"""Tables as heat maps: mean ranks of backbones, and correlations of scores with attributes."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.rankings import counted, mean_ranks
from lnkit.analysis.score_rows import OWN, PUBLISHED
from lnkit.errors import UsageError
from lnkit.report.figures.captions import caveats, published_caveats, tooltips
from lnkit.report.figures.heat_map import DIVERGING, SEQUENTIAL, Cells, heat_map
from lnkit.report.figures.selection import check_panel_count, comparability_note, published_first, rows_with_values
from lnkit.report.figures.style import styled

SIGNIFICANT = 0.05  # of the p-value after Benjamini and Hochberg: the share of false discoveries among the bold numbers


def ranks(frame: pd.DataFrame) -> Any:
    """Draw the mean ranks of backbones by their best points for each benchmark; 1 is the best (Pihlgren2023 Table III).

    Published and own backbones are ranked apart, and so is each setting; see
    :func:`lnkit.analysis.rankings.mean_ranks`.

    Args:
        frame: of measurements.

    Returns:
        An Altair chart.

    Raises:
        UsageError: there are no scores, or fewer than two backbones.
    """
    rows = rows_with_values(frame)
    parts = [(name, counted(rows[rows.origin == name])) for name in (PUBLISHED, OWN)]
    parts = [(name, part) for name, part in parts if part.backbone.nunique() > 1]
    if not parts:
        raise UsageError("Ranks need two backbones or more with the same score; `lnkit eval` measures more.")
    maps = [_ranks(part, f"{name} (n = {part.backbone.nunique()} backbones)") for name, part in parts]
    chart = alt.vconcat(*maps, spacing=24).resolve_scale(x="independent", y="independent", color="independent")
    used = pd.concat([part for _, part in parts])
    return styled(chart, "Mean rank of each backbone by its best point (1 is the best)", caveats(used))


def _ranks(frame: pd.DataFrame, title: str) -> Any:
    table = mean_ranks(frame).dropna(axis="columns", how="all")
    long = table.reset_index().melt("backbone", var_name="benchmark", value_name="rank")
    long["rank_text"] = [f"{rank:.2f}" for rank in long["rank"]]
    cells = Cells(
        x="benchmark", y="backbone", value="rank", digits=2, low=1, high=max(float(len(table)), 2), colors=SEQUENTIAL,
        tooltip=tooltips({"backbone": "backbone", "benchmark": "benchmark", "rank_text": "mean rank"}),
    )  # fmt: skip
    return heat_map(long, cells, title + comparability_note(frame))


def correlations(table: pd.DataFrame, method: str = "spearman") -> Any:
    """Draw coefficients of scores with attributes, one panel for each setting; significant ones are bold.

    Args:
        table: of :func:`lnkit.analysis.correlations.attribute_correlations`.
        method: "pearson", "spearman" or "kendall"; the table must have it.

    Returns:
        An Altair chart.

    Raises:
        UsageError: no coefficient is defined, or there are too many settings.
    """
    rows = table[table.method == method]
    defined = rows[rows.coefficient.notna()]
    if defined.empty:
        raise UsageError("No correlation is defined here: there are too few loss networks, or all are alike.")
    rows = rows[rows.setting.isin(set(defined.setting))]
    settings = published_first(rows.setting)
    check_panel_count(settings)
    maps = [_correlations(rows[rows.setting == name], str(name)) for name in settings]
    chart = alt.vconcat(*maps, spacing=24).resolve_scale(x="independent", y="independent")
    subtitle = [
        "Above zero: better scores go with more of the attribute. "
        f"Bold: p < {SIGNIFICANT} after Benjamini and Hochberg. Dash: not defined.",
        *published_caveats(rows),
    ]
    return styled(chart, f"Correlation of scores with attributes ({method.capitalize()})", subtitle)


def _correlations(rows: pd.DataFrame, setting: str) -> Any:
    every: Any = list(rows.itertuples())
    rows = rows.assign(
        significant=rows.p_bh < SIGNIFICANT,
        coefficient_text=["not defined" if pd.isna(row.coefficient) else f"{row.coefficient:.3f}" for row in every],
        interval=["not known" if pd.isna(row.low) else f"{row.low:.3f} to {row.high:.3f}" for row in every],
        p_text=["not known" if pd.isna(row.p_bh) else f"{row.p_bh:.3g}" for row in every],
        n_text=rows.n.astype(str),
    )
    fields = {
        "setting": "setting", "score": "score", "attribute": "attribute", "coefficient_text": "coefficient",
        "interval": "95 % interval", "p_text": "p (corrected)", "n_text": "n", "note": "note", "caveat": "caveat",
    }  # fmt: skip
    cells = Cells(
        x="attribute", y="score", value="coefficient", digits=2, low=-1, high=1, colors=DIVERGING,
        tooltip=tooltips(fields), bold="significant", x_order=list(ATTRIBUTES),
    )  # fmt: skip
    counts = rows.n[rows.coefficient.notna()]
    fewest, most = int(counts.min()), int(counts.max())
    n = f"n = {most}" if fewest == most else f"n = {fewest} to {most}"
    return heat_map(rows, cells, f"{setting} ({n})")
