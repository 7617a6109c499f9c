"""Tables as heat maps: mean ranks of backbones, and correlations of scores with attributes."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.rankings import counted, mean_ranks
from lnkit.analysis.score_rows import OWN, PUBLISHED
from lnkit.errors import UsageError
from lnkit.report.figures.choosing import doubt_about, few_enough, known
from lnkit.report.figures.heat import DIVERGING, SEQUENTIAL, Cells, heat
from lnkit.report.figures.style import finished
from lnkit.report.figures.wording import remarks, tooltips

SIGNIFICANT = 0.05  # of the p-value after Benjamini and Hochberg: the share of false ones among the bold numbers


def ranks(frame: pd.DataFrame) -> Any:
    """Mean ranks of backbones by their best points, for each benchmark, 1 being the best (Table III).

    Published and own backbones are ranked apart, and so is each setting; see
    :func:`lnkit.analysis.rankings.mean_ranks`.

    Args:
        frame: of measurements.

    Raises:
        UsageError: there are no scores, or fewer than two backbones.
    """
    rows = known(frame)
    parts = [(name, counted(rows[rows.origin == name])) for name in (PUBLISHED, OWN)]
    parts = [(name, part) for name, part in parts if part.backbone.nunique() > 1]
    if not parts:
        raise UsageError("Ranks need two backbones or more with the same score; `lnkit eval` measures more.")
    shown = [
        _ranks(part, f"{name} (n = {part.backbone.nunique()} backbones){doubt_about(part)}") for name, part in parts
    ]
    chart = alt.vconcat(*shown, spacing=24).resolve_scale(x="independent", y="independent", color="independent")
    used = pd.concat([part for _, part in parts])
    return finished(chart, "Mean rank of each backbone by its best point (1 is the best)", remarks(used))


def _ranks(frame: pd.DataFrame, title: str) -> Any:
    table = mean_ranks(frame)
    table = table.dropna(axis="columns", how="all")
    long = table.reset_index().melt("backbone", var_name="benchmark", value_name="rank")
    long["said"] = [f"{rank:.2f}" for rank in long["rank"]]
    cells = Cells(
        x="benchmark", y="backbone", value="rank", digits=2, low=1, high=max(float(len(table)), 2), colors=SEQUENTIAL,
        tooltip=tooltips({"backbone": "backbone", "benchmark": "benchmark", "said": "mean rank"}),
    )  # fmt: skip
    return heat(long, cells, title)


def correlations(table: pd.DataFrame, method: str = "spearman") -> Any:
    """Coefficients of scores with attributes, one panel for each setting; bold where they are significant.

    Args:
        table: of :func:`lnkit.analysis.correlations.attribute_correlations`.
        method: the one to show.

    Raises:
        UsageError: none is defined, or there are too many settings.
    """
    rows = table[table.method == method]
    defined = rows[rows.coefficient.notna()]
    if defined.empty:
        raise UsageError("No correlation is defined here: there are too few loss networks, or all are alike.")
    rows = rows[rows.setting.isin(set(defined.setting))]
    settings = sorted(rows.setting.unique(), key=lambda name: name != PUBLISHED)
    few_enough(settings)
    shown = [_correlations(rows[rows.setting == name], str(name)) for name in settings]
    chart = alt.vconcat(*shown, spacing=24).resolve_scale(x="independent", y="independent")
    said = [
        "Above zero: better scores go with more of the attribute. "
        f"Bold: p < {SIGNIFICANT} after Benjamini and Hochberg. Dash: not defined."
    ]
    doubts = rows[rows.caveat != ""].drop_duplicates(["benchmark", "caveat"])
    said += [f"{row.benchmark}: {row.caveat}." for row in doubts.itertuples()]
    return finished(chart, f"Correlation of scores with attributes ({method.capitalize()})", said)


def _correlations(rows: pd.DataFrame, setting: str) -> Any:
    every: Any = list(rows.itertuples())
    rows = rows.assign(
        stressed=rows.p_bh < SIGNIFICANT,
        said=["not defined" if pd.isna(row.coefficient) else f"{row.coefficient:.3f}" for row in every],
        between=["not known" if pd.isna(row.low) else f"{row.low:.3f} to {row.high:.3f}" for row in every],
        p_said=["not known" if pd.isna(row.p_bh) else f"{row.p_bh:.3g}" for row in every],
        n_said=rows.n.astype(str),
    )
    fields = {
        "setting": "setting", "score": "score", "attribute": "attribute", "said": "coefficient",
        "between": "95 % interval", "p_said": "p (corrected)", "n_said": "n", "note": "note", "caveat": "caveat",
    }  # fmt: skip
    cells = Cells(
        x="attribute", y="score", value="coefficient", digits=2, low=-1, high=1, colors=DIVERGING,
        tooltip=tooltips(fields), bold="stressed", x_order=list(ATTRIBUTES),
    )  # fmt: skip
    counts = rows.n[rows.coefficient.notna()]
    few, many = int(counts.min()), int(counts.max())
    counted_n = f"n = {many}" if few == many else f"n = {few} to {many}"
    return heat(rows, cells, f"{setting} ({counted_n})")
