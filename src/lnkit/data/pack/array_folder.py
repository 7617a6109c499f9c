"""Folders of arrays that are made once and opened ever after, as long as they are what is wanted.

Beside its ``.npy`` files, a kept folder holds a ``manifest.json``: what they were made from, and their checksums. One
process makes a folder while others wait, and it appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lnkit.data.pack.npy_file import file_crc32
from lnkit.data.storage import atomic_folder, locked, require_space, writing
from lnkit.errors import DataError
from lnkit.progress import Progress

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class Keeping:
    """A folder of arrays that is wanted, and how to make it."""

    title: str  # of what is packed in it: "bapps 2afc/traditional", for progress and errors
    folder: Path
    why_not: Callable[[Mapping[str, Any]], str]  # why what a manifest describes is not wanted; "" if it is
    make: Callable[[Path], dict[str, Any]]  # fills a new folder and returns its manifest, with "crc32" of each array
    arrays: Collection[str] | None = None  # names of all arrays; None leaves them to ``make``
    fields: Mapping[str, type] = field(default_factory=dict)  # what else a whole manifest has: {"content": str}
    size: int = 0  # bytes of the arrays, where known

    @property
    def doing(self) -> str:
        return f"packing {self.title}"


@contextmanager
def kept(wanted: Keeping, progress: Progress) -> Iterator[dict[str, Any]]:
    """Give the manifest of the folder, made anew if it is not there, not right or damaged. Others wait meanwhile.

    Raises:
        DataError: The disk is full or closed to us, or ``wanted.make`` raised it.
    """
    folder = wanted.folder
    with writing(folder, wanted.size, wanted.doing), locked(folder, wanted.doing, progress):
        manifest = _read_manifest(folder)
        reason = _unusable(wanted, manifest)
        if manifest is None or reason:
            if folder.exists():
                progress.say(f"P{wanted.doing[1:]} again: {reason}.")
            manifest = _make(wanted)
        yield manifest


def _make(wanted: Keeping) -> dict[str, Any]:
    require_space(wanted.folder, wanted.size, f"P{wanted.doing[1:]}")
    with atomic_folder(wanted.folder) as new:
        manifest = wanted.make(new)
        (new / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")
    return manifest


def _read_manifest(folder: Path) -> dict[str, Any] | None:
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return manifest if isinstance(manifest, dict) else None


def _unusable(wanted: Keeping, manifest: dict[str, Any] | None) -> str:
    """Why the folder cannot be used, as the end of a sentence; "" if it can."""
    if manifest is None:
        return "its manifest is missing or damaged"
    if reason := wanted.why_not(manifest):
        return reason
    damaged = _damaged(wanted, manifest)
    return f"{damaged} is damaged" if damaged else ""


def _damaged(wanted: Keeping, manifest: dict[str, Any]) -> str:
    """The first file that is not what was written; "" if all are."""
    fields = {"crc32": dict, **wanted.fields}
    if not all(isinstance(manifest.get(name), kind) for name, kind in fields.items()):
        return MANIFEST
    sums = manifest["crc32"]
    if wanted.arrays is not None and set(sums) != set(wanted.arrays):
        return MANIFEST
    with ThreadPoolExecutor() as pool:
        found = pool.map(file_crc32, [wanted.folder / f"{name}.npy" for name in sums])
        return next((f"{name}.npy" for name, crc in zip(sums, found, strict=True) if crc != sums[name]), "")


def stat_fingerprint(folder: Path, names: Iterable[str]) -> str:
    """Changes when one of the files is renamed or written; costs no reading.

    Raises:
        DataError: A file is missing, or is no file.
    """
    digest, place = hashlib.sha256(), str(folder)
    for name in names:
        try:
            info = os.stat(f"{place}/{name}")  # noqa: PTH116 - BAPPS has 174,000 files, and a Path costs more than this
        except OSError as error:
            raise DataError(
                f"{folder / name} cannot be read ({error.strerror}). Check the file and its permissions."
            ) from error
        if not stat.S_ISREG(info.st_mode):
            raise DataError(f"{folder / name} is not a file; replace it, or fetch the data again.")
        digest.update(f"{name}\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()
