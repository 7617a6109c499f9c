"""The figures: P's Figures 2 to 5 and K's scatter from any measurements, and the tables behind them as heat maps.

Each takes the frame of :func:`lnkit.analysis.measurements.to_frame` and, where it needs attributes, that of
:func:`lnkit.analysis.attributes.attributes_frame`, and returns an Altair chart.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.fronts import accuracy_front, pareto_front
from lnkit.analysis.rankings import best_points as best_of
from lnkit.analysis.rankings import mean_ranks
from lnkit.errors import UsageError
from lnkit.nearnames import did_you_mean, near_names
from lnkit.report.figures.style import (
    HEIGHT,
    MUTED,
    SIZE,
    WIDTH,
    attribute_title,
    color_and_shape,
    finished,
    points_in_order,
    remarks,
    score_title,
    tooltips,
)

LOGARITHMIC = ("parameters", "flops", "point_parameters", "point_flops", "point_features")  # over orders of magnitude
MARGIN = 24  # pixels between the outermost marks and the frame
NAMES = 90  # the same where names stand to the left of marks
CELL = 30  # of a heat map
FEWEST = 2  # marks; one alone shows nothing


def best_points(frame: pd.DataFrame) -> Any:
    """P's Figure 2: which extraction point is the best, for each backbone and score; ties show each point."""
    best = best_of(_filled(frame)).explode("ties").rename(columns={"ties": "best"})
    tied = best.groupby(["setting", "score", "backbone"]).best
    best["beside"] = (
        tied.cumcount() - (tied.transform("size") - 1) / 2
    )  # where points are equally good, beside each other
    chart = (
        alt.Chart(best)
        .mark_point(size=SIZE, opacity=1, strokeWidth=1.5)
        .encode(
            x=alt.X("score:N", title=None, sort=list(best.score.unique()), axis=alt.Axis(labelAngle=-45)),
            y=alt.Y("backbone:N", title=None, sort=list(best.backbone.unique())),
            xOffset=alt.XOffset("beside:Q", scale=alt.Scale(domain=[-1.2, 1.2])),
            **color_and_shape("best", points_in_order(list(best.best.unique())), "best point"),
            tooltip=tooltips(("setting:N", "score:N", "backbone:N", "best:N", "value:Q")),
        )
        .properties(width=alt.Step(CELL), height=alt.Step(22))
    )
    return finished(_by_setting(chart, best), "Best extraction point of each backbone", remarks(frame))


def point_spread(frame: pd.DataFrame, score: str) -> Any:
    """P's Figure 3: how a score spreads over the backbones at each extraction point."""
    rows = _score(frame, score)
    order = points_in_order(list(rows.point.unique()))
    x = alt.X("point:N", title="extraction point", sort=order, axis=alt.Axis(labelAngle=0))
    y = alt.Y("value:Q", title=_title(rows), scale=alt.Scale(zero=False))
    boxes = (
        alt.Chart(rows)
        .mark_boxplot(size=36, color="#bbbbbb", outliers=False, median={"color": "black"})
        .encode(x=x, y=y)
    )
    families = sorted(rows.family.unique())
    marks = _jittered(rows, order).encode(
        y=y, **color_and_shape("family", families, "family"), tooltip=_tooltip(), fillOpacity=_filling()
    )
    chart = alt.layer(boxes, marks).properties(width=WIDTH, height=HEIGHT)
    return finished(chart, f"{score} at each extraction point", _subtitle(rows, frame))


def score_against(frame: pd.DataFrame, attributes: pd.DataFrame, score: str, attribute: str = "point_flops") -> Any:
    """P's Figures 4 and 5: a score against an attribute, flops and accuracy in the paper, with its Pareto front.

    The front of flops, parameters and the like goes to small values, that of accuracy to large ones.
    """
    rows = _score(frame, score)
    if attribute not in ATTRIBUTES:
        hint = did_you_mean(near_names(attribute, ATTRIBUTES))
        raise UsageError(f"There is no attribute {attribute!r}.{hint} There are: {', '.join(ATTRIBUTES)}.")
    rows = rows.assign(attribute=rows.loss_network.map(attributes[attribute])).dropna(subset="attribute")
    if len(rows) < FEWEST:
        raise UsageError(
            f"{attribute} is known of {len(rows)} loss networks with {score}, and a figure needs {FEWEST}; "
            "`lnkit eval` keeps attributes with what it measures from now on."
        )
    up = attribute == "imagenet_top1"
    rows = rows.assign(front=_fronts(rows, "attribute", up))
    logarithmic = _logarithmic(rows.attribute, attribute)
    kind: dict[str, Any] = {"type": "log"} if logarithmic else {"type": "linear", "zero": False}
    scale = alt.Scale(**kind, nice=False, padding=MARGIN if up else NAMES)
    x = alt.X("attribute:Q", title=attribute_title(attribute), scale=scale, axis=alt.Axis(tickCount=6, format="~s"))
    y = alt.Y("value:Q", title=_title(rows), scale=alt.Scale(zero=False))
    points = points_in_order(list(rows.point.unique()))
    tooltip = [*_tooltip(), alt.Tooltip("attribute:Q", title=attribute, format=",.4~f")]
    marks = alt.Chart(rows).mark_point(size=SIZE, opacity=1, strokeWidth=1.5).encode(
        x=x, y=y, **color_and_shape("point", points, "point"), tooltip=tooltip, fillOpacity=_filling()
    )  # fmt: skip
    layers = [_line(rows[rows.front], x, y), *_bars(rows, x), marks, _names(rows[rows.front], x, y, up=up)]
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT).interactive()
    return finished(chart, f"{score} against {attribute}", [*_subtitle(rows, frame), "line: Pareto front"])


def early_stopping(frame: pd.DataFrame | None = None, attributes: pd.DataFrame | None = None) -> Any:
    """K's scatter: perceptual score against ImageNet accuracy, published networks and own ones, with the front."""
    rows = accuracy_front().dropna(subset=["imagenet_top1", "perceptual_score"]).assign(origin="published")
    rows["network"] = rows.network.where(rows.setting.str.startswith("224"), rows.network + " (64 pixels)")
    if frame is not None and attributes is not None:
        own = frame[(frame.score == "2afc") & (frame.origin == "own")]
        accuracy = own.loss_network.map(attributes.imagenet_top1)
        rows = pd.concat([rows, pd.DataFrame({
            "network": own.loss_network, "setting": own.setting, "imagenet_top1": accuracy,
            "perceptual_score": 100 * own.value, "origin": "own", "source": own.source,
        }).dropna(subset="imagenet_top1")], ignore_index=True)  # fmt: skip
    rows["front"] = pareto_front(rows, "imagenet_top1", "perceptual_score", x_higher_is_better=True)
    x = alt.X(
        "imagenet_top1:Q", title="ImageNet top-1 accuracy in percent", scale=alt.Scale(zero=False, padding=MARGIN)
    )
    y = alt.Y("perceptual_score:Q", title="perceptual score in percent (higher is better)", scale=alt.Scale(zero=False))
    tooltip = tooltips(("network:N", "setting:N", "imagenet_top1:Q", "perceptual_score:Q", "source:N"))
    marks = alt.Chart(rows).mark_point(size=SIZE, opacity=1, strokeWidth=1.5).encode(
        x=x, y=y, **color_and_shape("setting", list(rows.setting.unique()), "setting"), tooltip=tooltip,
        fillOpacity=_filling(),
    )  # fmt: skip
    front = rows[rows.front]
    layers = [_line(front, x, y), marks, _names(front, x, y, up=True, field="network")]
    chart = alt.layer(*layers).properties(width=WIDTH, height=HEIGHT).interactive()
    said = [f"{len(rows)} networks; line: Pareto front", "accuracies at 64 and at 224 pixels are not the same thing"]
    return finished(chart, "Perceptual score against ImageNet accuracy", said)


def ranks(frame: pd.DataFrame) -> Any:
    """Mean ranks of backbones for each benchmark as a heat map (Table III)."""
    table = mean_ranks(_filled(frame))
    long = table.reset_index().melt("backbone", var_name="benchmark", value_name="rank").dropna()
    title = "Mean rank by the best point (1 is the best)"
    return finished(_heat(long, "benchmark", "backbone", "rank", ".2f", list(table.index)), title, remarks(frame))


def correlations(table: pd.DataFrame, method: str = "spearman") -> Any:
    """Coefficients of scores (or benchmarks) with attributes as a heat map, from the table of the analysis."""
    rows = table[(table.method == method) & table.coefficient.notna()]
    if rows.empty:
        raise UsageError("No correlation is defined here: there are too few loss networks, or all are alike.")
    order = list(dict.fromkeys(rows.score))
    chart = _heat(rows, "attribute", "score", "coefficient", ".2f", order, diverging=True)
    return finished(
        chart, f"Correlation of scores with attributes ({method})", ["over loss networks, larger is better"]
    )


def _heat(
    rows: pd.DataFrame, x: str, y: str, value: str, form: str, order: list[str], *, diverging: bool = False
) -> Any:
    """A cell for each pair, with its number written in it."""
    columns = list(dict.fromkeys(rows[x]))
    scale = (
        alt.Scale(scheme="purpleorange", domain=[-1, 1], reverse=True)
        if diverging
        else alt.Scale(scheme="blues", reverse=True)
    )
    low, high = (-0.6, 0.6) if diverging else (rows[value].min() + 0.35 * (rows[value].max() - rows[value].min()), None)
    dark = f"datum['{value}'] < {low}" + (f" || datum['{value}'] > {high}" if high is not None else "")
    base = alt.Chart(rows).encode(
        x=alt.X(f"{x}:N", title=None, sort=columns, axis=alt.Axis(labelAngle=-40, orient="top")),
        y=alt.Y(f"{y}:N", title=None, sort=order),
    )
    extra = [name for name in ("low", "high", "n", "p_bh") if name in rows.columns]
    tooltip = tooltips((f"{y}:N", f"{x}:N", f"{value}:Q", *(f"{name}:Q" for name in extra)))
    cells = base.mark_rect(stroke="white").encode(
        color=alt.Color(f"{value}:Q", scale=scale, legend=None), tooltip=tooltip
    )
    numbers = base.mark_text(fontSize=11).encode(
        text=alt.Text(f"{value}:Q", format=form), color=alt.condition(dark, alt.value("white"), alt.value("black"))
    )
    return alt.layer(cells, numbers).properties(width=alt.Step(52), height=alt.Step(24))


def _filled(frame: pd.DataFrame) -> pd.DataFrame:
    known = frame.dropna(subset="value")
    if known.empty:
        raise UsageError("There is nothing to draw: no scores were gathered.")
    return known


def _score(frame: pd.DataFrame, score: str) -> pd.DataFrame:
    rows = frame[(frame.score == score) & frame.value.notna()]
    if rows.empty:
        names = list(dict.fromkeys(frame.score))
        raise UsageError(
            f"There is no score {score!r}.{did_you_mean(near_names(score, names))} There are: {', '.join(names)}."
        )
    if len(rows) < FEWEST:
        raise UsageError(f"There is one loss network with {score}, and a figure needs {FEWEST} at least.")
    return rows


def _title(rows: pd.DataFrame) -> str:
    first = rows.iloc[0]
    return score_title(first["score"], first.unit, bool(first.higher_is_better))


def _subtitle(rows: pd.DataFrame, frame: pd.DataFrame) -> list[str]:
    counts = rows.groupby("setting", sort=False).loss_network.nunique()
    said = [f"{setting}: {count} loss networks" for setting, count in counts.items()]
    if (rows.origin == "own").any() and (rows.origin != "own").any():
        said.append("filled: published; hollow: own")
    return said + remarks(frame[frame["score"].isin(set(rows["score"]))])


def _by_setting(chart: Any, rows: pd.DataFrame) -> Any:
    if rows.setting.nunique() == 1:
        return chart
    return chart.facet(row=alt.Row("setting:N", title=None)).resolve_scale(x="independent", y="independent")


def _fronts(rows: pd.DataFrame, attribute: str, up: bool) -> pd.Series:
    higher = bool(rows.higher_is_better.iloc[0])
    marks = [pareto_front(group, attribute, "value", up, higher) for _, group in rows.groupby("setting", sort=False)]
    joined: pd.Series = pd.concat(marks).reindex(rows.index)
    return joined


def _logarithmic(values: pd.Series, attribute: str) -> bool:
    return attribute in LOGARITHMIC and bool((values > 0).all())


def _jittered(rows: pd.DataFrame, order: list[str]) -> Any:
    """Marks beside each other, by backbone, so that none hides another."""
    place = rows.backbone.rank(method="dense") / (rows.backbone.nunique() + 1) - 0.5
    return (
        alt.Chart(rows.assign(place=place))
        .mark_point(size=SIZE * 0.7, opacity=1, strokeWidth=1.5)
        .encode(x=alt.X("point:N", sort=order), xOffset=alt.XOffset("place:Q", scale=alt.Scale(domain=[-0.75, 0.75])))
    )


def _filling() -> Any:
    """Published marks are filled, own ones hollow, so that print tells them apart."""
    return alt.condition("datum.origin == 'own'", alt.value(0), alt.value(1))


def _tooltip() -> list[alt.Tooltip]:
    fields = ("loss_network:N", "setting:N", "family:N", "weights:N", "value:Q", "low:Q", "high:Q", "n:Q", "source:N")
    return tooltips(fields)


def _line(rows: pd.DataFrame, x: Any, y: Any) -> Any:
    encoding: dict[str, Any] = {"x": x, "y": y}
    if "setting" in rows and "origin" in rows and "score" in rows:
        encoding["detail"] = "setting:N"
    return alt.Chart(rows).mark_line(color=MUTED, strokeDash=[5, 3], strokeWidth=1.2).encode(**encoding)


def _bars(rows: pd.DataFrame, x: Any) -> list[Any]:
    known = rows.dropna(subset=["low", "high"])
    if known.empty:
        return []
    y = alt.Y("low:Q", title=_title(rows), scale=alt.Scale(zero=False))
    return [alt.Chart(known).mark_rule(color=MUTED).encode(x=x, y=y, y2="high:Q")]


def _names(rows: pd.DataFrame, x: Any, y: Any, *, up: bool, field: str = "loss_network") -> Any:
    """The names of marks on a front, on the side of it where no marks can be."""
    side: dict[str, Any] = {"align": "left", "dx": 7} if up else {"align": "right", "dx": -7}
    text = alt.Chart(rows).mark_text(fontSize=10, color="#222222", limit=170, clip=False, dy=-7, **side)
    return text.encode(x=x, y=y, text=f"{field}:N")
