"""What became of each checkpoint of a run, as small files beside them, and as a table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import lnkit
from lnkit.data.atomic import atomic_write
from lnkit_earlystop.checkpoints import checkpoints_in

TABLE = "checkpoints.csv"
CLASS_ACCURACY = "class_accuracy.csv"
STANDARD = "ps_spatial"  # the score that decides which checkpoint is the best

Row = Mapping[str, float]


def keep_scores(checkpoint: Path, scores: Mapping[str, float]) -> None:
    """Keep what was measured of a checkpoint beside it."""
    with atomic_write(checkpoint.with_suffix(".json")) as draft:
        draft.write_text(json.dumps(dict(scores), indent=1), encoding="utf-8")


def kept_scores(checkpoint: Path) -> Row:
    """What was measured of a checkpoint; nothing if that is damaged, so that it is measured again."""
    try:
        content: Any = json.loads(checkpoint.with_suffix(".json").read_text(encoding="utf-8"))
        return {str(name): float(value) for name, value in content.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def rows_of(run: Path) -> list[Row]:
    """Step, epoch, top-1 in percent and what else is known of every checkpoint, by step.

    Raises:
        lnkit.WeightsError: a checkpoint is damaged.
    """
    return [
        {"step": facts.step, "epoch": facts.epoch, "top1": 100 * facts.top1, **kept_scores(file)}
        for file, facts in checkpoints_in(run)
    ]


def best_of(rows: Sequence[Row]) -> Row | None:
    """The early-stopped network: the checkpoint with the best perceptual score, the earliest of equals."""
    scored = [row for row in rows if STANDARD in row]
    return max(scored, key=lambda row: (row[STANDARD], -row["step"]), default=None)


def write_rows(rows: Sequence[Row], file: Path) -> None:
    """Write a table as CSV; what a row lacks stays empty."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    with atomic_write(file) as draft:
        draft.write_text(text.getvalue(), encoding="utf-8")


def write_class_accuracy(classes: Sequence[str], accuracy: Sequence[float], file: Path) -> None:
    """Write the top-1 of each class, the one that is told apart best first."""
    pairs = sorted(zip(classes, accuracy, strict=True), key=lambda pair: (-pair[1], pair[0]))
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([("class", "top1"), *((n, f"{100 * a:.4g}") for n, a in pairs)])
    with atomic_write(file) as draft:
        draft.write_text(text.getvalue(), encoding="utf-8")


def read_ranking(run: Path) -> tuple[str, ...]:
    """The classes in a run's ``class_accuracy.csv``, the one that is told apart best first.

    Raises:
        lnkit.UsageError: there is no such file, or it is another one.
    """
    file = run / CLASS_ACCURACY if run.is_dir() else run
    try:
        rows = list(csv.reader(file.read_text(encoding="utf-8").splitlines()))
    except (OSError, UnicodeDecodeError) as error:
        raise lnkit.UsageError(f"{file} cannot be read. Name a finished run, or its {CLASS_ACCURACY}.") from error
    if not rows or rows[0][:1] != ["class"]:
        raise lnkit.UsageError(f"{file} is no ranking of classes: a first column `class` is expected.")
    return tuple(row[0] for row in rows[1:] if row)
