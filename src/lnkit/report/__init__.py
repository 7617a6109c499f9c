"""HTML reports and figures of measured and published scores. Reads records and tables, and needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.report.figures import (
        best_points as best_points,
        correlations as correlations,
        early_stopping as early_stopping,
        point_spread as point_spread,
        ranks as ranks,
        save_figure as save_figure,
        score_against as score_against,
        score_against_accuracy as score_against_accuracy,
        score_against_macs as score_against_macs,
        select_score as select_score,
    )
    from lnkit.report.page import build_report as build_report, write_report as write_report

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.report.figures": (
            "best_points",
            "correlations",
            "early_stopping",
            "point_spread",
            "ranks",
            "save_figure",
            "score_against",
            "score_against_accuracy",
            "score_against_macs",
            "select_score",
        ),
        "lnkit.report.page": ("build_report", "write_report"),
    },
)
