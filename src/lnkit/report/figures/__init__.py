"""Figures, each one call: ``best_points(frame)`` and so on return an Altair chart, ``save_figure`` writes it to a file.

Altair is imported when the first of these names is used. Where it is not installed, importing this package raises a
UsageError that says how to install it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit import extras
from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.report.figures.accuracy import early_stopping as early_stopping
    from lnkit.report.figures.against import (
        score_against as score_against,
        score_against_accuracy as score_against_accuracy,
        score_against_macs as score_against_macs,
    )
    from lnkit.report.figures.files import save_figure as save_figure
    from lnkit.report.figures.matrix import best_points as best_points
    from lnkit.report.figures.selection import select_score as select_score
    from lnkit.report.figures.spread import point_spread as point_spread
    from lnkit.report.figures.tables import correlations as correlations, ranks as ranks

extras.require("A figure", "plot", extras.PLOT)

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.report.figures.accuracy": ("early_stopping",),
        "lnkit.report.figures.against": ("score_against", "score_against_accuracy", "score_against_macs"),
        "lnkit.report.figures.selection": ("select_score",),
        "lnkit.report.figures.matrix": ("best_points",),
        "lnkit.report.figures.files": ("save_figure",),
        "lnkit.report.figures.spread": ("point_spread",),
        "lnkit.report.figures.tables": ("correlations", "ranks"),
    },
)
