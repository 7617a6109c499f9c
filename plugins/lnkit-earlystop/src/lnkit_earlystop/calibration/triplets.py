"""Triplets with human judgments to learn from, in BAPPS's layout: ``2afc/<split>/<family>/{ref,p0,p1,judge}``."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import lnkit
from lnkit.data.building import ImageTable
from lnkit.data.cache import packed_dir
from lnkit.data.folders import image_names, what_is_there
from lnkit.data.packing import PackedTable, open_packed
from lnkit.progress import Progress

COLUMNS = ("ref", "p0", "p1")
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm")
RESOLUTION, FILTER = 64, "bilinear"  # the loader of Zhang et al. 2018
EXPECTED = "Expected is 2afc/{split}/<family>/ with ref, p0, p1 (images) and judge (NNNNNN.npy, fractions of people)."


@dataclass(frozen=True, slots=True)
class Triplets:
    """Triplets of several families, which stay mapped into memory."""

    families: tuple[PackedTable, ...]
    rows: NDArray[np.int64]  # which of all of them, counted through the families

    def __len__(self) -> int:
        return len(self.rows)

    def batch(self, items: NDArray[np.int64]) -> tuple[dict[str, NDArray[np.uint8]], NDArray[np.float32]]:
        """The images (N, 64, 64, 3) of each column, and the fractions (N,) of people who found p1 closer."""
        starts = np.cumsum([0, *(len(family.labels["judge"]) for family in self.families)])
        rows = self.rows[items]
        owners = np.searchsorted(starts, rows, side="right") - 1
        images = {
            column: np.stack(
                [self.families[f].images[column][row - starts[f]] for f, row in zip(owners, rows, strict=True)]
            )
            for column in COLUMNS
        }
        judged = [self.families[f].labels["judge"][row - starts[f]] for f, row in zip(owners, rows, strict=True)]
        return images, np.array(judged, dtype=np.float32)

    def parted(self, share: float, seed: int) -> tuple[Triplets, Triplets]:
        """Part them at random: all but a share of them, and that share."""
        order = np.random.default_rng(seed).permutation(self.rows)
        held = round(share * len(order))
        return Triplets(self.families, np.sort(order[held:])), Triplets(self.families, np.sort(order[:held]))


@dataclass(frozen=True, slots=True)
class Split:
    """The triplets of a split, and what identifies them."""

    triplets: Triplets
    sha256: str


def open_split(root: Path, split: str, cache: Path, progress: Progress) -> Split:
    """Open the triplets of a split, decoding what is not decoded yet.

    Raises:
        lnkit.DataError: the split is not there, or a file is missing or damaged.
    """
    base = root / "2afc" / split if (root / "2afc").is_dir() else root / split
    folders = sorted(path for path in base.iterdir() if (path / "judge").is_dir()) if base.is_dir() else []
    if not folders:
        expected = EXPECTED.format(split=split)
        raise lnkit.DataError(f"{root} has no triplets of the split {split!r}. {expected} {what_is_there(base.parent)}")
    families = tuple(_open_family(folder, cache, progress) for folder in folders)
    count = sum(len(family.labels["judge"]) for family in families)
    lines = "".join(f"{family.sha256}  {folder.name}\n" for family, folder in zip(families, folders, strict=True))
    return Split(Triplets(families, np.arange(count)), hashlib.sha256(lines.encode()).hexdigest())


def has_split(root: Path, split: str) -> bool:
    """Whether there is such a split."""
    return (root / "2afc" / split).is_dir() or (root / split).is_dir()


def _open_family(folder: Path, cache: Path, progress: Progress) -> PackedTable:
    images = {column: _files(folder, column, SUFFIXES) for column in COLUMNS}
    judged = _files(folder, "judge", (".npy",))
    for column, files in images.items():
        if [Path(file).stem for file in files] != [Path(file).stem for file in judged]:
            raise lnkit.DataError(
                f"{folder / column} and {folder / 'judge'} do not hold files of the same names: every triplet needs an "
                "image in ref, p0 and p1 and a judgment. Fetch the data again."
            )
    table = ImageTable(f"2afc/{folder.parent.name}/{folder.name}", folder, images, {"judge": judged}, _read_judgment)
    place = packed_dir(folder, cache) / f"{RESOLUTION}px-{FILTER}"
    return open_packed(table, place, size=RESOLUTION, resize_filter=FILTER, progress=progress)


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
