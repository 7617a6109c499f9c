"""Triplets with human judgments in BAPPS's layout: ``2afc/<split>/<family>/{ref,p0,p1,judge}``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lnkit
from lnkit.data.cache import packed_dir
from lnkit.data.folders import describe_folder, image_names
from lnkit.data.pack.columns import PackedTable
from lnkit.data.pack.image_table import ImageTable, open_images
from lnkit.progress import Progress

COLUMNS = ("ref", "p0", "p1")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm")
RESOLUTION, FILTER = 64, "bilinear"  # the loader of Zhang et al. 2018
EXPECTED = "Expected is 2afc/{split}/<family>/ with ref, p0, p1 (images) and judge (NNNNNN.npy, fractions of people)."


@dataclass(frozen=True, slots=True)
class Family:
    """Triplets of one family, decoded and mapped into memory."""

    name: str  # "traditional"
    folder: Path
    files: Mapping[str, Sequence[str]]  # column -> names of image files within the folder
    table: PackedTable

    def __len__(self) -> int:
        return len(self.judge)

    @property
    def judge(self) -> NDArray[np.float32]:
        """The fractions (N,) of people who found p1 closer."""
        return self.table.arrays["judge"]

    @property
    def images(self) -> tuple[NDArray[np.uint8], ...]:
        """References, first and second patches, (N, R, R, 3) each."""
        return tuple(self.table.arrays[column] for column in COLUMNS)


def has_split(root: Path, split: str) -> bool:
    """Whether there is such a split."""
    return _split_folder(root, split).is_dir()


def open_families(
    root: Path, split: str, cache: Path, progress: Progress, resolution: int = RESOLUTION
) -> tuple[Family, ...]:
    """Open the families of a split by name, decoding what is not decoded yet.

    Args:
        root: the folder that holds ``2afc``, or that one.
        split: "train" or "val".
        cache: for decoded images.
        progress: hears of decoding.
        resolution: side in pixels to which patches of another size are resized.

    Raises:
        lnkit.DataError: the split is not there, or a file is missing or damaged.
    """
    base = _split_folder(root, split)
    folders = sorted(path for path in base.iterdir() if (path / "judge").is_dir()) if base.is_dir() else []
    if not folders:
        expected = EXPECTED.format(split=split)
        raise lnkit.DataError(
            f"{root} has no triplets of the split {split!r}. {expected} {describe_folder(base.parent)}"
        )
    return tuple(_open_family(folder, resolution, cache, progress) for folder in folders)


def fingerprint(families: Sequence[Family]) -> str:
    """What identifies the triplets of several families."""
    lines = "".join(f"{family.table.sha256}  {family.name}\n" for family in families)
    return hashlib.sha256(lines.encode()).hexdigest()


def _split_folder(root: Path, split: str) -> Path:
    return root / "2afc" / split if (root / "2afc").is_dir() else root / split


def _open_family(folder: Path, resolution: int, cache: Path, progress: Progress) -> Family:
    if not folder.name.isprintable():
        raise lnkit.DataError(
            f"The name {folder.name!a} in {folder.parent} has characters that cannot be printed. Rename it."
        )
    images = {column: _files(folder, column, SUFFIXES) for column in COLUMNS}
    judged = _files(folder, "judge", (".npy",))
    for column, files in images.items():
        if [Path(file).stem for file in files] != [Path(file).stem for file in judged]:
            raise lnkit.DataError(
                f"{folder / column} and {folder / 'judge'} do not hold files of the same names: every triplet needs an "
                "image in ref, p0 and p1 and a judgment. Fetch the data again."
            )
    table = ImageTable(f"2afc/{folder.parent.name}/{folder.name}", folder, images, {"judge": judged}, _read_judgment)
    place = packed_dir(folder, cache) / f"{resolution}px-{FILTER}"
    packed = open_images(table, place, size=resolution, resize_filter=FILTER, progress=progress)
    return Family(folder.name, folder, images, packed)


def _files(folder: Path, column: str, suffixes: Sequence[str]) -> tuple[str, ...]:
    names = image_names(folder / column, suffixes, EXPECTED.format(split=folder.parent.name))
    return tuple(f"{column}/{name}" for name in names)


def _read_judgment(data: bytes, path: Path) -> float:
    try:
        value = float(np.load(BytesIO(data), allow_pickle=False).item())
    except (OSError, ValueError, EOFError, SyntaxError, AttributeError) as error:
        raise lnkit.DataError(f"{path} is no .npy file of one number ({error}). Fetch the data again.") from error
    if not 0 <= value <= 1:
        raise lnkit.DataError(f"{path} holds {value:g}, and a fraction of people in [0, 1] is expected.")
    return value
