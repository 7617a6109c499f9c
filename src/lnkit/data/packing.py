"""Images decoded once into arrays that later runs map into memory.

A table of images becomes a folder with one ``.npy`` file per column and a ``manifest.json``. It is built again when the
source files changed or an array is damaged. One process builds while others wait, and memory stays flat however many
rows there are.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import stat
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from lnkit.data.building import ImageTable, build
from lnkit.data.storage import locked, require_space, whole_folder, writing
from lnkit.errors import DataError
from lnkit.progress import Progress

FORMAT = 1  # raised whenever older packed folders must not be used any more
CHUNK = 2**23  # bytes read at a time when checksums are compared
MANIFEST = "manifest.json"


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
    wanted = _Recipe(FORMAT, size, resize_filter, table.rows, str(table.folder.resolve()), _stat_fingerprint(table))
    doing = f"packing {table.title}"
    with writing(folder, table.packed_bytes(size), doing), locked(folder, doing, progress):
        manifest = _read_manifest(folder)
        reason = _unusable(table, folder, manifest, wanted)
        if manifest is None or reason:
            if folder.exists():
                progress.say(f"Packing {table.title} again: {reason}.")
            manifest = _pack(table, folder, wanted, progress)
        return _map(table, folder, manifest)


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


def _stat_fingerprint(table: ImageTable) -> str:
    """Changes when a file is added, removed, renamed or written; costs no reading."""
    digest, folder = hashlib.sha256(), str(table.folder)
    for name in table.files:
        try:
            info = os.stat(f"{folder}/{name}")  # noqa: PTH116 - BAPPS has 174,000 files, and a Path costs more than this
        except OSError as error:
            raise DataError(
                f"{table.folder / name} cannot be read ({error.strerror}). Check the file and its permissions."
            ) from error
        if not stat.S_ISREG(info.st_mode):
            raise DataError(f"{table.folder / name} is not a file; replace it, or fetch the data again.")
        digest.update(f"{name}\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _pack(table: ImageTable, folder: Path, recipe: _Recipe, progress: Progress) -> dict[str, Any]:
    """Decode everything into a new folder and let it take the place of ``folder``; return its manifest."""
    require_space(folder, table.packed_bytes(recipe.size), f"Packing {table.title}")
    images = table.rows * len(table.images)
    with whole_folder(folder) as new:
        with progress.task(f"decoding {table.title}", images, unit="images") as advance:
            built = build(table, new, size=recipe.size, resize_filter=recipe.resize_filter, advance=advance)
        manifest = {
            **asdict(recipe),
            "pillow": PIL.__version__,
            "content": built.content,
            "crc32": built.crc32,
            "converted": built.converted,
            "resized": built.resized,
        }
        (new / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return manifest


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _unusable(table: ImageTable, folder: Path, manifest: dict[str, Any] | None, wanted: _Recipe) -> str:
    """Why the packed folder cannot be used, as the end of a sentence; "" if it can."""
    if manifest is None:
        return "its manifest is missing or damaged"
    if manifest.get("format") != wanted.format:
        return "it was packed by another version of lnkit"
    if any(manifest.get(key) != value for key, value in asdict(wanted).items()):
        return "the source files have changed"
    if manifest.get("resized") and manifest.get("pillow") != PIL.__version__:
        return f"its images were resized by Pillow {manifest.get('pillow')}, and this is {PIL.__version__}"
    damaged = _damaged(table, folder, manifest)
    return f"{damaged} is damaged" if damaged else ""


def _damaged(table: ImageTable, folder: Path, manifest: dict[str, Any]) -> str:
    """The first file that is not what was written; "" if all are."""
    fields = {"content": str, "crc32": dict, "converted": dict, "resized": int}
    if not all(isinstance(manifest.get(name), kind) for name, kind in fields.items()):
        return MANIFEST
    sums = manifest["crc32"]
    if set(sums) != {*table.images, *table.labels}:
        return MANIFEST
    with ThreadPoolExecutor() as pool:
        found = pool.map(_file_crc32, [folder / f"{column}.npy" for column in sums])
        return next((f"{column}.npy" for column, crc in zip(sums, found, strict=True) if crc != sums[column]), "")


def _file_crc32(path: Path) -> int | None:
    """CRC-32 of a file, read rather than mapped; None if it cannot be read."""
    crc, buffer = 0, memoryview(bytearray(CHUNK))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                crc = zlib.crc32(buffer[:count], crc)
    except OSError:
        return None
    return crc


def _map(table: ImageTable, folder: Path, manifest: Mapping[str, Any]) -> PackedTable:
    return PackedTable(
        images={column: np.load(folder / f"{column}.npy", mmap_mode="r") for column in table.images},
        labels={column: np.load(folder / f"{column}.npy") for column in table.labels},
        sha256=manifest["content"],
        converted=manifest["converted"],
        resized=manifest["resized"],
    )
