"""The figures, each one call: ``best_points(frame)`` and so on return an Altair chart, ``save`` writes it to a file.

Altair is imported when one is touched.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lnkit.report.figures.charts import (
        best_points,
        correlations,
        early_stopping,
        point_spread,
        ranks,
        score_against,
        score_against_accuracy,
        score_against_flops,
    )
    from lnkit.report.figures.saving import save

__all__ = [
    "best_points",
    "correlations",
    "early_stopping",
    "point_spread",
    "ranks",
    "save",
    "score_against",
    "score_against_accuracy",
    "score_against_flops",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'lnkit.report.figures' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when a lazy name is touched

    home = "saving" if name == "save" else "charts"
    value = globals()[name] = getattr(import_module(f"lnkit.report.figures.{home}"), name)
    return value
