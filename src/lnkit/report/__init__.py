"""HTML reports and figures of measured and published scores. Reads records and tables, and needs no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.report.figures import best_points as best_points
    from lnkit.report.figures import correlations as correlations
    from lnkit.report.figures import early_stopping as early_stopping
    from lnkit.report.figures import point_spread as point_spread
    from lnkit.report.figures import ranks as ranks
    from lnkit.report.figures import save_figure as save_figure
    from lnkit.report.figures import score_against as score_against
    from lnkit.report.figures import score_against_accuracy as score_against_accuracy
    from lnkit.report.figures import score_against_macs as score_against_macs
    from lnkit.report.figures import select_score as select_score
    from lnkit.report.page import build_report as build_report
    from lnkit.report.page import write_report as write_report

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
