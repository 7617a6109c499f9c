"""Odd-one-out judgments in the layouts of THINGS (Hebart et al. 2020, 2023): triplets of images named by number.

Text files have three numbers a line, from 0, and **the last one is the odd one out**. The table of all judgments is
separated by tabs, has ``image1`` to ``image3``, from 1, and ``choice`` says which of the three is the odd one out.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data import describe_folder, open_regular
from lnkit.datasets.numbered_images import find_numbered, require_images
from lnkit.errors import DataError

__all__ = [
    "NEWER",
    "OddOneOut",
    "read_odd_one_out",
]

NEWER = (  # of the data of 2023, whose noise ceiling is about 67.8 %
    "trainset",
    "validationset",
    "testset1",
    "testset2",
    "testset2_repeat",
    "testset3",
    "triplets_large_final_correctednc_correctedorder",
)
INNER = ("", "data", "triplet_dataset", "data/triplet_dataset")  # folders of the triplets in copies of the data
NO_TRIPLETS = {"names", "README"}  # text files beside them
IMAGES = "images"  # folder of the images; without it they lie beside the triplets
COLUMNS = ("image1", "image2", "image3", "choice")
MOST_IMAGES = 100_000  # a larger number is no number of an image
EXPECTED = (
    "Expected a file such as data1854_batch5_test10.txt (three numbers a line, from 0, the odd one out last) or "
    "triplets_large_final_correctednc_correctedorder.csv, and a folder images with 0.png, 1.png and so on."
)


@text_paths
@dataclass(frozen=True, slots=True)
class OddOneOut:
    """Triplets of images, and which of the three people found the odd one out."""

    table: Path
    folder: Path  # of the images
    images: tuple[str, ...]  # files in it that the triplets show
    numbers: NDArray[np.int64]  # (I,), their numbers in the table, ascending
    triplets: NDArray[np.int64]  # (N, 3), rows of ``images``; the last one is the odd one out


@text_paths
def read_odd_one_out(root: Path, name: str, *, below: int = 0) -> OddOneOut:
    """Read the triplets called ``name`` and find their images.

    Args:
        root: The folder of the data.
        name: Of the file, without ``.txt`` or ``.csv``: "validationset".
        below: Take only triplets of images with smaller numbers; 0 takes all.

    Raises:
        DataError: The file is missing or empty, a line is no triplet, or an image is missing.
    """
    table = _find(root, name)
    triplets = _read_csv(table) if table.suffix == ".csv" else _read_text(table)
    same = (triplets == np.roll(triplets, 1, axis=1)).any(axis=1)
    if same.any():
        row = int(same.argmax())
        shown = " ".join(map(str, triplets[row].tolist()))
        raise DataError(f"{table}: triplet {row + 1} ({shown}) has an image twice. Expected three different images.")
    folder = root / IMAGES if (root / IMAGES).is_dir() else table.parent
    images = find_numbered(root if (root / IMAGES).is_dir() else table.parent, folder)
    require_images(np.unique(triplets).tolist(), images, table, folder)
    chosen = triplets[(triplets < below).all(axis=1)] if below else triplets
    if not len(chosen):
        raise DataError(f"{table} has no triplet of the first {below:,} images. Take more of them.")
    numbers, rows = np.unique(chosen, return_inverse=True)
    names = tuple(images[number] for number in numbers.tolist())
    return OddOneOut(table, folder, names, numbers, rows.reshape(chosen.shape))


def _find(root: Path, name: str) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    if not name or "/" in name or not name.isprintable():
        raise DataError(f"Expected the name of a file of triplets, such as validationset, got {name!r:.80}.")
    paths = [root / inner / f"{name}{suffix}" for inner in INNER for suffix in (".txt", ".csv")]
    found = [path for path in paths if path.is_file()]
    if len(found) > 1:
        raise DataError(f"{root} has {name} twice, as {found[0]} and {found[1]}. Remove one of them.")
    if not found:
        others = sorted({path.stem for inner in INNER for path in (root / inner).glob("*.[tc][xs][tv]")} - NO_TRIPLETS)
        named = ", ".join(ascii(other)[1:-1] for other in others[:8])
        hint = f"It has {named}: choose one with --set triplets=NAME. " if others else ""
        raise DataError(f"{root} has no {name}.txt or {name}.csv in it. {hint}{EXPECTED} {describe_folder(root)}")
    return found[0]


def _read_text(table: Path) -> NDArray[np.int64]:
    """Read three numbers from each line; numbers may be written as 12 or as 1.2e+01."""
    if table.stat().st_size == 0 or not any(_lines(table)):
        raise DataError(f"{table} is empty. {EXPECTED}")
    try:
        with open_regular(table) as file:
            values = np.loadtxt(file, dtype=np.float64, ndmin=2, comments=None)
    except (ValueError, UnicodeDecodeError):
        values = np.empty((0, 0))
    if values.shape[1] != 3 or not _is_number(values).all():
        raise _fault(table)
    return values.astype(np.int64)


def _is_number(values: NDArray[Any]) -> NDArray[np.bool_]:
    valid: NDArray[np.bool_] = (values >= 0) & (values < MOST_IMAGES) & (np.mod(values, 1) == 0)
    return valid


def _lines(table: Path) -> Iterator[str]:
    with open_regular(table) as file:
        for line in file:
            yield line.decode("utf-8", errors="replace").strip()


def _fault(table: Path) -> DataError:
    """Find the first line that is no triplet."""
    for number, line in enumerate(_lines(table), start=1):
        try:
            values = np.array(line.split(), np.float64)
        except ValueError:
            values = np.array([np.nan])
        if line and (len(values) != 3 or not _is_number(values).all()):
            return DataError(
                f"{table}, line {number}: expected three numbers of images, from 0, got {line!r:.80}. If the file was "
                "cut short, fetch it again."
            )
    return DataError(f"{table} is no text of three numbers a line. {EXPECTED}")


def _read_csv(table: Path) -> NDArray[np.int64]:
    """Read the columns image1 to image3, which count from 1, with the chosen one last."""
    rows: list[tuple[int, ...]] = []
    lines = csv.reader(_lines(table), delimiter="\t")
    header = [name.strip().lstrip("\ufeff") for name in next(lines, [])]
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise DataError(
            f"{table} has no column {', '.join(missing)}. Expected {', '.join(COLUMNS)} in its first line, separated "
            f"by tabs, got {', '.join(header) or 'nothing'!r:.200}."
        )
    places = [header.index(column) for column in COLUMNS]
    for number, cells in enumerate(lines, start=2):
        if cells:
            rows.append(_read_choice(cells, places, f"{table}, line {number}"))
    if not rows:
        raise DataError(f"{table} has no triplet below its header.")
    return np.array(rows, np.int64)


def _read_choice(cells: list[str], places: list[int], where: str) -> tuple[int, ...]:
    texts = [cells[place].strip() if place < len(cells) else "" for place in places]
    try:
        *images, choice = (int(text) for text in texts)
    except ValueError:
        raise DataError(f"{where}: expected numbers in {', '.join(COLUMNS)}, got {', '.join(texts)!r:.80}.") from None
    if choice not in (1, 2, 3):
        raise DataError(f"{where}: expected 1, 2 or 3 as choice, the odd one out, got {choice}.")
    if not all(1 <= image <= MOST_IMAGES for image in images):
        raise DataError(f"{where}: expected numbers of images from 1, got {', '.join(texts[:3])}.")
    odd = images.pop(choice - 1)
    return images[0] - 1, images[1] - 1, odd - 1
