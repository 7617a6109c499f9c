"""The log of a training: losses, learning rate and validations as CSV, and for TensorBoard if it is installed.

The columns are ``iteration,epoch,series,value``, one line per value. Losses are means over a window of iterations.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit.data.atomic import atomic_write
from lnkit.data.stored_files import read_text

if TYPE_CHECKING:
    import pandas as pd
    from torch.utils.tensorboard import SummaryWriter

TENSORBOARD = "tensorboard"  # folder of its event files
COLUMNS = ("iteration", "epoch", "series", "value")
MAX_WINDOWS = 1000  # lines of one series: enough for a curve, in a file of a few dozen kB
LEARNING_RATE = "learning rate"
VALIDATION = "validation "  # prefix of the names of validated values

Row = tuple[int, float, str, float]


class TrainingLog:
    """Appends values to the file, and can return to the state of a checkpoint."""

    def __init__(self, folder: Path, iterations: int, iterations_per_epoch: int) -> None:
        self.file = folder / "log.csv"
        self._tensorboard_folder = folder / TENSORBOARD
        self._window = -(-iterations // MAX_WINDOWS)
        self._per_epoch = iterations_per_epoch
        self._sums: dict[str, float] = {}  # of the current window
        self._count = 0
        self._writer: SummaryWriter | None = None

    def state(self) -> dict[str, Any]:
        """Return the values of the current window, which are not in the file yet."""
        return {"sums": self._sums, "count": self._count}

    def restore(self, state: Mapping[str, Any], iteration: int) -> None:
        """Return to the state after ``iteration``: remove later lines from the file."""
        self._sums, self._count = dict(state["sums"]), int(state["count"])
        rows = [row for row in _read(self.file) if int(row[0]) <= iteration]
        with atomic_write(self.file) as tmp, tmp.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([COLUMNS, *rows])
        self._writer = _open_tensorboard(self._tensorboard_folder, iteration)

    def begin(self) -> None:
        """Start an empty log."""
        self.restore({"sums": {}, "count": 0}, 0)

    def add(self, iteration: int, losses: Mapping[str, float], learning_rate: float) -> None:
        """Add the losses of an iteration, counted from 1."""
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._count += 1
        if iteration % self._window == 0:
            means = {name: value / self._count for name, value in self._sums.items()}
            self._write(iteration, {**means, LEARNING_RATE: learning_rate})
            self._sums, self._count = {}, 0

    def add_validation(self, iteration: int, values: Mapping[str, float]) -> None:
        self._write(iteration, {f"{VALIDATION}{name}": value for name, value in values.items()})

    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()

    def _write(self, iteration: int, values: Mapping[str, float]) -> None:
        epoch = round(iteration / self._per_epoch, 4)
        with self.file.open("a", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows((iteration, epoch, series, repr(value)) for series, value in values.items())
        if self._writer is not None:
            for series, value in values.items():
                self._writer.add_scalar(series, value, iteration)


def read_log(file: Path) -> pd.DataFrame:
    """Return the log as a table with the columns iteration, epoch, series and value."""
    import pandas as pd  # noqa: PLC0415 - only to draw

    frame = pd.DataFrame(list(_read(file)), columns=list(COLUMNS))
    return frame.astype({"iteration": np.int64, "epoch": np.float64, "value": np.float64})


def _read(file: Path) -> Iterator[list[str]]:
    """Yield the lines of the file, except its titles and lines that are truncated or damaged."""
    if file.exists():
        rows = csv.reader(read_text(file).splitlines())
        with suppress(csv.Error):  # a field without an end: nothing more can be read
            yield from filter(_is_complete, rows)


def _is_complete(row: list[str]) -> bool:
    if len(row) != len(COLUMNS) or not re.fullmatch("[0-9]{1,18}", row[0]):
        return False
    try:
        return all(isinstance(float(number), float) for number in (row[1], row[-1]))
    except ValueError:
        return False


def _open_tensorboard(folder: Path, iteration: int) -> SummaryWriter | None:
    """Return a writer for TensorBoard that discards events after ``iteration``; None if it is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter  # noqa: PLC0415 - an optional package
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=iteration + 1)
