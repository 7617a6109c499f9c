"""The layout of a set of images and people's judgments of each pair.

There is no common published layout. Here, the matrix is a file ``similarity`` or ``dissimilarity``, ``.csv`` or
``.npy``, beside a folder of images. Which row belongs to which image is never guessed.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import DataError
from lnkit.data import describe_folder, read_array, require_printable, same_name
from lnkit.datasets.image_files import Folder
from lnkit.datasets.text_tables import read_number, read_rows, read_text

Matrix = NDArray[np.float64]

FILES = ("similarity.csv", "similarity.npy", "dissimilarity.csv", "dissimilarity.npy")
NAMES = "names.txt"
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")  # of images
EXPECTED = (
    f"Expected one of {', '.join(FILES)}, with the images beside it or in a folder images; their file names, in the "
    f"order of the rows, are in the first line of the .csv or, one per line, in {NAMES}."
)
ASYMMETRY = 1e-6  # of the largest value; smaller differences are rounding


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Images, and people's judgments of each pair."""

    folder: Path  # of the images
    images: tuple[str, ...]  # file names in it, in the order of the rows
    dissimilarity: Matrix  # (N, N), symmetric; the diagonal is not used
    unlisted: int  # images in the folder that are not in the matrix


def read_image_set(root: Path) -> ImageSet:
    """Read the matrix in ``root`` and find its images.

    Raises:
        DataError: There is no matrix or more than one, it is not square, not symmetric or has gaps, or it is not known
            which image belongs to which row.
    """
    path = _matrix_file(root)
    matrix, listed = _read_csv(path) if path.suffix == ".csv" else (_read_npy(path), None)
    _require_complete(matrix, path)
    folder = root / "images" if (root / "images").is_dir() else root
    here = sorted(p.name for p in folder.iterdir() if p.name.lower().endswith(SUFFIXES) and not p.name.startswith("."))
    require_printable(folder, here)
    if not listed and (root / NAMES).is_file():
        listed = [line.strip() for line in read_text(root / NAMES).splitlines() if line.strip()]
    images = _files_of(listed, folder, here) if listed else _in_plain_order(here, folder)
    if len(images) != len(matrix):
        raise DataError(f"{path} has {len(matrix)} rows, but {folder} has {len(images)} images. {EXPECTED}")
    sign = 1.0 if path.stem == "dissimilarity" else -1.0
    return ImageSet(folder, tuple(images), sign * matrix, len(here) - len(images))


def _matrix_file(root: Path) -> Path:
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    paths = [root / name for name in FILES if (root / name).is_file()]
    if len(paths) > 1:
        raise DataError(f"Expected one matrix in {root}, got {' and '.join(path.name for path in paths)}.")
    if not paths:
        raise DataError(f"{root} has no matrix in it. {EXPECTED} {describe_folder(root)}")
    return paths[0]


def _read_npy(path: Path) -> Matrix:
    array = read_array(path)
    if array.dtype.kind not in "fiu":
        raise DataError(f"{path} holds no array of numbers.")
    return array.astype(np.float64)


def _read_csv(path: Path) -> tuple[Matrix, list[str] | None]:
    """Read the numbers, and the names if they are in the first line, or in the first line and column."""
    read = read_rows(path)
    if not read:
        raise DataError(f"{path} is empty. {EXPECTED}")
    width = len(read[0].cells)
    for row in read:
        if len(row.cells) != width:
            raise DataError(f"{row.where} has {len(row.cells)} cells, and the first line has {width}.")
    rows = [[cell.strip() for cell in row.cells] for row in read]
    if len(rows) == width + 1:
        return _numbers(rows[1:], path), rows[0]
    if len(rows) == width and not _is_number(rows[0][0]):
        names = rows[0][1:]
        if [row[0] for row in rows[1:]] != names:
            raise DataError(f"{path}: the names in the first column are not those of the first line, in its order.")
        return _numbers([row[1:] for row in rows[1:]], path), names
    return _numbers(rows, path), None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _numbers(rows: Sequence[Sequence[str]], path: Path) -> Matrix:
    """Read the matrix, with zeros on its diagonal, which is not used and may hold anything."""
    return np.array(
        [
            [
                0.0 if i == j else read_number(cell, f"{path}: row {i + 1}, column {j + 1} of the matrix")
                for j, cell in enumerate(row)
            ]
            for i, row in enumerate(rows)
        ],
        np.float64,
    )


def _require_complete(matrix: NDArray[Any], path: Path) -> None:
    """Refuse a matrix that is not square, not symmetric or has gaps off its diagonal."""
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise DataError(f"Expected a square matrix, but {path} holds an array of shape {matrix.shape}.")
    if len(matrix) < 3:
        raise DataError(f"Expected three or more images, but {path} compares {len(matrix)}.")
    np.fill_diagonal(matrix, 0)
    if not np.isfinite(matrix).all():
        i, j = np.argwhere(~np.isfinite(matrix))[0]
        raise DataError(
            f"Expected a number for each pair of images, but {path} has {matrix[i, j]} in row {i + 1}, column {j + 1}."
        )
    if np.abs(matrix - matrix.T).max() > ASYMMETRY * np.abs(matrix).max():
        i, j = np.unravel_index(np.abs(matrix - matrix.T).argmax(), matrix.shape)
        raise DataError(
            f"{path} is not symmetric: {matrix[i, j]:g} in row {i + 1}, column {j + 1}, and {matrix[j, i]:g} the other "
            "way round. Save one number for both directions, such as their mean."
        )


def _files_of(names: Sequence[str], folder: Path, here: Sequence[str]) -> list[str]:
    """Return the image of each name, which may lack its suffix."""
    if len(set(names)) < len(names):
        twice = next(name for name in names if list(names).count(name) > 1)
        raise DataError(f"The rows of the matrix have the name {twice!r} twice.")
    lookup, by_stem = Folder(folder), {same_name(name.rpartition(".")[0]): name for name in here}
    files = {name: path.name if (path := lookup.find(name)) else by_stem.get(same_name(name)) for name in names}
    missing = [name for name, file in files.items() if file is None]
    if missing:
        raise DataError(f"{folder} has no image {missing[0]!r} ({len(missing)} of the {len(names)} named are missing).")
    return [file for file in files.values() if file is not None]


def _in_plain_order(here: Sequence[str], folder: Path) -> list[str]:
    """Return all images sorted by name; refuse names that sort by number in another order than by text."""
    for by_text, by_number in zip(here, sorted(here, key=_with_numbers), strict=True):
        if by_text != by_number:
            raise DataError(
                f"The images in {folder} have numbers in their names: {by_text} comes before {by_number} by text, and "
                f"after it by number. Write their names into {NAMES} beside the matrix, in the "
                "order of its rows."
            )
    return list(here)


def _with_numbers(name: str) -> list[str | int]:
    """Return a key that sorts img9 before img10: text and numbers in turn."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", name))]
