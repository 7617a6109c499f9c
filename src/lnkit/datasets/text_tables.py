"""Text files with judgments in them, read so that a fault is named by file and line."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from lnkit.errors import DataError


class Line(NamedTuple):
    """A line of a table, and where it stands."""

    where: str  # "/data/nights/data.csv, line 2"
    cells: dict[str, str]  # column -> text

    def number(self, column: str) -> float:
        """The number in ``column``; raises DataError if there is none."""
        return read_number(self.cells[column], f"{self.where}, column {column}")


def read_table(path: Path, columns: Sequence[str]) -> list[Line]:
    """Read a CSV file with a header that has at least ``columns``, in any order.

    Raises:
        DataError: The file is missing or no text, lacks a column, or has a line with fewer cells than the header.
    """
    header, *rows = read_rows(path) or [[]]
    names = [name.strip() for name in header]
    missing = [column for column in columns if column not in names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}; its first line holds {', '.join(names) or 'nothing'}. "
            f"The columns {', '.join(columns)} are expected."
        )
    lines = []
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise DataError(f"{path}, line {number} has {len(row)} cells, and the header has {len(names)}.")
        lines.append(Line(f"{path}, line {number}", dict(zip(names, (cell.strip() for cell in row), strict=True))))
    return lines


def read_rows(path: Path) -> list[list[str]]:
    """The cells of a CSV file, row by row; empty lines are passed over.

    Raises:
        DataError: The file is missing, or no text.
    """
    return [row for row in csv.reader(read_text(path).splitlines()) if row]


def read_text(path: Path) -> str:
    """The text of a file, in UTF-8 with or without a byte order mark."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise DataError(f"{path} cannot be read: {reason}.") from error


def read_number(text: str, where: str) -> float:
    """A finite number; raises DataError that says ``where`` there is none."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise DataError(f"{where}: a number is expected, and {text!r} is there.")
    return value
