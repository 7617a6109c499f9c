"""The folders in which lnkit keeps what it downloaded and what it made of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from lnkit.data.storage import atomic_folder, locked, writing
from lnkit.progress import SilentProgress


def cache_dir() -> Path:
    """The cache: ``LNKIT_CACHE`` if it is set, else the system's own place for a program's cache."""
    named = os.environ.get("LNKIT_CACHE", "")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_cache_path  # noqa: PLC0415 - only when nothing else is named

    return user_cache_path("lnkit", appauthor=False)


def dataset_dir(name: str, cache: Path | None = None) -> Path:
    """Where the dataset ``name`` lies or would lie in the cache."""
    return (cache or cache_dir()) / "datasets" / name


def download_dir(name: str, cache: Path | None = None) -> Path:
    """Where the archives of the dataset ``name`` wait until they are unpacked."""
    return (cache or cache_dir()) / "downloads" / name


def packed_dir(source: Path, cache: Path | None = None) -> Path:
    """Where the arrays decoded from the folder ``source`` are kept: a folder of its own for each path."""
    source = source.resolve()
    key = hashlib.sha256(os.fsencode(source)).hexdigest()[:12]
    return (cache or cache_dir()) / "packed" / f"{source.name or 'root'}-{key}"


def made_once(cache: Path, name: str, size: int, write: Callable[[Path], None]) -> Path:
    """The folder of a sample in the cache, filled by ``write(folder)`` when it is first asked for.

    Args:
        cache: the cache folder, such as a run's ``context.cache``.
        name: of the sample and its version: "superres-1". Another name is another folder.
        size: about how many bytes it takes, for the sentence about a full disk.
        write: fills a new folder; nothing is left of it if that fails.

    Raises:
        DataError: the disk is full or closed to us.
    """
    folder = cache / "samples" / name
    doing = "making the sample"
    with writing(folder, size, doing), locked(folder, doing, SilentProgress()):
        if not folder.is_dir():
            with atomic_folder(folder) as new:
                write(new)
    return folder
