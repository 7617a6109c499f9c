"""Text files of judgments; errors name file and line."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterable, Sequence
from io import StringIO
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from lnkit._text_paths import text_paths
from lnkit.data import stored_files
from lnkit.errors import DataError

__all__ = [
    "Line",
    "Row",
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

    def file(self, column: str) -> str:
        """Return the file in ``column``, relative and with ``/``; raises DataError if it leads out of its folder."""
        path = PurePosixPath(self.cells[column])
        if path.is_absolute() or ".." in path.parts or not path.parts or not str(path).isprintable():
            raise DataError(f"{self.where}: expected a file in this folder as {column}, got {str(path)!r:.80}.")
        return path.as_posix()


class Row(NamedTuple):
    """A row of a CSV file."""

    where: str  # "/data/similarity.csv, line 2"
    cells: list[str]


@text_paths
def read_table(path: Path, columns: Sequence[str]) -> list[Line]:
    """Read a CSV file whose header has at least ``columns``, in any order.

    Raises:
        DataError: The file is missing or no text, lacks a column, or has a line of another length than the header.
    """
    header, *rows = read_rows(path) or [Row(str(path), [])]
    names = [name.strip() for name in header.cells]
    missing = [column for column in columns if column not in names]
    if missing:
        raise DataError(
            f"{path} has no column {', '.join(missing)}. Expected the columns {', '.join(columns)} in its first line, "
            f"got {', '.join(names) or 'nothing'}."
        )
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DataError(f"{path} has two columns {twice!r:.80}. Remove or rename one of them.")
    lines = []
    for row in rows:
        if len(row.cells) != len(names):
            raise DataError(f"{row.where} has {len(row.cells)} cells, and the header has {len(names)}.")
        lines.append(Line(row.where, dict(zip(names, (cell.strip() for cell in row.cells), strict=True))))
    return lines


@text_paths
def read_rows(path: Path) -> list[Row]:
    """Read the cells of a CSV file, row by row, without empty lines.

    Raises:
        DataError: The file is missing, no text, or has no commas between its cells, or quotes that do not close.
    """
    reader = csv.reader(StringIO(read_text(path), newline=""), strict=True)
    rows = []
    try:
        for cells in reader:
            if cells:
                rows.append(Row(f"{path}, line {reader.line_num}", cells))
    except csv.Error as error:
        raise DataError(f"{path}, line {reader.line_num}: {error}.") from error
    if rows and len(rows[0].cells) == 1 and any(separator in rows[0].cells[0] for separator in ";\t|"):
        raise DataError(f"{rows[0].where}: expected commas between the cells, got {rows[0].cells[0]!r:.80}.")
    return rows


@text_paths
def read_text(path: Path) -> str:
    """Read a file in UTF-8, with or without a byte order mark; line ends become line feeds.

    Raises:
        DataError: It is missing, unreadable, or no such text.
    """
    text = stored_files.read_text(path, stored_files.LARGEST)
    if "\0" in text:
        raise DataError(f"{path} is no text in UTF-8: it holds the character 0. Save it again as UTF-8.")
    return text


def read_number(text: str, where: str) -> float:
    """Read a finite number; raises DataError, which begins with ``where``, if there is none."""
    try:
        value = float(text) if "_" not in text else float("nan")  # Python takes 1_0 for 10
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise DataError(f"{where}: expected a number, got {text!r:.80}.")
    return value


def text_sha256(lines: Iterable[str]) -> str:
    """Return the SHA-256 of lines, as ``sha256sum`` prints it for a file of them."""
    return hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
