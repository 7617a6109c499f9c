"""What a sweep found: a row for each value, the optimum, and the scatter plot of all checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lnkit_earlystop.history import STANDARD, Row, best_of, rows_of

TABLE, PICTURE = "sweep.csv", "accuracy_ps.png"


def summarize(folders: Mapping[str, Path]) -> tuple[dict[str, list[Row]], list[dict[str, Any]]]:
    """The checkpoints of every value, and a row for each value with its best and its last one.

    The best is chosen by the perceptual score on the very judgments that it is stated for, as K does; with many
    checkpoints it is a little too good.
    """
    runs = {value: rows_of(folder) for value, folder in folders.items()}
    return runs, [_row(value, rows) for value, rows in runs.items() if rows]


def optimum(table: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The value with the best perceptual score, the first of equals."""
    scored = [row for row in table if row.get("best_ps") is not None]
    return max(scored, key=lambda row: row["best_ps"], default=None)


def _row(value: str, rows: list[Row]) -> dict[str, Any]:
    best, last = best_of(rows), rows[-1]
    return {
        "value": value,
        "best_ps": best[STANDARD] if best else None,
        "at_step": int(best["step"]) if best else None,
        "at_epoch": best["epoch"] if best else None,
        "its_top1": best["top1"] if best else None,
        "last_ps": last.get(STANDARD),
        "last_top1": last["top1"],
        "best_top1": max(row["top1"] for row in rows),
    }
