"""Scores of the checkpoints of a run, in a small file beside each and as a table."""

from __future__ import annotations

import csv
import json
import logging
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lnkit
from lnkit.data import atomic_write, read_json, read_text
from lnkit.escapes import csv_cell, csv_text
from lnkit_earlystop.checkpoints import checkpoints_in

TABLE = "checkpoints.csv"
CLASS_ACCURACY = "class_accuracy.csv"
STANDARD = "ps_spatial"  # the score by which the best checkpoint is chosen

Row = Mapping[str, float]

_log = logging.getLogger("lnkit")


def write_scores(checkpoint: Path, scores: Mapping[str, float]) -> None:
    """Write the scores of a checkpoint beside it."""
    with atomic_write(checkpoint.with_suffix(".json")) as tmp:
        finite = {name: value for name, value in scores.items() if math.isfinite(value)}  # NaN is no JSON
        tmp.write_text(json.dumps(finite, indent=1), encoding="utf-8")


def read_scores(checkpoint: Path) -> Row:
    """Read the scores of a checkpoint; none if they are missing or damaged, so that it is scored again."""
    file = checkpoint.with_suffix(".json")
    if not file.exists():
        return {}
    try:
        scores = _finite(read_json(file), file)
    except lnkit.DataError as error:
        _log.warning("%s The checkpoint counts as not scored; `lnkit earlystop score` scores it again.", error)
        return {}
    return scores


def _finite(content: Mapping[str, Any], file: Path) -> Row:
    try:
        scores = {name: float(value) for name, value in content.items()}
    except (ValueError, TypeError, OverflowError):
        scores = {"": math.nan}
    if not all(map(math.isfinite, scores.values())):
        raise lnkit.DataError(f"{file} is damaged: expected finite numbers.")
    return scores


def checkpoint_rows(run: Path) -> list[Row]:
    """Return step, epoch, top-1 in percent and scores of every checkpoint, by step.

    Raises:
        lnkit.WeightsError: a checkpoint is damaged.
    """
    return [
        {"step": header.step, "epoch": header.epoch, "top1": 100 * header.top1, **read_scores(file)}
        for file, header in checkpoints_in(run)
    ]


def best_row(rows: Sequence[Row]) -> Row | None:
    """Return the row with the best perceptual score, the earliest of equals; None without scores."""
    scored = [row for row in rows if STANDARD in row]
    return max(scored, key=lambda row: (row[STANDARD], -row["step"]), default=None)


def write_rows(rows: Sequence[Mapping[str, Any]], file: Path) -> None:
    """Write a table as CSV; missing values stay empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    with atomic_write(file) as tmp, tmp.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(
            {name: csv_cell(value) if isinstance(value, str) else value for name, value in row.items()} for row in rows
        )


def write_class_accuracy(classes: Sequence[str], accuracy: Sequence[float], file: Path) -> None:
    """Write the top-1 of each class in percent, the highest first.

    Args:
        classes: names.
        accuracy: top-1 of each class, a fraction.
        file: to write.
    """
    pairs = sorted(zip(classes, accuracy, strict=True), key=lambda pair: (-pair[1], pair[0]))
    write_rows([{"class": name, "top1": f"{100 * top1:.4g}"} for name, top1 in pairs], file)


def read_ranking(run: Path) -> tuple[str, ...]:
    """Read the classes in a run's ``class_accuracy.csv``, by falling accuracy.

    Raises:
        lnkit.UsageError: the file is missing, or it is no such table.
    """
    file = run / CLASS_ACCURACY if run.is_dir() else run
    try:
        rows = list(csv.reader(read_text(file).splitlines()))
    except (lnkit.DataError, csv.Error) as error:
        raise lnkit.UsageError(
            f"{file} cannot be read ({error}). Name a finished run, or its {CLASS_ACCURACY}."
        ) from error
    if not rows or rows[0][:1] != ["class"]:
        raise lnkit.UsageError(
            f"Expected a table with a first column `class`, got {file}. Name the {CLASS_ACCURACY} of a run."
        )
    return tuple(csv_text(row[0]) for row in rows[1:] if row)
