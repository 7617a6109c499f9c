"""Perceptual score against ImageNet accuracy: the scatter plot of Kumar2022."""

from __future__ import annotations

from typing import Any

import pandas as pd

from lnkit.analysis.fronts import accuracy_front, pareto_front
from lnkit.analysis.score_rows import OWN, PUBLISHED
from lnkit.report.figures.captions import caveats, origin_legend, tooltips, with_tooltip_text
from lnkit.report.figures.scatter import Axis, ScatterStyle, scatter_panels
from lnkit.report.figures.style import styled

KUMAR = "Kumar et al. 2022, 64 pixels"
GROUPS = {"default, spatial": KUMAR, "224 pixels, best point, spatial": "Pihlgren et al. 2023, 224 pixels"}


def early_stopping(frame: pd.DataFrame | None = None, attributes: pd.DataFrame | None = None) -> Any:
    """Draw perceptual score against ImageNet accuracy, with the Pareto front.

    It has the published networks whose accuracy is known (at 64 pixels those of Kumar2022, at 224 pixels the best
    points of Pihlgren2023) and, if both arguments are given, own loss networks with a 2AFC score on BAPPS.

    Args:
        frame: of measurements, see :func:`lnkit.analysis.score_rows.to_frame`.
        attributes: see :func:`lnkit.analysis.attributes.attributes_frame`.

    Returns:
        An Altair chart.

    References:
        Kumar et al. 2022, Do better ImageNet classifiers assess perceptual similarity better?, TMLR.
    """
    rows = _published()
    if frame is not None and attributes is not None:
        rows = pd.concat([rows, _own(frame, attributes)], ignore_index=True)
    rows = with_tooltip_text(rows)
    style = ScatterStyle(
        x=Axis("ImageNet top-1 accuracy (percent; higher is better)"),
        y=Axis("perceptual score, 100 x 2AFC (percent; higher is better)"),
        group="group",
        order=list(dict.fromkeys(rows.group)),
        group_title="network",
        tooltip=tooltips(extra={"x_text": "ImageNet top-1"}),
        better="right",
    )
    subtitle = [
        "Dashed and named: the Pareto front. No other network is both more accurate and closer to human judgment.",
        "Accuracies of networks at 64 and at 224 pixels are not the same thing.",
        *origin_legend(rows),
        *caveats(rows),
    ]
    return styled(scatter_panels(rows, style, _front), "Perceptual score against ImageNet accuracy", subtitle)


def _published() -> pd.DataFrame:
    front = accuracy_front().dropna(subset=["imagenet_top1", "perceptual_score"])
    return pd.DataFrame(
        {
            "x": front.imagenet_top1, "value": front.perceptual_score, "name": front.network,
            "group": front.setting.replace(GROUPS), "setting": front.setting, "source": front.source,
            "loss_network": front.network, "origin": PUBLISHED, "comparable": True, "sample": False,
        }
    ).pipe(_completed)  # fmt: skip


def _own(frame: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    rows = frame[(frame.origin == OWN) & (frame.benchmark == "bapps") & (frame.score == "2afc")]
    accuracy = attributes.imagenet_top1.reindex(rows.loss_network).to_numpy(dtype="float64")
    rows = rows.assign(x=accuracy, value=100 * rows.value, low=100 * rows.low, high=100 * rows.high)
    return rows.assign(name=rows.loss_network, group="own").dropna(subset=["x", "value"]).pipe(_completed)


def _completed(rows: pd.DataFrame) -> pd.DataFrame:
    """Add the columns that scatter plots and tooltips need and the rows lack."""
    empty: dict[str, Any] = {"low": float("nan"), "high": float("nan"), "n": pd.NA, "family": "", "weights": ""}
    empty |= {"collapsed": False, "caveat": "", "benchmark": "bapps"}
    rows = rows.assign(**{name: value for name, value in empty.items() if name not in rows.columns})
    return rows.assign(y=rows.value, unit="percent", x_text=[f"{x:.4g} percent" for x in rows.x], line="front")


def _front(rows: pd.DataFrame) -> pd.DataFrame:
    front = pareto_front(rows, "x", "y", x_higher_is_better=True)
    return rows.assign(front=front, named=front | (rows.group == KUMAR))
