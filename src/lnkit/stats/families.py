"""Scores of families of items, and their unweighted mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from lnkit.benchmark import Score
from lnkit.stats.intervals import Estimate, weighted_mean


class FamilyScore(NamedTuple):
    """A score of one family, with the estimate that means of families need."""

    score: Score
    estimate: Estimate


def mean_of_families(families: Iterable[FamilyScore]) -> Score:
    """Return the unweighted mean, with its interval and the ceilings that all families have.

    References:
        Zhang2018, Pihlgren2023 and Kumar2022 state scores of BAPPS in this way.
    """
    families = list(families)
    scores = [family.score for family in families]
    shared = set.intersection(*(set(score.ceilings) for score in scores))
    weights = [1 / len(families)] * len(families)
    return Score(
        value=float(np.mean([score.value for score in scores])),
        n=sum(score.n for score in scores),
        interval=weighted_mean([family.estimate for family in families], weights).interval(),
        ceilings={key: float(np.mean([score.ceilings[key] for score in scores])) for key in sorted(shared)},
        aggregation=f"mean of {len(families)} {'family' if len(families) == 1 else 'families'}",
    )
