"""Folders of ``.npy`` files with a manifest: built once, checked and mapped into memory whenever they are opened.

``manifest.json`` states what the arrays were made from, and their checksums. One process builds a folder while others
wait, and the folder appears complete or not at all.
"""

from __future__ import annotations

import json
import mmap
import zlib
from collections.abc import Callable, Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data.atomic import atomic_folder, restore_folder
from lnkit.data.storage import explain_disk_errors, locked, require_space
from lnkit.data.stored_files import open_regular, read_json
from lnkit.errors import DataError
from lnkit.progress import Progress

MANIFEST = "manifest.json"
FORMAT = 3  # of the manifest; raised whenever older packed folders must not be used any more
CHUNK = 2**23  # bytes read or written at a time


@dataclass(frozen=True, slots=True)
class ArrayFolder:
    """A folder of arrays: its requirements, and how to fill it."""

    title: str  # for progress and errors: "bapps 2afc/traditional"
    folder: Path
    identity: Mapping[str, Any]  # JSON values that determine the arrays; written to the manifest
    why_stale: Callable[[Mapping[str, Any]], str]  # why a manifest does not fit, for the user; "" if it fits
    fill: Callable[[Path], dict[str, Any]]  # write the arrays to a folder; return manifest entries, "crc32" among them
    names: Collection[str] | None = None  # of all arrays; None if only ``fill`` knows them
    fields: Mapping[str, type] = field(default_factory=dict)  # required manifest entries: {"content": str}
    size: int = 0  # bytes of all arrays, where known

    def open(self, progress: Progress) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Open the folder, filling it first if it is missing, stale or damaged; other processes wait meanwhile.

        Returns:
            The arrays by name, mapped into memory and read-only, and the manifest.

        Raises:
            DataError: The disk is full or not writable, or ``fill`` raised it.
        """
        packing = f"packing {self.title}"
        manifest = self._read_manifest()
        if manifest is not None and not self._why_unusable(manifest):  # without a lock: the cache may be read-only
            arrays = self._map(manifest)
            if self._read_manifest() == manifest:  # otherwise another process has replaced it meanwhile
                return arrays, manifest
        with explain_disk_errors(self.folder, self.size, packing), locked(self.folder, packing, progress):
            restore_folder(self.folder)
            manifest = self._read_manifest()
            reason = self._why_unusable(manifest)
            if manifest is None or reason:
                if self.folder.exists():
                    progress.say(f"Packing {self.title} again: {reason}.")
                manifest = self._build()
            return self._map(manifest), manifest

    def _map(self, manifest: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        names = self.names or manifest["crc32"]
        return {name: np.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}

    def _build(self) -> dict[str, Any]:
        require_space(self.folder, self.size, f"Packing {self.title}")
        with atomic_folder(self.folder) as tmp:
            manifest = {"format": FORMAT, **self.identity, **self.fill(tmp)}
            (tmp / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
        return manifest

    def _read_manifest(self) -> dict[str, Any] | None:
        try:
            return read_json(self.folder / MANIFEST)
        except DataError:
            return None

    def _why_unusable(self, manifest: dict[str, Any] | None) -> str:
        """Return why the folder cannot be used, as the end of a sentence; "" if it can."""
        if manifest is None:
            return "its manifest is missing or damaged"
        if manifest.get("format") != FORMAT:
            return "it was packed by another version of lnkit"
        if reason := self.why_stale(manifest):
            return reason
        damaged = self._damaged_file(manifest)
        return f"{damaged} is damaged" if damaged else ""

    def _damaged_file(self, manifest: dict[str, Any]) -> str:
        """Return the name of the first file that differs from what was written; "" if none does."""
        fields = {"crc32": dict, **self.fields}
        if not all(isinstance(manifest.get(name), kind) for name, kind in fields.items()):
            return MANIFEST
        expected = manifest["crc32"]
        if self.names is not None and set(expected) != set(self.names):
            return MANIFEST
        with ThreadPoolExecutor() as pool:
            actual = pool.map(file_crc32, [self.folder / f"{name}.npy" for name in expected])
            pairs = zip(expected, actual, strict=True)
            return next((f"{name}.npy" for name, crc in pairs if crc != expected[name]), "")


@text_paths
def open_arrays(
    title: str, folder: Path, identity: str, make: Callable[[], Mapping[str, NDArray[Any]]], progress: Progress
) -> Mapping[str, NDArray[Any]]:
    """Open cached arrays from ``folder``; make them first if they are missing, damaged or made from something else.

    For arrays that are not read from one file per row; otherwise see `lnkit.data.ColumnTable`.

    Args:
        title: For progress and errors: "svhn extra".
        folder: Below `lnkit.data.packed_dir`.
        identity: Names and checksums that determine the arrays; another identity makes them again.
        make: Returns the arrays by name: any shape and numeric dtype, in any memory layout.
        progress: Receives the reason if the arrays are made again.

    Returns:
        The arrays by name, mapped into memory, read-only.

    Raises:
        DataError: The disk is full, or ``make`` raised it.
        TypeError: An array holds Python objects.
    """

    def why_stale(manifest: Mapping[str, Any]) -> str:
        return "" if manifest.get("identity") == identity else "its source has changed"

    def fill(new: Path) -> dict[str, Any]:
        arrays = make()
        size = sum(array.nbytes for array in arrays.values())
        require_space(folder, size, f"Packing {title}")
        with explain_disk_errors(folder, size, f"packing {title}"):
            return {"crc32": {name: write_array(new / f"{name}.npy", array) for name, array in arrays.items()}}

    return ArrayFolder(title, folder, {"identity": identity}, why_stale, fill).open(progress)[0]


def release(*arrays: NDArray[Any]) -> None:
    """Free the memory of mapped arrays (or slices of them), so that reading an array never holds all of it.

    They stay usable: pages that are accessed again are read again. Arrays that are not mapped, and systems without
    ``madvise``, are left as they are.
    """
    for array in arrays:
        mapping = getattr(array, "_mmap", None)
        if mapping is not None and hasattr(mapping, "madvise"):
            mapping.madvise(mmap.MADV_DONTNEED)


class NpyFile:
    """A ``.npy`` file written front to back with a running CRC-32: no second read is needed for the checksum.

    A full disk raises an error here; writing through a memory map would crash.
    """

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.row_bytes = dtype.itemsize * int(np.prod(shape[1:]))
        header = BytesIO()
        fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, fields)
        self._file = path.open("wb")
        self.crc32 = 0
        self.write(header.getvalue())

    def write(self, data: bytes | memoryview) -> None:
        """Append bytes."""
        self._file.write(data)
        self.crc32 = zlib.crc32(data, self.crc32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def write_array(path: Path, array: NDArray[Any]) -> int:
    """Write ``array`` (any memory layout) to ``path`` in C order and return the CRC-32 of the file.

    Raises:
        TypeError: It holds Python objects.
    """
    if array.dtype.hasobject:
        raise TypeError(f"Expected a numeric array for {path.name}, got Python objects. Convert it to a numeric dtype.")
    with NpyFile(path, array.dtype, array.shape) as file:
        rows = max(1, CHUNK // max(1, file.row_bytes))
        parts = (array[start : start + rows] for start in range(0, len(array), rows)) if array.ndim else (array,)
        for part in parts:
            file.write(part.tobytes())
        return file.crc32


def file_crc32(path: Path) -> int | None:
    """Return the CRC-32 of a file, read rather than mapped; None if it cannot be read."""
    crc = 0
    try:
        with open_regular(path) as file:
            while block := file.read(CHUNK):
                crc = zlib.crc32(block, crc)
    except (OSError, DataError):
        return None
    return crc
