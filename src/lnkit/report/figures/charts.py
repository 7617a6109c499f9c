"""All figures: each takes DataFrames of the analysis and returns an Altair chart."""

from __future__ import annotations

from lnkit.report.figures.accuracy import early_stopping
from lnkit.report.figures.against import score_against, score_against_accuracy, score_against_flops
from lnkit.report.figures.choosing import of_score
from lnkit.report.figures.matrix import best_points
from lnkit.report.figures.spread import point_spread
from lnkit.report.figures.tables import correlations, ranks

__all__ = [
    "best_points",
    "correlations",
    "early_stopping",
    "of_score",
    "point_spread",
    "ranks",
    "score_against",
    "score_against_accuracy",
    "score_against_flops",
]
