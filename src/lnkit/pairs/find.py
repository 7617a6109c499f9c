"""Find pairs of image files: two files, two folders, one reference and a folder, or a list."""

from __future__ import annotations

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data.stored_files import read_text
from lnkit.errors import UsageError
from lnkit.escapes import csv_text, printable

SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".pbm", ".pnm"}
)
HEADER = ("first", "second")  # names of the columns of a list; the table that `lnkit distance` writes has them too
SHOWN = 5  # names of unpaired files in a message
LONGEST_LIST = 2**28  # bytes


@dataclass(frozen=True, slots=True)
class ImagePair:
    """Two image files to compare."""

    first: Path
    second: Path
    name: str  # of the pair among all: the name below both folders, with "/", or that of the second image


@dataclass(frozen=True, slots=True)
class Found:
    """Pairs, and the files that belong to none."""

    pairs: tuple[ImagePair, ...]
    unpaired: tuple[Path, ...] = ()


@text_paths
def find_pairs(first: Path, second: Path) -> Found:
    """Pair two files or folders, or one file with each image in a folder.

    Images in two folders are paired by their names below the folders. A name that only one folder has is paired with
    that of another format (``cat.png`` and ``cat.jpg``), if there is exactly one in each folder.

    Args:
        first: An image, or a folder with images, also in sub-folders.
        second: The same.

    Returns:
        The pairs in the order of their names.

    Raises:
        UsageError: One of the two does not exist, or a folder has no images.
    """
    for path in (first, second):
        if not path.exists():
            raise UsageError(f"{path} does not exist. Give an image or a folder with images.")
    if not first.is_dir() and not second.is_dir():
        return Found((ImagePair(first, second, second.name),))
    if first.is_dir() and second.is_dir():
        return _pair_folders(first, second)
    folder = first if first.is_dir() else second
    names = _images_in(folder)
    if folder is second:
        return Found(tuple(ImagePair(first, folder / name, name) for name in names))
    return Found(tuple(ImagePair(folder / name, second, name) for name in names))


@text_paths
def read_list(file: Path) -> Found:
    """Read pairs from a CSV file with two columns of paths, relative to its folder.

    Args:
        file: Each line holds two paths; a first line with "first" and "second" names columns, and others are ignored.

    Raises:
        DataError: The file cannot be read.
        UsageError: A line has not two paths, or there is none.
    """
    rows = list(csv.reader(read_text(file, LONGEST_LIST).splitlines()))
    columns = (0, 1)
    if rows and set(HEADER) <= {cell.strip().lower() for cell in rows[0]}:
        titles = [cell.strip().lower() for cell in rows.pop(0)]
        columns = (titles.index(HEADER[0]), titles.index(HEADER[1]))
    elif wrong := next((row for row in rows if row and len(row) != 2), None):
        raise UsageError(
            f"Expected two paths in each line of {file}, got {len(wrong)} in {','.join(wrong)!r:.80}. Name the columns "
            "'first' and 'second' in its first line, if it has others."
        )
    pairs = []
    for row in filter(None, rows):
        if max(columns) >= len(row) or not all(row[column].strip() for column in columns):
            raise UsageError(f"Expected two paths in each line of {file}, got {','.join(row)!r:.80}.")
        one, other = (csv_text(row[column].strip()) for column in columns)
        pairs.append(ImagePair(file.parent / one, file.parent / other, other))
    if not pairs:
        raise UsageError(f"Expected two paths in each line of {file}, got no lines.")
    return Found(tuple(pairs))


def unpaired_message(unpaired: Sequence[Path]) -> str:
    """Name the images without a partner: those of the first lines, and how many there are."""
    names = ", ".join(printable(str(path)) for path in unpaired[:SHOWN])
    more = f" and {len(unpaired) - SHOWN} more" if len(unpaired) > SHOWN else ""
    has = "image has" if len(unpaired) == 1 else "images have"
    return f"{len(unpaired)} {has} no partner in the other folder: {names}{more}."


def _pair_folders(first: Path, second: Path) -> Found:
    ours, theirs = _images_in(first), _images_in(second)
    partner = dict.fromkeys(set(ours) & set(theirs))
    partners = {name: name for name in partner}
    left, right = ([name for name in names if name not in partner] for names in (ours, theirs))
    once = [{stem for stem, count in Counter(map(_stem, names)).items() if count == 1} for names in (left, right)]
    by_stem = {_stem(name): name for name in right}
    partners |= {name: by_stem[_stem(name)] for name in left if _stem(name) in once[0] & once[1]}
    taken = set(partners.values())
    unpaired = [first / name for name in ours if name not in partners]
    unpaired += [second / name for name in theirs if name not in taken]
    pairs = [ImagePair(first / name, second / partners[name], name) for name in ours if name in partners]
    return Found(tuple(pairs), tuple(unpaired))


def _stem(name: str) -> str:
    return name.rpartition(".")[0]


def _images_in(folder: Path) -> list[str]:
    """Return the names of the images below a folder; hidden files are left out, links to folders are not followed."""
    names = []
    for place, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        below = Path(place).relative_to(folder)
        names += [
            (below / name).as_posix()
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES
        ]
    if not names:
        raise UsageError(f"{folder} has no images: expected files such as a.png or sub/b.jpg in it.")
    return sorted(names)
