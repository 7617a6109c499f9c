"""Images that a table names by number: the first one is 0."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data import describe_folder, require_printable, same_name
from lnkit.datasets.text_tables import read_text
from lnkit.errors import DataError

__all__ = [
    "NAMES",
    "find_numbered",
    "require_images",
]

NAMES = "names.txt"  # file names in the order of their numbers, one a line; without it, files are named by number
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")  # of images
EXPECTED = f"Expected images named 0.png, 1.png and so on, or their names in {NAMES}, one a line, the image 0 first."


@text_paths
def find_numbered(root: Path, folder: Path) -> dict[int, str]:
    """Find the images of a table that names them by number.

    Args:
        root: The folder of the table, which may also have ``names.txt``.
        folder: The folder of the images.

    Returns:
        {number: file name in ``folder``}. ``007.png`` is the image 7, names in ``names.txt`` may lack their suffix.

    Raises:
        DataError: There is no image, a named one is missing, or two files are of one number or name.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder. {EXPECTED}")
    files = sorted(p.name for p in folder.iterdir() if p.name.lower().endswith(SUFFIXES) and not p.name.startswith("."))
    require_printable(folder, files)
    if (root / NAMES).is_file():
        return _listed(root / NAMES, folder, files)
    numbered: dict[int, str] = {}
    for name in files:
        stem = name.rpartition(".")[0]
        if stem.isascii() and stem.isdecimal() and (other := numbered.setdefault(int(stem), name)) != name:
            raise DataError(f"{folder} has two images of the number {int(stem)}: {other} and {name}. Remove one.")
    if not numbered:
        raise DataError(f"{folder} has no image named by a number. {EXPECTED} {describe_folder(folder)}")
    return numbered


def _listed(listing: Path, folder: Path, files: list[str]) -> dict[int, str]:
    """Return the files in the order of ``names.txt``."""
    names = [line.strip() for line in read_text(listing).splitlines() if line.strip()]
    twice = next((name for name in names if names.count(name) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise DataError(
            f"{listing} has the name {twice!r:.80} twice. Expected each image once, in the order of numbers."
        )
    if not names:
        raise DataError(f"{listing} is empty. {EXPECTED}")
    whole = {same_name(name): name for name in files}
    by_stem: dict[str, list[str]] = {}
    for name in files:
        by_stem.setdefault(same_name(name.rpartition(".")[0]), []).append(name)
    found = [[whole[key]] if (key := same_name(name)) in whole else by_stem.get(key, []) for name in names]
    missing = [name for name, here in zip(names, found, strict=True) if not here]
    if missing:
        raise DataError(
            f"{folder} has no image {missing[0]!r:.80} ({len(missing):,} of the {len(names):,} in {NAMES} are missing)."
        )
    for name, here in zip(names, found, strict=True):
        if len(here) > 1:
            raise DataError(f"{folder} has two images for the name {name!r:.80}: {' and '.join(here)}. Remove one.")
    return {number: here[0] for number, here in enumerate(found)}


@text_paths
def require_images(numbers: Collection[int], images: Mapping[int, str], table: Path, folder: Path) -> None:
    """Refuse numbers of images that are not there, and tables that count from 1.

    Args:
        numbers: Those of the table, each once, ascending.
        images: {number: file}, of :func:`find_numbered`.
        table: The file of the numbers, for errors.
        folder: The folder of the images, for errors.

    Raises:
        DataError: A number has no image.
    """
    missing = [number for number in numbers if number not in images]
    if not missing:
        return
    count = len(images)
    if missing == [count] and min(numbers) == 1 and min(images) == 0:
        raise DataError(
            f"{table} seems to count the images from 1: it has the number {count} and no 0, and {folder} has the "
            f"images 0 to {count - 1}. Expected numbers from 0: subtract 1 from each."
        )
    if missing == [0] and min(images) == 1:
        raise DataError(
            f"{folder} counts its images from 1: it has 1 to {max(images)} and no 0, and {table.name} needs the image "
            f"0. Expected numbers from 0: rename the images, or list them in {NAMES}."
        )
    raise DataError(
        f"{folder} has no image of the number {missing[0]} ({len(missing):,} of the {len(numbers):,} in {table.name} "
        f"are missing). {EXPECTED}"
    )
