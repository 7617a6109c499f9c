"""A score against an attribute: Pihlgren2023 Figures 4 and 5, and others of the kind."""

from __future__ import annotations

from functools import partial
from typing import Any

import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.fronts import WANTED, pareto_front
from lnkit.analysis.published.tables import FLAGS
from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.report.figures.captions import (
    attribute_title,
    caveats,
    origin_legend,
    score_title,
    tooltips,
    with_tooltip_text,
)
from lnkit.report.figures.scatter import Axis, ScatterStyle, scatter_panels
from lnkit.report.figures.selection import MIN_MARKS, require_enough, select_score
from lnkit.report.figures.style import points_in_order, styled

JITTER = 0.6  # the width of "yes", whose distance from "no" is 1
LOGARITHMIC = ("parameters", "macs", "point_parameters", "point_macs", "point_features")  # over orders of magnitude


def score_against_macs(frame: pd.DataFrame, attributes: pd.DataFrame, score: str, *, front: bool = True) -> Any:
    """Draw a score against the multiply-adds up to the point (Pihlgren2023 Figure 4); see :func:`score_against`."""
    return score_against(frame, attributes, score, "point_macs", front=front)


def score_against_accuracy(frame: pd.DataFrame, attributes: pd.DataFrame, score: str, *, front: bool = True) -> Any:
    """Draw a score against the ImageNet accuracy of the backbone (Pihlgren2023 Figure 5); see :func:`score_against`."""
    return score_against(frame, attributes, score, "imagenet_top1", front=front)


def score_against(
    frame: pd.DataFrame, attributes: pd.DataFrame, score: str, attribute: str = "point_macs", *, front: bool = True
) -> Any:
    """Draw a score against an attribute, with the Pareto front of each setting.

    A high accuracy is better; of every other attribute (macs, parameters, depth ...) a low value is. Own results that
    are not comparable with published ones get panels of their own.

    Args:
        frame: of measurements, see :func:`lnkit.analysis.score_rows.to_frame`.
        attributes: see :func:`lnkit.analysis.attributes.attributes_frame`.
        score: one of the frame.
        attribute: one of :data:`lnkit.analysis.attributes.ATTRIBUTES`.
        front: draw the front and name its loss networks.

    Returns:
        An Altair chart.

    Raises:
        UsageError: there is no such score or attribute, fewer than two loss networks have it, or all have the same.
    """
    if attribute not in ATTRIBUTES:
        hint = did_you_mean(near_names(attribute, ATTRIBUTES))
        raise UsageError(f"There is no attribute {attribute!r}.{hint} There are: {', '.join(ATTRIBUTES)}.")
    rows = _with_attribute(select_score(frame, score), attributes[attribute], attribute)
    with_front = partial(_with_fronts, attribute=attribute, wanted=front)
    chart = scatter_panels(rows, _style(rows, attribute), with_front)
    subtitle = [*_front_legend(attribute, front), *origin_legend(rows), *caveats(rows)]
    relation = "by whether the backbone" if attribute in FLAGS else "against"
    return styled(chart, f"{score} {relation} {ATTRIBUTES[attribute]}", subtitle)


def _with_attribute(rows: pd.DataFrame, attribute: pd.Series, name: str) -> pd.DataFrame:
    rows = rows.assign(x=attribute.reindex(rows.loss_network).to_numpy(dtype="float64")).dropna(subset="x")
    require_enough(rows, f"whose {name} is known beside this score")
    if rows.x.nunique() < MIN_MARKS:
        raise UsageError(f"All {len(rows)} loss networks have the same {name}, so there is nothing to draw.")
    return with_tooltip_text(rows).assign(
        y=rows.value, name=rows.loss_network, line=rows.setting, x_text=[f"{value:,.6g}" for value in rows.x]
    )


def _style(rows: pd.DataFrame, attribute: str) -> ScatterStyle:
    first = rows.iloc[0]
    logarithmic = attribute in LOGARITHMIC and bool((rows.x > 0).all())
    return ScatterStyle(
        x=Axis(attribute_title(attribute, logarithmic), logarithmic, attribute in FLAGS),
        y=Axis(score_title(first["score"], first.unit, bool(first.higher_is_better))),
        group="point",
        order=points_in_order(list(rows.point.unique())),
        group_title="point",
        tooltip=tooltips(extra={"x_text": attribute.replace("_", " ")}),
        better="right" if attribute in WANTED else "left",
    )


def _with_fronts(rows: pd.DataFrame, attribute: str, wanted: bool) -> pd.DataFrame:
    """Mark the front of each setting; attributes that are yes or no have none."""
    if attribute in FLAGS:
        rows = _side_by_side(rows)
    if not wanted or attribute in FLAGS:
        return rows.assign(front=False, named=False)
    higher = bool(rows.higher_is_better.iloc[0])
    up = attribute in WANTED
    marked = [pareto_front(part, "x", "y", up, higher) for _, part in rows.groupby("setting", sort=False)]
    on_front = pd.concat(marked).reindex(rows.index)
    return rows.assign(front=on_front, named=on_front)


def _side_by_side(rows: pd.DataFrame) -> pd.DataFrame:
    """Spread the marks of different backbones around "yes" and "no"."""
    place = rows.groupby("x").backbone.rank(method="dense")
    return rows.assign(x=rows.x + JITTER * ((place - 0.5) / place.groupby(rows.x).transform("max") - 0.5))


def _front_legend(attribute: str, front: bool) -> list[str]:
    if not front or attribute in FLAGS:
        return []
    direction = "more accurate" if attribute in WANTED else f"lower in {attribute}"
    return [f"Dashed and named: the Pareto front. No other loss network is both better and {direction}."]
