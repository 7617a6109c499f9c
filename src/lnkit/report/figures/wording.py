"""What figures say in words: axes, subtitles and tooltips."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.score_rows import OWN

# What a tooltip says of a measurement, as text: Vega would show a missing number as 0.
SAID: Mapping[str, str] = {
    "loss_network": "loss network",
    "family": "family",
    "weights": "weights",
    "setting": "setting",
    "said_value": "value",
    "said_interval": "95 % interval",
    "said_n": "items",
    "origin": "origin",
    "source": "source",
    "remark": "remark",
}


UNSHOWN = ("signature", "seed", "variant", "primary")  # left out, so that figures stay small


def score_title(score: str, unit: str, higher_is_better: bool) -> str:
    """``x4_psnr_set5 (dB; higher is better)``."""
    direction = f"{'higher' if higher_is_better else 'lower'} is better"
    return f"{score} ({unit}; {direction})" if unit else f"{score} ({direction})"


def attribute_title(attribute: str, logarithmic: bool = False) -> str:
    """``multiply-adds up to the point, at 224 x 224 (logarithmic)``."""
    return ATTRIBUTES[attribute] + " (logarithmic)" * logarithmic


def telling_apart(frame: pd.DataFrame) -> list[str]:
    """How own marks are told from published ones, where there are both."""
    return ["Filled: published. Hollow: own."] if frame.origin.nunique() > 1 else []


def remarks(frame: pd.DataFrame, star: str = "") -> list[str]:
    """What a picture of these measurements must say: samples, collapses, caveats, the latter after a ``star``."""
    own = frame[frame.origin == OWN]
    said = []
    if len(own) and own["sample"].any():
        said.append("SAMPLE DATA: own results show that everything runs, and nothing about quality.")
    if len(own) and own.collapsed.any():
        said.append("Includes trainings that collapsed, by their best network.")
    doubtful = frame[frame.caveat != ""].drop_duplicates(["benchmark", "caveat"])
    return said + [f"{star}{row.benchmark}: {row.caveat}." for row in doubtful.itertuples()]


def described(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the columns of :data:`SAID`."""
    rows: Any = list(frame.itertuples())
    return frame.drop(columns=[name for name in UNSHOWN if name in frame]).assign(
        said_value=[f"{row.value:.6g} {row.unit}".strip() for row in rows],
        said_interval=[_interval(row.low, row.high) for row in rows],
        said_n=["not known" if pd.isna(row.n) else f"{row.n:,}" for row in rows],
        remark=[_remark(row) for row in rows],
    )


def tooltips(fields: Mapping[str, str] = SAID, extra: Mapping[str, str] | None = None) -> list[alt.Tooltip]:
    """Tooltips of columns of text, with the title of each."""
    return [alt.Tooltip(f"{field}:N", title=title) for field, title in {**fields, **(extra or {})}.items()]


def _interval(low: float, high: float) -> str:
    return "not known" if pd.isna(low) or pd.isna(high) else f"{low:.6g} to {high:.6g}"


def _remark(row: Any) -> str:
    said = [
        "sample data" * bool(row.sample),
        "not comparable with published scores" * (not row.comparable),
        "its training collapsed" * bool(row.collapsed),
        row.caveat,
    ]
    return "; ".join(filter(None, said)) or "none"
