"""A score against an attribute: Figures 4 and 5 of Pihlgren et al. 2023, and any other of the kind."""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.fronts import WANTED, pareto_front
from lnkit.analysis.published.tables import FLAGS
from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.report.figures.choosing import FEWEST, enough, of_score, panels
from lnkit.report.figures.scatter import Axis, Look, scatter
from lnkit.report.figures.style import COLUMNS, finished, points_in_order
from lnkit.report.figures.wording import attribute_title, described, remarks, score_title, telling_apart, tooltips

JITTER = 0.6  # the width of "yes", whose distance from "no" is 1
LOGARITHMIC = ("parameters", "macs", "point_parameters", "point_macs", "point_features")  # over orders of magnitude


def score_against_macs(frame: pd.DataFrame, attributes: pd.DataFrame, score: str, *, front: bool = True) -> Any:
    """A score against the multiply-adds up to the point (Figure 4); see :func:`score_against`."""
    return score_against(frame, attributes, score, "point_macs", front=front)


def score_against_accuracy(frame: pd.DataFrame, attributes: pd.DataFrame, score: str, *, front: bool = True) -> Any:
    """A score against the ImageNet accuracy of the backbone (Figure 5); see :func:`score_against`."""
    return score_against(frame, attributes, score, "imagenet_top1", front=front)


def score_against(
    frame: pd.DataFrame, attributes: pd.DataFrame, score: str, attribute: str = "point_macs", *, front: bool = True
) -> Any:
    """A score against an attribute, with the Pareto front of each setting.

    Of accuracy the front wants much, of everything else (macs, parameters, depth ...) little. Own results that are not
    comparable with published ones get panels of their own.

    Args:
        frame: of measurements, see :func:`lnkit.analysis.score_rows.to_frame`.
        attributes: see :func:`lnkit.analysis.attributes.attributes_frame`.
        score: one of the frame.
        attribute: of :data:`lnkit.analysis.attributes.ATTRIBUTES`.
        front: draw the front and name its loss networks.

    Raises:
        UsageError: there is no such score or attribute, it is known of too few, or all have the same.
    """
    if attribute not in ATTRIBUTES:
        hint = did_you_mean(near_names(attribute, ATTRIBUTES))
        raise UsageError(f"There is no attribute {attribute!r}.{hint} There are: {', '.join(ATTRIBUTES)}.")
    rows = _with_attribute(of_score(frame, score), attributes[attribute], attribute)
    look = _look(rows, attribute)
    shown = [
        scatter(_fronts(part, attribute, front), look, number, line) for number, (line, part) in enumerate(panels(rows))
    ]
    chart = alt.concat(*shown, columns=COLUMNS).resolve_scale(x="independent", y="independent")
    said = [*_what_the_lines_are(attribute, front), *telling_apart(rows), *remarks(rows)]
    joined = "by whether the backbone" if attribute in FLAGS else "against"
    return finished(chart, f"{score} {joined} {ATTRIBUTES[attribute]}", said)


def _with_attribute(rows: pd.DataFrame, attribute: pd.Series, name: str) -> pd.DataFrame:
    rows = rows.assign(x=attribute.reindex(rows.loss_network).to_numpy(dtype="float64")).dropna(subset="x")
    enough(rows, f"whose {name} is known beside this score")
    if rows.x.nunique() < FEWEST:
        raise UsageError(f"All {len(rows)} loss networks have the same {name}, so there is nothing to see.")
    return described(rows).assign(
        y=rows.value, name=rows.loss_network, line=rows.setting, said_x=[f"{value:,.6g}" for value in rows.x]
    )


def _look(rows: pd.DataFrame, attribute: str) -> Look:
    first = rows.iloc[0]
    logarithmic = attribute in LOGARITHMIC and bool((rows.x > 0).all())
    return Look(
        x=Axis(attribute_title(attribute, logarithmic), logarithmic, attribute in FLAGS),
        y=Axis(score_title(first["score"], first.unit, bool(first.higher_is_better))),
        group="point",
        order=points_in_order(list(rows.point.unique())),
        group_title="point",
        tooltip=tooltips(extra={"said_x": attribute.replace("_", " ")}),
        better="right" if attribute in WANTED else "left",
    )


def _fronts(rows: pd.DataFrame, attribute: str, wanted: bool) -> pd.DataFrame:
    """With a column that marks the front of each setting."""
    if not wanted or attribute in FLAGS:
        return _side_by_side(rows.assign(front=False, named=False), attribute)
    higher = bool(rows.higher_is_better.iloc[0])
    up = attribute in WANTED
    marked = [pareto_front(part, "x", "y", up, higher) for _, part in rows.groupby("setting", sort=False)]
    on_front = pd.concat(marked).reindex(rows.index)
    return rows.assign(front=on_front, named=on_front)


def _side_by_side(rows: pd.DataFrame, attribute: str) -> pd.DataFrame:
    """Of attributes that are yes or no, the marks of different backbones beside each other."""
    if attribute not in FLAGS:
        return rows
    place = rows.groupby("x").backbone.rank(method="dense")
    return rows.assign(x=rows.x + JITTER * ((place - 0.5) / place.groupby(rows.x).transform("max") - 0.5))


def _what_the_lines_are(attribute: str, front: bool) -> list[str]:
    if not front or attribute in FLAGS:
        return []
    wish = "more accurate" if attribute in WANTED else f"lower in {attribute}"
    return [f"Dashed and named: the Pareto front; no other is both better and {wish}."]
