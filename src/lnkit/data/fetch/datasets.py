"""Datasets in the cache: fetched, imported, and their state.

A dataset's folder appears complete or not at all. In it, ``dataset.json`` names the sources, and ``inventory.sha256``
lists every file as ``sha256sum`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lnkit._text_paths import text_paths
from lnkit.data.atomic import atomic_folder, restore_folder
from lnkit.data.cache import dataset_dir, download_dir
from lnkit.data.fetch.dataset_download import UNPACKED, announced_size, downloaded_bytes, fetch_dataset
from lnkit.data.fetch.import_local import add_missing, import_source, source_size
from lnkit.data.fetch.manifest import read_provenance, write_manifest
from lnkit.data.fetch.safe_paths import MANIFEST
from lnkit.data.storage import explain_disk_errors, locked, require_space
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec

State = Literal["ready", "by hand", "begun", "missing"]


@dataclass(frozen=True, slots=True)
class DatasetState:
    """State of a dataset in the cache."""

    state: State  # "by hand": a folder not made by lnkit; "begun": partly downloaded
    folder: Path
    fetched: int = 0  # bytes downloaded so far, if it is begun


@text_paths
def ensure_dataset(spec: DatasetSpec, cache: Path, progress: Progress) -> Path:
    """Return the dataset's folder in the cache, fetching it first if it is missing; an interrupted call is resumed.

    Args:
        spec: The dataset.
        cache: The cache folder.
        progress: Receives size and license before the download, then the bytes.

    Raises:
        DataError: A file cannot be fetched, is damaged, or does not fit on the disk.
    """
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder):
        return folder
    action = f"fetching {spec.name}"
    with explain_disk_errors(folder, announced_size(spec), action), locked(folder, action, progress):
        restore_folder(folder)
        if not _has_files(folder):
            fetch_dataset(spec, folder, download_dir(spec.name, cache), progress)
    return folder


def import_dataset(spec: DatasetSpec, sources: Sequence[Path], cache: Path, progress: Progress) -> Path:
    """Import a dataset that was fetched elsewhere, and return its folder in the cache.

    Files of the dataset that the cache has already stay, unless a source replaces them.

    Args:
        spec: The dataset.
        sources: Archives, folders or single files. One folder is imported by its content, several by their names; a
            single file goes to the dataset's file of that name.
        cache: The cache folder.
        progress: Receives bytes and files.

    Raises:
        DataError: A source is missing, damaged, not the published file, or does not fit on the disk.
    """
    folder = dataset_dir(spec.name, cache)
    action = f"importing {spec.name}"
    size = sum(source_size(source) for source in sources)
    with explain_disk_errors(folder, size, action), locked(folder, action, progress):
        require_space(folder, int(size * UNPACKED), f"Importing {spec.name}")
        with atomic_folder(folder) as tmp:
            imported = [import_source(spec, source, tmp, len(sources) > 1, progress) for source in sources]
            add_missing(folder, tmp)
            earlier = [source for source in read_provenance(folder) if source not in imported]
            write_manifest(spec, tmp, earlier + imported, progress)
    return folder


def dataset_state(spec: DatasetSpec, cache: Path) -> DatasetState:
    """Return the state of ``spec`` in the cache, judged by names and sizes only."""
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder):
        return DatasetState("ready" if (folder / MANIFEST).is_file() else "by hand", folder)
    fetched, listing = downloaded_bytes(spec, download_dir(spec.name, cache))
    return DatasetState("begun" if fetched or listing else "missing", folder, fetched)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
