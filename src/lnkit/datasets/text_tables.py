"""Text files of judgments; errors name file and line."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from math import isfinite
from pathlib import Path
from typing import NamedTuple

from lnkit._text_paths import text_paths
from lnkit.errors import DataError

__all__ = [
    "Line",
    "read_number",
    "read_rows",
    "read_table",
    "read_text",
    "text_sha256",
]


class Line(NamedTuple):
    """A line of a table."""

    where: str  # "/data/nights/data.csv, line 2"
    cells: dict[str, str]  # column -> text

    def number(self, column: str) -> float:
        """Return the number in ``column``; raises DataError if there is none."""
        return read_number(self.cells[column], f"{self.where}, column {column}")


@text_paths
def read_table(path: Path, columns: Sequence[str]) -> list[Line]:
    """Read a CSV file whose header has at least ``columns``, in any order.

    Raises:
        DataError: The file is missing or no text, lacks a column, or has a line of another length than the header.
    """
    header, *rows = read_rows(path) or [[]]
    names = [name.strip() for name in header]
    missing = [column for column in columns if column not in names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}. Expected the columns {', '.join(columns)} in its first line, "
            f"got {', '.join(names) or 'nothing'}."
        )
    lines = []
    for number, row in enumerate(rows, start=2):
        if len(row) != len(names):
            raise DataError(f"{path}, line {number} has {len(row)} cells, and the header has {len(names)}.")
        lines.append(Line(f"{path}, line {number}", dict(zip(names, (cell.strip() for cell in row), strict=True))))
    return lines


@text_paths
def read_rows(path: Path) -> list[list[str]]:
    """Read the cells of a CSV file, row by row, without empty lines.

    Raises:
        DataError: The file is missing, or no text.
    """
    return [row for row in csv.reader(read_text(path).splitlines()) if row]


@text_paths
def read_text(path: Path) -> str:
    """Read a file in UTF-8, with or without a byte order mark; raises DataError if that fails."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text in UTF-8"
        raise DataError(f"{path} cannot be read: {reason}.") from error


def read_number(text: str, where: str) -> float:
    """Read a finite number; raises DataError, which begins with ``where``, if there is none."""
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise DataError(f"{where}: expected a number, got {text!r:.80}.")
    return value


def text_sha256(lines: Iterable[str]) -> str:
    """Return the SHA-256 of lines, as ``sha256sum`` prints it for a file of them."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
