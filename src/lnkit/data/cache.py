"""The cache folder: downloads, unpacked datasets, packed arrays and samples."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lnkit.data.atomic import atomic_folder
from lnkit.data.home import expand_home
from lnkit.data.storage import explain_disk_errors, locked
from lnkit.errors import UsageError
from lnkit.progress import Progress, SilentProgress


def cache_dir() -> Path:
    """Return the cache folder: ``LNKIT_CACHE`` if it is set, else the operating system's folder for caches.

    Raises:
        UsageError: neither is known, as for a user without a home folder.
    """
    named = os.environ.get("LNKIT_CACHE", "")
    if named:
        return expand_home(named)
    from platformdirs import user_cache_path  # noqa: PLC0415 - only when nothing else is named

    with suppress(RuntimeError):  # without a home folder; earlier versions return a path that is not absolute
        folder = user_cache_path("lnkit", appauthor=False)
        if folder.is_absolute():
            return folder
    raise UsageError("This user has no home folder for the cache. Set LNKIT_CACHE to a folder that you may write to.")


def dataset_dir(name: str, cache: Path | None = None) -> Path:
    """Return the folder of the dataset ``name`` in the cache, whether it exists or not."""
    return (cache or cache_dir()) / "datasets" / name


def download_dir(name: str, cache: Path | None = None) -> Path:
    """Return the folder in the cache for downloads of the dataset ``name`` that are not unpacked yet."""
    return (cache or cache_dir()) / "downloads" / name


def packed_dir(source: Path, cache: Path | None = None) -> Path:
    """Return the folder in the cache for arrays decoded from the folder ``source``; each path has its own."""
    source = source.resolve()
    key = hashlib.sha256(os.fsencode(source)).hexdigest()[:12]
    return (cache or cache_dir()) / "packed" / f"{source.name or 'root'}-{key}"


def cached_sample(cache: Path, name: str, size: int, write: Callable[[Path], None]) -> Path:
    """Return the folder of a sample in the cache, writing it on the first call.

    Args:
        cache: The cache folder, such as a run's ``context.cache``.
        name: Of the sample and its version: "superres-1". Another name is another folder.
        size: Bytes, about; for the error message of a full disk.
        write: Fills a new folder; if it fails, nothing of the folder remains.

    Raises:
        DataError: The disk is full or not writable.
    """
    return cached_folder(cache / "samples" / name, size, "making the sample", SilentProgress(), write)


def cached_folder(folder: Path, size: int, action: str, progress: Progress, write: Callable[[Path], None]) -> Path:
    """Return ``folder``, writing it on the first call; of several processes, one writes and the others wait.

    Args:
        folder: Its place in the cache.
        size: Bytes, about; for the error message of a full disk.
        action: For messages, such as "unpacking images.zip".
        progress: Receives what is waited for.
        write: Fills a new folder; if it fails, nothing of the folder remains.

    Raises:
        DataError: The disk is full or not writable.
    """
    if folder.is_dir():
        return folder
    with explain_disk_errors(folder, size, action), locked(folder, action, progress):
        if not folder.is_dir():
            with atomic_folder(folder) as new:
                write(new)
    return folder
