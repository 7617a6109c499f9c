"""The text of figures: axis titles, subtitles and tooltips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.score_rows import OWN

# Column -> its title in tooltips. All are text, because Vega would show a missing number as 0.
TOOLTIPS: Mapping[str, str] = {
    "loss_network": "loss network",
    "family": "family",
    "weights": "weights",
    "setting": "setting",
    "value_text": "value",
    "interval_text": "95 % interval",
    "n_text": "items",
    "origin": "origin",
    "source": "source",
    "remark": "remark",
}
UNUSED = ("signature", "seed", "sd", "variant", "primary")  # columns left out to keep figures small


def score_title(score: str, unit: str, higher_is_better: bool) -> str:
    """Return the axis title of a score: ``x4_psnr_set5 (dB; higher is better)``."""
    direction = f"{'higher' if higher_is_better else 'lower'} is better"
    return f"{score} ({unit}; {direction})" if unit else f"{score} ({direction})"


def attribute_title(attribute: str, logarithmic: bool = False) -> str:
    """Return the axis title of an attribute: ``multiply-adds up to the point, at 224 x 224 (logarithmic)``."""
    return ATTRIBUTES[attribute] + " (logarithmic)" * logarithmic


def origin_legend(frame: pd.DataFrame) -> list[str]:
    """Return the sentence that explains hollow and filled marks, if both occur."""
    return ["Filled: published. Hollow: own."] if frame.origin.nunique() > 1 else []


def caveats(frame: pd.DataFrame, star: str = "") -> list[str]:
    """Return the sentences that a figure of these measurements must show: sample data, collapses, doubtful tables.

    Args:
        frame: of measurements.
        star: put before the caveats of published benchmarks.
    """
    own = frame[frame.origin == OWN]
    sentences = []
    if len(own) and own["sample"].any():
        sentences.append("SAMPLE DATA: own results show that everything runs, and say nothing about quality.")
    if len(own) and own.collapsed.any():
        sentences.append("Includes trainings that collapsed, with their best network.")
    if "trained" in own and own.trained.any():
        seeds = own.seeds[own.trained.astype(bool)]
        if (seeds == 1).any():
            sentences.append("One training does not rank loss networks: intervals of one seed are over items alone.")
        if (seeds > 1).any():
            sentences.append("Intervals of means over seeds are over items and seeds.")
    return sentences + published_caveats(frame, star)


def published_caveats(frame: pd.DataFrame, star: str = "") -> list[str]:
    """Return each caveat on published scores once, after the name of its benchmark."""
    doubtful = frame[frame.caveat != ""].drop_duplicates(["benchmark", "caveat"])
    return [f"{star}{row.benchmark}: {row.caveat}." for row in doubtful.itertuples()]


def with_tooltip_text(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with the text columns of :data:`TOOLTIPS`, without columns that no figure uses."""
    rows: Any = list(frame.itertuples())
    return frame.drop(columns=[name for name in UNUSED if name in frame]).assign(
        value_text=[f"{row.value:.6g} {row.unit}".strip() for row in rows],
        interval_text=[_interval(row) for row in rows],
        n_text=["not known" if pd.isna(row.n) else f"{row.n:,}" for row in rows],
        remark=[_remark(row) for row in rows],
    )


def tooltips(fields: Mapping[str, str] = TOOLTIPS, extra: Mapping[str, str] | None = None) -> list[alt.Tooltip]:
    """Return the tooltips of text columns.

    Args:
        fields: column -> title.
        extra: more of these, behind them.
    """
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in {**fields, **(extra or {})}.items()]


def _interval(row: Any) -> str:
    """Return the interval, for a mean over seeds with their standard deviation."""
    sd = getattr(row, "sd", float("nan"))
    spread = "" if pd.isna(sd) else f" (sd over {row.seeds} seeds {sd:.3g})"
    return "not known" if pd.isna(row.low) or pd.isna(row.high) else f"{row.low:.6g} to {row.high:.6g}{spread}"


def _remark(row: Any) -> str:
    remarks = [
        "sample data" * bool(row.sample),
        "not comparable with published scores" * (not row.comparable),
        "its training collapsed" * bool(row.collapsed),
        row.caveat,
    ]
    return "; ".join(filter(None, remarks)) or "none"
