"""The figures, each one call: ``best_points(frame)`` and so on return an Altair chart, ``save`` writes it to a file."""

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
    )
    from lnkit.report.figures.saving import save

_HOMES = {
    **dict.fromkeys(
        ("best_points", "correlations", "early_stopping", "point_spread", "ranks", "score_against"),
        "lnkit.report.figures.charts",
    ),
    "save": "lnkit.report.figures.saving",
}

__all__ = ["best_points", "correlations", "early_stopping", "point_spread", "ranks", "save", "score_against"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'lnkit.report.figures' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only when a lazy name is touched

    value = globals()[name] = getattr(import_module(_HOMES[name]), name)
    return value
