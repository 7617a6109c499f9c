"""Distances of a run that has not ended, in a file beside its table: the same run again goes on from there."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any

from lnkit._version import __version__
from lnkit.data.atomic import atomic_write_text
from lnkit.data.stored_files import LARGEST, parse_json, read_bytes
from lnkit.errors import DataError, LnkitError
from lnkit.pairs.find import ImagePair


class UnfinishedTable:
    """The distances that are known so far, one JSON line each; a line that a kill cut off is ignored."""

    def __init__(self, table: Path, key: str) -> None:
        """Read what an earlier run left, if it measured the same.

        Args:
            table: The file that the run will write.
            key: Everything but the images that determines the distances.

        Raises:
            LnkitError: The folder of the table cannot be written to.
        """
        self.path = table.with_name(f"{table.name}.parts")
        self.distances: dict[str, float] = {}
        lines = self._lines()
        if lines[:1] == [{"key": key}]:
            self.distances = {row["pair"]: row["distance"] for row in lines[1:] if _is_distance(row)}
        rows = [{"pair": pair, "distance": distance} for pair, distance in self.distances.items()]
        try:
            atomic_write_text(self.path, "".join(f"{json.dumps(row)}\n" for row in [{"key": key}, *rows]))
        except OSError as error:
            raise LnkitError(f"Cannot write {self.path} ({error.strerror}). Name another table with --csv.") from error

    def add(self, pairs: Iterable[tuple[ImagePair, float]]) -> None:
        """Store distances; they survive a kill."""
        rows = {pair_key(pair): distance for pair, distance in pairs}
        self.distances |= rows
        with self.path.open("a", encoding="utf-8") as file:
            file.write("".join(f"{json.dumps({'pair': name, 'distance': value})}\n" for name, value in rows.items()))

    def remove(self) -> None:
        """Remove the file: the table is complete."""
        self.path.unlink(missing_ok=True)

    def _lines(self) -> list[dict[str, Any]]:
        try:
            text = read_bytes(self.path, LARGEST).decode()
        except (DataError, UnicodeDecodeError):
            return []
        rows = []
        for line in text.splitlines():
            with suppress(DataError):  # cut off
                rows.append(parse_json(line, str(self.path)))
        return rows


def _is_distance(row: dict[str, Any]) -> bool:
    distance = row.get("distance")
    return isinstance(row.get("pair"), str) and isinstance(distance, float) and isfinite(distance)


def open_unfinished(table: Path | None, identity: Sequence[str]) -> UnfinishedTable | None:
    """Open what an earlier run left of a table, or begin; None without a table, or if it is a stream.

    Args:
        table: The file of the table.
        identity: Texts that determine the distances: the loss, the hash of its weights, and so on.
    """
    if table is None or (table.exists() and not table.is_file()):
        return None
    return UnfinishedTable(table, json.dumps([__version__, *identity]))


def pair_key(pair: ImagePair) -> str:
    """Return the names, sizes and times of the files of a pair: a changed image is measured again."""
    files = [(str(path), path.stat()) for path in (pair.first, pair.second)]
    return json.dumps([[name, stat.st_size, stat.st_mtime_ns] for name, stat in files])
