"""Judged triplets in a table beside a folder of images: an image that many triplets show is stored once.

``triplets.csv`` has a line for each triplet, with the columns ``ref``, ``p0`` and ``p1`` (files, or numbers of
images), ``judge`` (the fraction of people who found p1 closer), and, if known, ``votes`` (how many people) and
``family``. Numbers count from 0; see :mod:`lnkit.datasets.numbered_images`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from unicodedata import normalize

from lnkit._text_paths import text_paths
from lnkit.data.folders import same_name
from lnkit.datasets.numbered_images import find_numbered, require_images
from lnkit.datasets.text_tables import Line, read_table
from lnkit.errors import DataError

__all__ = [
    "FILES",
    "TABLE",
    "TableFamily",
    "read_triplet_table",
]

TABLE = "triplets.csv"
IMAGES = "images"  # folder of the images, beside the table; without it they lie beside the table themselves
FILES = ("ref", "p0", "p1")
FAMILY = "triplets"  # of all triplets where the table names no family
LONGEST_NUMBER = 10  # digits, one more than a number of an image has


@dataclass(frozen=True, slots=True)
class TableFamily:
    """The triplets of one family, in the order of the table."""

    name: str
    images: dict[str, tuple[str, ...]]  # column -> files, relative to the folder of the images
    judge: tuple[float, ...]  # fraction of people who found p1 closer
    votes: tuple[int, ...]  # people who judged each triplet; () if unknown


@text_paths
def read_triplet_table(root: Path) -> tuple[Path, list[TableFamily]]:
    """Read ``triplets.csv`` in ``root``.

    Returns:
        The folder of the images, and the families by name.

    Raises:
        DataError: The table lacks a column or has no line, a line cannot be understood, or an image is missing; or the
            numbers of the table, or of the images, begin at 1.
    """
    table = root / TABLE
    lines = read_table(table, (*FILES, "judge"))
    if not lines:
        raise DataError(f"{table} has no triplet: expected a line for each, below the names of the columns.")
    folder = root / IMAGES if (root / IMAGES).is_dir() else root
    names = dict.fromkeys(line.file(column) for line in lines for column in FILES)
    numbers = all(name.isascii() and name.isdecimal() and len(name) < LONGEST_NUMBER for name in names)
    by_number = numbers and not any((folder / name).is_file() for name in names)
    stored = _numbered(root, folder, names) if by_number else _stored_names(folder, names)
    families: dict[str, list[Line]] = {}
    for line in lines:
        families.setdefault(_family(line), []).append(line)
    return folder, [_read_family(name, families[name], stored) for name in sorted(families)]


def _numbered(root: Path, folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return {number in the table, as text: file}."""
    images = find_numbered(root, folder)
    numbers = {name: int(name) for name in names}
    require_images(sorted(set(numbers.values())), images, root / TABLE, folder)
    return {name: images[number] for name, number in numbers.items()}


def _stored_names(folder: Path, names: Iterable[str]) -> dict[str, str]:
    """Return {name in the table: name on disk}, which may store its characters in another way."""
    stored, missing = {}, []
    for name in names:
        candidates = (name, normalize("NFC", name), normalize("NFD", name))
        here = next((candidate for candidate in candidates if (folder / candidate).is_file()), None)
        if here is None:
            missing.append(name)
        else:
            stored[name] = here
    if missing:
        total = len(stored) + len(missing)
        raise DataError(
            f"{folder} has no image {missing[0]!r:.80} ({len(missing):,} of the {total:,} in {TABLE} are missing)."
        )
    return stored


def _family(line: Line) -> str:
    name = same_name(line.cells.get("family", FAMILY))
    if not name or "/" in name or not name.isprintable():
        raise DataError(f"{line.where}: expected a name without / as family, got {name!r:.80}.")
    return name


def _read_family(name: str, lines: Sequence[Line], stored: dict[str, str]) -> TableFamily:
    images = {column: tuple(stored[line.file(column)] for line in lines) for column in FILES}
    votes = tuple(_votes(line) for line in lines) if "votes" in lines[0].cells else ()
    return TableFamily(name, images, tuple(_share(line) for line in lines), votes)


def _share(line: Line) -> float:
    share = line.number("judge")
    if not 0 <= share <= 1:
        raise DataError(f"{line.where}: expected a fraction of people in [0, 1] as judge, got {share:g}.")
    return share


def _votes(line: Line) -> int:
    votes = line.number("votes")
    if votes < 1 or votes % 1 or votes > 2**31:
        raise DataError(f"{line.where}: expected a whole number of people as votes, got {votes:g}.")
    return int(votes)
