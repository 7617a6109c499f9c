"""BAPPS, or any data in its layout, as arrays: decoded once, then mapped into memory."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data.cache import packed_dir
from lnkit.data.pack.columns import PackedTable
from lnkit.data.pack.image_table import ImageTable, open_images
from lnkit.data.pack.indexed_images import IndexedImages
from lnkit.data.stored_files import parse_array, read_bytes
from lnkit.datasets.two_afc_layout import IMAGES, LABEL, FamilyFiles, find_families, partial_notes
from lnkit.errors import DataError
from lnkit.progress import Progress

__all__ = [
    "FILTER",
    "JudgedFamily",
    "family_notes",
    "fingerprint",
    "open_families",
    "read_judgment",
    "read_judgments",
]

RESOLUTION = 64  # pixels, as in the loader of Zhang2018
FILTER = "bilinear"  # of that loader; antialiased


@dataclass(frozen=True, slots=True)
class JudgedFamily:
    """One family of judged images: triplets of the part "2afc", or pairs of the part "jnd"."""

    files: FamilyFiles
    table: PackedTable

    def __len__(self) -> int:
        return len(self.judgments)

    def __str__(self) -> str:
        return str(self.files)

    @property
    def part(self) -> str:
        """Return "2afc" or "jnd"."""
        return self.files.part

    @property
    def name(self) -> str:
        """Return the family's name, such as "traditional"."""
        return self.files.name

    @property
    def images(self) -> tuple[NDArray[np.uint8], ...]:
        """Return the RGB images (N, R, R, 3): ref, p0 and p1 of triplets, p0 and p1 of pairs."""
        return tuple(self.table.arrays[column] for column in IMAGES[self.part])

    @property
    def judgments(self) -> NDArray[np.float32]:
        """Return fractions of people (N,): who found p1 closer (2afc), or saw no difference (jnd)."""
        return self.table.arrays[LABEL[self.part]]

    @property
    def votes(self) -> NDArray[np.float64] | None:
        """Return how many people judged each item (N,), if the data say it."""
        return np.array(self.files.votes, np.float64) if self.files.votes else None


@text_paths
def open_families(
    root: Path,
    cache: Path,
    progress: Progress,
    *,
    parts: Sequence[str] = ("2afc",),
    split: str = "val",
    resolution: int = RESOLUTION,
    resize_filter: str = FILTER,
) -> tuple[JudgedFamily, ...]:
    """Open the families of a split, official ones first, then the others by name; decode those not decoded yet.

    Images that a table of triplets names are decoded once, however many triplets show them.

    Args:
        root: The folder that holds ``2afc`` and/or ``jnd``; see :func:`lnkit.datasets.two_afc_layout.find_families`.
        cache: The cache folder, for decoded images.
        progress: Receives the progress of decoding.
        parts: "2afc", "jnd" or both.
        split: "val" or "train".
        resolution: Side in pixels to which patches of another size are resized.
        resize_filter: Pillow's filter for that; antialiased.

    Raises:
        DataError: ``root`` has no data in this layout, a file is missing or damaged, or the disk is full.
    """

    def open_family(files: FamilyFiles) -> JudgedFamily:
        table = ImageTable(f"{files} ({split})", files.folder, files.images, files.labels, read_judgment)
        folder = packed_dir(files.folder, cache) / f"{resolution}px-{resize_filter}"
        packed = open_images(table, folder, size=resolution, resize_filter=resize_filter, progress=progress)
        return JudgedFamily(files, packed)

    found = find_families(root, parts, split)
    of_table = [files for files in found if files.judge]
    opened = _open_table(of_table, cache, progress, resolution, resize_filter) if of_table else []
    return (*opened, *(open_family(files) for files in found if not files.judge))


def _open_table(
    families: Sequence[FamilyFiles], cache: Path, progress: Progress, resolution: int, resize_filter: str
) -> list[JudgedFamily]:
    """Open the families of a table: the images of all of them are one array, and rows name them by number."""
    source = families[0].folder
    names = sorted({name for files in families for column in files.images.values() for name in column})
    table = ImageTable("triplets", source, {"image": tuple(names)})
    folder = packed_dir(source, cache) / f"triplets-{resolution}px-{resize_filter}"
    packed = open_images(table, folder, size=resolution, resize_filter=resize_filter, progress=progress)
    numbers = {name: number for number, name in enumerate(names)}
    opened: list[JudgedFamily] = []
    for files in families:
        columns: dict[str, Any] = {
            column: IndexedImages(packed.arrays["image"], np.array([numbers[name] for name in listed]))
            for column, listed in files.images.items()
        }
        lines = zip(*files.images.values(), files.judge, files.votes or [""] * files.rows, strict=True)
        text = "".join(f"{ref}\0{p0}\0{p1}\0{judge!r}\0{votes}\n" for ref, p0, p1, judge, votes in lines)
        sha256 = hashlib.sha256(f"{packed.sha256}\n{text}".encode()).hexdigest()
        arrays = {**columns, LABEL["2afc"]: np.array(files.judge, np.float32)}
        converted = packed.converted if not opened else {}  # the images are counted once
        opened.append(JudgedFamily(files, PackedTable(arrays, sha256, converted, packed.resized)))
    return opened


def read_judgments(files: FamilyFiles) -> NDArray[np.float64]:
    """Read the judgments of a family (N,), without its images.

    Raises:
        DataError: A file is damaged; see :func:`read_judgment`.
    """
    if files.judge:
        return np.array(files.judge)
    paths = [files.folder / name for names in files.labels.values() for name in names]
    return np.array([read_judgment(read_bytes(path), path) for path in paths])


def fingerprint(families: Sequence[JudgedFamily]) -> str:
    """Return the SHA-256 that identifies several families."""
    lines = "".join(f"{family.table.sha256}  {family.name}\n" for family in families)
    return hashlib.sha256(lines.encode()).hexdigest()


@text_paths
def read_judgment(data: bytes, path: Path) -> float:
    """Read the fraction of people from a ``.npy`` file of one number.

    Raises:
        DataError: The file is damaged, or holds anything but one number in [0, 1].
    """
    values = parse_array(data, path)
    if values.size != 1 or values.dtype.kind not in "fiub":
        content = f"{values.dtype} of shape {values.shape}"
        raise DataError(f"Expected one number, the fraction of people, but {path} holds {content}.")
    value = float(values.item())
    if not 0.0 <= value <= 1.0:
        raise DataError(f"Expected a fraction of people in [0, 1], but {path} holds {value:g}.")
    return value


def family_notes(families: Sequence[JudgedFamily], parts: Sequence[str]) -> tuple[str, ...]:
    """Return notes on what is missing from the official validation set, and on images that had to be converted."""
    notes = partial_notes([family.files for family in families], parts)
    converted = sum((Counter(family.table.converted) for family in families), Counter[str]())
    if not converted:
        return notes
    modes = ", ".join(f"{count:,} of Pillow's mode {mode}" for mode, count in sorted(converted.items()))
    return (*notes, f"images that were not RGB were converted (an alpha channel is dropped): {modes}")
