"""The result of a sweep: a row for each value, and the best value."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lnkit_earlystop.history import STANDARD, Row, best_row, checkpoint_rows

TABLE, FIGURE = "sweep.csv", "accuracy_ps.png"


def summarize(folders: Mapping[str, Path]) -> tuple[dict[str, list[Row]], list[dict[str, Any]]]:
    """Return the checkpoints of every value, and a row for each value with its best and its last checkpoint.

    The best checkpoint is chosen on the same judgments as its score is reported on, as in Kumar2022. With many
    checkpoints the reported score is therefore slightly too high.
    """
    runs = {value: checkpoint_rows(folder) for value, folder in folders.items()}
    return runs, [_row(value, rows) for value, rows in runs.items() if rows]


def optimum(table: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row with the best perceptual score, the first of equals; None without scores."""
    scored = [row for row in table if row.get("best_ps") is not None]
    return max(scored, key=lambda row: row["best_ps"], default=None)


def _row(value: str, rows: list[Row]) -> dict[str, Any]:
    best, last = best_row(rows), rows[-1]
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
