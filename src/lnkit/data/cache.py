"""The cache folder: downloads, unpacked datasets, packed arrays and samples."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data.atomic import atomic_folder, restore_folder
from lnkit.data.cache_location import cache_dir as cache_dir
from lnkit.data.storage import explain_disk_errors, locked
from lnkit.progress import Progress, SilentProgress


@text_paths
def dataset_dir(name: str, cache: Path | None = None) -> Path:
    """Return the folder of the dataset ``name`` in the cache, whether it exists or not."""
    return (cache or cache_dir()) / "datasets" / name


@text_paths
def download_dir(name: str, cache: Path | None = None) -> Path:
    """Return the folder in the cache for downloads of the dataset ``name`` that are not unpacked yet."""
    return (cache or cache_dir()) / "downloads" / name


@text_paths
def packed_dir(source: Path, cache: Path | None = None) -> Path:
    """Return the folder in the cache for arrays decoded from the folder ``source``; each path has its own."""
    source = source.resolve()
    key = hashlib.sha256(os.fsencode(source)).hexdigest()[:12]
    return (cache or cache_dir()) / "packed" / f"{source.name or 'root'}-{key}"


@text_paths
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
        restore_folder(folder)
        if not folder.is_dir():
            with atomic_folder(folder) as new:
                write(new)
    return folder
