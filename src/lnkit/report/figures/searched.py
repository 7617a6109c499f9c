"""The candidates of a search: score on the items that confirm, against macs."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.score_rows import OWN
from lnkit.report.figures.captions import attribute_title, score_title
from lnkit.report.figures.scatter import Axis, ScatterStyle, scatter
from lnkit.report.figures.style import styled
from lnkit.search.evidence import front
from lnkit.search.point_search import SearchResult

MACS = "point_macs"
MOST_NAMED = 6  # candidates of the front: more names would hide the marks


def score_of_candidates(result: SearchResult) -> Any:
    """Draw each candidate of a search by its macs and its score on the items that confirm.

    The front is the one of the items that the choice was made on, so that its scores here are honest.

    Returns:
        An Altair chart.
    """
    judgments, candidates = result.measured.judgments, result.measured.candidates
    on_front = front(result)
    named = _named(on_front, result.scores[0])
    distances = list(dict.fromkeys(candidate.distance for candidate in candidates))
    several = len({candidate.backbone for candidate in candidates}) > 1
    rows = pd.DataFrame(
        {
            "x": [float(candidate.node.macs) for candidate in candidates],
            "y": result.scores[1],
            "low": float("nan"),
            "high": float("nan"),
            "origin": OWN,
            "name": [f"{c.backbone}:{c.node.name}" if several else c.node.name for c in candidates],
            "line": "front",
            "distance": [candidate.distance for candidate in candidates],
            "front": [index in on_front for index in range(len(candidates))],
            "named": [index in named for index in range(len(candidates))],
            "chosen_text": [f"{value:.4f}" for value in result.scores[0]],
            "value_text": [f"{value:.4f}" for value in result.scores[1]],
            "macs_text": [f"{candidate.node.macs:,}" for candidate in candidates],
        }
    )
    rows = rows[rows.x > 0]
    style = ScatterStyle(
        x=Axis(attribute_title(MACS, True), logarithmic=True),
        y=Axis(score_title(judgments.score, "on the items that confirm", True)),
        group="distance",
        order=distances,
        group_title="distance",
        tooltip=[
            alt.Tooltip(f"{column}:N", title=title)
            for column, title in {
                "name": "node",
                "distance": "distance",
                "value_text": "confirmed",
                "chosen_text": "chosen on",
                "macs_text": "macs",
            }.items()
        ],
        better="left",
    )
    names = ", ".join(result.plan.request.backbones)
    bench = result.plan.request.run.bench
    title = f"{result.plan.candidates} candidates of a search on {bench} with {names}, against {ATTRIBUTES[MACS]}"
    subtitle = [
        "Dashed: on the items that the choice was made on, no other candidate is both better and cheaper. "
        "The scores shown are those of other items."
    ]
    if result.plan.request.run.sample:
        subtitle.append("SAMPLE DATA: these scores show that everything runs, and say nothing about quality.")
    return styled(scatter(rows, style), title, subtitle)


def _named(on_front: list[int], scores: np.ndarray) -> set[int]:
    """Return the candidates of a front with the largest steps in score, the first and the last among them."""
    steps = {later: scores[later] - scores[earlier] for earlier, later in pairwise(on_front)}
    largest = sorted(steps, key=lambda index: -steps[index])[: MOST_NAMED - 2]
    return {on_front[0], on_front[-1], *largest}
