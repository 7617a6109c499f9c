"""The result of a sweep: the checkpoints of every value, a row for each value, and the best value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import sqrt
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from lnkit_earlystop.history import STANDARD, Row, best_row, checkpoint_rows

TABLE, SCATTER, FIGURE = "sweep.csv", "accuracy_ps.png", "hyperparameter.png"
ERROR = "_se"  # after the name of a mean: its standard error

Runs = Mapping[str, Sequence[Sequence[Row]]]  # value -> checkpoints of each of its trainings


def read_runs(folders: Mapping[str, Sequence[Path]]) -> dict[str, list[list[Row]]]:
    """Return the checkpoints of every training of every value; a training without checkpoints is left out."""
    return {value: [rows for rows in map(checkpoint_rows, runs) if rows] for value, runs in folders.items()}


def summarize(runs: Runs) -> list[dict[str, Any]]:
    """Return a row for each value with its best and its last checkpoint.

    The best checkpoint is chosen on the same judgments as its score is reported on, as in Kumar2022. With many
    checkpoints the reported score is therefore slightly too high.

    Returns:
        The value, and of one training its figures. Of several (Kumar2022, Fig. 4): their number, and of every figure
        the mean over them and its standard error, ``best_ps`` and ``best_ps_se``.
    """
    return [_row(value, trainings) for value, trainings in runs.items() if trainings]


def mean_checkpoints(runs: Runs) -> dict[str, list[dict[str, float]]]:
    """Return for each value a row for each step, with means and standard errors over the trainings of that value."""
    return {value: _mean_rows(trainings) for value, trainings in runs.items()}


def optimum(table: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row with the best perceptual score, the first of equals; None without scores."""
    scored = [row for row in table if row.get("best_ps") is not None]
    return max(scored, key=lambda row: row["best_ps"], default=None)


def mean_and_error(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of two values or more, and its standard error."""
    return fmean(values), stdev(values) / sqrt(len(values))


def _row(value: str, trainings: Sequence[Sequence[Row]]) -> dict[str, Any]:
    figures = [_figures(rows) for rows in trainings]
    if len(figures) == 1:
        return {"value": value, **figures[0]}
    row: dict[str, Any] = {"value": value, "trainings": len(figures)}
    for name in figures[0]:
        known = [one[name] for one in figures if one[name] is not None]
        row[name], row[name + ERROR] = mean_and_error(known) if len(known) > 1 else (known[0] if known else None, None)
    return row


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    best, last = best_row(rows), rows[-1]
    return {
        "best_ps": best[STANDARD] if best else None,
        "at_step": int(best["step"]) if best else None,
        "at_epoch": best["epoch"] if best else None,
        "its_top1": best["top1"] if best else None,
        "last_ps": last.get(STANDARD),
        "last_top1": last["top1"],
        "best_top1": max(row["top1"] for row in rows),
    }


def _mean_rows(trainings: Sequence[Sequence[Row]]) -> list[dict[str, float]]:
    by_step: dict[float, list[Row]] = {}
    for row in (row for rows in trainings for row in rows):
        by_step.setdefault(row["step"], []).append(row)
    means = []
    for step, rows in sorted(by_step.items()):
        mean = {"step": step, "epoch": rows[0]["epoch"]}
        for name in ("top1", STANDARD):
            values = [row[name] for row in rows if name in row]
            if len(values) > 1:
                mean[name], mean[name + ERROR] = mean_and_error(values)
            elif values:
                mean[name] = values[0]
        means.append(mean)
    return means
