"""Perceptual score against ImageNet accuracy: the scatter plot of Kumar et al. 2022."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.fronts import accuracy_front, pareto_front
from lnkit.analysis.score_rows import OWN, PUBLISHED
from lnkit.report.figures.choosing import panels
from lnkit.report.figures.scatter import Axis, Look, scatter
from lnkit.report.figures.style import COLUMNS, finished
from lnkit.report.figures.wording import described, remarks, telling_apart, tooltips

AXES = ["imagenet_top1", "perceptual_score"]
KUMAR = "Kumar et al. 2022, 64 pixels"
THEIRS = {"default, spatial": KUMAR, "224 pixels, best point, spatial": "Pihlgren et al. 2023, 224 pixels"}


def early_stopping(frame: pd.DataFrame | None = None, attributes: pd.DataFrame | None = None) -> Any:
    """Perceptual score against ImageNet accuracy, with the Pareto front.

    The published networks whose accuracy is known (at 64 pixels those of Kumar et al. 2022, at 224 the best points of
    Pihlgren et al. 2023) and, where both arguments are given, own loss networks with a 2AFC on BAPPS.

    Args:
        frame: of measurements, see :func:`lnkit.analysis.score_rows.to_frame`.
        attributes: see :func:`lnkit.analysis.attributes.attributes_frame`.
    """
    rows = _published()
    if frame is not None and attributes is not None:
        rows = pd.concat([rows, _own(frame, attributes)], ignore_index=True)
    rows = described(rows)
    look = Look(
        x=Axis("ImageNet top-1 accuracy (percent; higher is better)"),
        y=Axis("perceptual score, 100 x 2AFC (percent; higher is better)"),
        group="group",
        order=list(dict.fromkeys(rows.group)),
        group_title="network",
        tooltip=tooltips(extra={"said_x": "ImageNet top-1"}),
        better="right",
    )
    shown = [scatter(_front(part), look, number, line) for number, (line, part) in enumerate(panels(rows))]
    chart = alt.concat(*shown, columns=COLUMNS).resolve_scale(x="independent", y="independent")
    said = [
        "Dashed and named: the Pareto front; none is both more accurate and closer to human judgment.",
        "Accuracies of networks at 64 and at 224 pixels are not the same thing.",
    ]
    return finished(chart, "Perceptual score against ImageNet accuracy", [*said, *telling_apart(rows), *remarks(rows)])


def _published() -> pd.DataFrame:
    found = accuracy_front().dropna(subset=AXES)
    return pd.DataFrame(
        {
            "x": found.imagenet_top1, "value": found.perceptual_score, "name": found.network,
            "group": found.setting.replace(THEIRS), "setting": found.setting, "source": found.source,
            "loss_network": found.network, "origin": PUBLISHED, "comparable": True, "sample": False,
        }
    ).pipe(_completed)  # fmt: skip


def _own(frame: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    rows = frame[(frame.origin == OWN) & (frame.benchmark == "bapps") & (frame.score == "2afc")]
    accuracy = attributes.imagenet_top1.reindex(rows.loss_network).to_numpy(dtype="float64")
    rows = rows.assign(x=accuracy, value=100 * rows.value, low=100 * rows.low, high=100 * rows.high)
    return rows.assign(name=rows.loss_network, group="own").dropna(subset=["x", "value"]).pipe(_completed)


def _completed(rows: pd.DataFrame) -> pd.DataFrame:
    """With all columns that a scatter plot and its tooltips take."""
    empty: dict[str, Any] = {"low": float("nan"), "high": float("nan"), "n": pd.NA, "family": "", "weights": ""}
    empty |= {"collapsed": False, "caveat": "", "benchmark": "bapps"}
    rows = rows.assign(**{name: value for name, value in empty.items() if name not in rows.columns})
    return rows.assign(y=rows.value, unit="percent", said_x=[f"{x:.4g} percent" for x in rows.x], line="front")


def _front(rows: pd.DataFrame) -> pd.DataFrame:
    front = pareto_front(rows, "x", "y", x_higher_is_better=True)
    return rows.assign(front=front, named=front | (rows.group == KUMAR))
