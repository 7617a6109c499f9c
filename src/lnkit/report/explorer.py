"""The figure of a report: readers choose its benchmark, score, axis and data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.fronts import WANTED
from lnkit.analysis.published.tables import FLAGS
from lnkit.analysis.score_rows import OWN
from lnkit.report.figures.against import LOGARITHMIC
from lnkit.report.figures.captions import TOOLTIPS, attribute_title, caveats, score_title, tooltips, with_tooltip_text
from lnkit.report.figures.files import to_data
from lnkit.report.figures.selection import published_first
from lnkit.report.figures.spread import MIN_BOXED
from lnkit.report.figures.style import SIZE, groups, points_in_order
from lnkit.report.markup import Figure
from lnkit.report.notes import in_doubt

FIELDS = ("benchmark", "score", "backbone", "point", "family", "value", "low", "high", "comparable")  # and TOOLTIPS


def explorer(frame: pd.DataFrame, attributes: pd.DataFrame, views: Mapping[str, dict[str, Any]]) -> Figure:
    """Return the figure of all scores, which ``explorer.js`` draws.

    Args:
        frame: of measurements.
        attributes: of the loss networks.
        views: other figures to choose: title -> Vega-Lite.
    """
    rows = with_tooltip_text(frame.dropna(subset="value"))
    rows = rows.sort_values(["family", "backbone"], kind="stable")
    shown = rows[list(dict.fromkeys((*FIELDS, *TOOLTIPS)))]
    axes = {name: _axis(name) for name in ATTRIBUTES if attributes[name].notna().any()}
    data = {
        "rows": shown.astype(object).where(shown.notna(), None).to_dict("records"),
        "attributes": {name: dict(attributes[name].dropna()) for name in axes},
        "axes": axes,
        "scores": [_score(part) for _, part in rows.groupby(["benchmark", "score"], sort=False)],
        "settings": published_first(rows.setting),
        "points": points_in_order(list(rows.point.unique())),
        "boxed": MIN_BOXED,
        "looks": {
            "point": _looks("point", points_in_order(list(rows.point.unique()))),
            "family": _looks("family", sorted(rows.family.unique())),
        },
        "tooltips": [tip.to_dict() for tip in tooltips()],
        "views": dict(views),
    }
    return Figure("explorer", to_data(data), script="explorer.js")


def _axis(name: str) -> dict[str, Any]:
    logarithmic = name in LOGARITHMIC
    return {"title": attribute_title(name), "log": logarithmic, "flag": name in FLAGS, "more": name in WANTED}


def _score(rows: pd.DataFrame) -> dict[str, Any]:
    first = rows.iloc[0]
    higher = bool(first.higher_is_better)
    return {
        "benchmark": first.benchmark,
        "score": first["score"],
        "title": score_title(first["score"], first.unit, higher),
        "higher": higher,
        "caveats": {
            origin: caveats(part)
            for origin, part in (("own", rows[rows.origin == OWN]), ("published", rows[rows.origin != OWN]))
        },
        "doubt": any(map(in_doubt, rows.caveat)),
    }


def _looks(field: str, names: list[str]) -> dict[str, Any]:
    return {channel: encoding.to_dict() for channel, encoding in groups(field, names, field, SIZE).items()}
