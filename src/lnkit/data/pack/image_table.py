"""Images decoded once into arrays that later runs map into memory.

A table of images becomes a folder with one ``.npy`` file per column and a ``manifest.json``. It is built again when the
source files changed or an array is damaged. One process builds while others wait, and memory stays flat however many
rows there are. For rows that are no square images there is `lnkit.data.pack.columns`.
"""

from __future__ import annotations

import mmap
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from lnkit.data.pack.array_folder import Keeping, kept, stat_fingerprint
from lnkit.data.pack.build import ImageTable, Tally, build
from lnkit.progress import Progress, SilentProgress

FORMAT = 1  # raised whenever older packed folders must not be used any more


@dataclass(frozen=True, slots=True)
class PackedTable:
    """A table whose images are decoded."""

    images: Mapping[str, NDArray[np.uint8]]  # column -> (N, size, size, 3), RGB, mapped into memory, read-only
    labels: Mapping[str, NDArray[np.float32]]  # column -> (N,)
    sha256: str  # identity of the source files: their names and bytes; no path, no time
    converted: Mapping[str, int]  # Pillow mode -> number of images that were not RGB
    resized: int  # number of images that had another size


def open_packed(table: ImageTable, folder: Path, *, size: int, resize_filter: str, progress: Progress) -> PackedTable:
    """Open ``table`` decoded to ``size`` x ``size`` pixels, from ``folder`` if it is there and right, else made anew.

    Args:
        table: The source files.
        folder: Where the arrays are kept; one for each table, size and filter.
        size: Side of the decoded images in pixels.
        resize_filter: Pillow's filter for images of another size: "bilinear", "bicubic", "lanczos", "box" or "nearest".
        progress: Hears of decoding, and why a folder is made anew.

    Raises:
        DataError: A source file is missing or damaged, or the disk is full.
    """
    stat = stat_fingerprint(table.folder, table.files)
    recipe = _Recipe(FORMAT, size, resize_filter, table.rows, str(table.folder.resolve()), stat)
    wanted = Keeping(
        title=table.title,
        folder=folder,
        why_not=lambda manifest: _why_not(recipe, manifest),
        make=lambda new: _pack(table, new, recipe, progress),
        arrays={*table.images, *table.labels},
        fields={"content": str, "converted": dict, "resized": int},
        size=table.packed_bytes(size),
    )
    with kept(wanted, progress) as manifest:
        return PackedTable(
            images={column: np.load(folder / f"{column}.npy", mmap_mode="r") for column in table.images},
            labels={column: np.load(folder / f"{column}.npy") for column in table.labels},
            sha256=manifest["content"],
            converted=manifest["converted"],
            resized=manifest["resized"],
        )


def release(*images: NDArray[Any]) -> None:
    """Give the memory of mapped arrays (or parts of them) back, so that reading all of one never holds all of it.

    They stay usable: what is touched again is read again. Arrays that are not mapped, and systems without such a call,
    are left as they are.
    """
    for array in images:
        mapping = getattr(array, "_mmap", None)
        if mapping is not None and hasattr(mapping, "madvise"):
            mapping.madvise(mmap.MADV_DONTNEED)


@dataclass(frozen=True, slots=True)
class _Recipe:
    """What determines the packed arrays, as far as can be told without reading the images."""

    format: int
    size: int
    resize_filter: str
    rows: int
    source: str  # the folder that was packed
    stat: str  # fingerprint of its files' names, sizes and times


def _why_not(wanted: _Recipe, manifest: Mapping[str, Any]) -> str:
    if manifest.get("format") != wanted.format:
        return "it was packed by another version of lnkit"
    if any(manifest.get(key) != value for key, value in asdict(wanted).items()):
        return "the source files have changed"
    if manifest.get("resized") and manifest.get("pillow") != PIL.__version__:
        return f"its images were resized by Pillow {manifest.get('pillow')}, and this is {PIL.__version__}"
    return ""


def _pack(table: ImageTable, new: Path, recipe: _Recipe, progress: Progress) -> dict[str, Any]:
    """Decode everything into a new folder; return its manifest."""
    tally, images = Tally(), table.rows * len(table.images)
    with progress.task(f"decoding {table.title}", images, unit="images") as advance:
        with SilentProgress().task("") as quiet:  # labels first: they are small, and their faults should not wait
            built = build(table.label_columns(), table.folder, new, quiet)
        columns = table.image_columns(recipe.size, recipe.resize_filter, tally)
        built.merge(build(columns, table.folder, new, advance))
    return {
        **asdict(recipe),
        "pillow": PIL.__version__,
        "content": built.content,
        "crc32": built.crc32,
        "converted": tally.converted,
        "resized": tally.resized,
    }
