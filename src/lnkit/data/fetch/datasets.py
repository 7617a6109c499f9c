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
from lnkit.data.fetch.expected_files import require_expected
from lnkit.data.fetch.folder_files import folder_files
from lnkit.data.fetch.import_local import add_missing, import_source, source_size
from lnkit.data.fetch.manifest import missing_files, read_provenance, write_manifest
from lnkit.data.fetch.safe_paths import MANIFEST, RESERVED
from lnkit.data.storage import explain_disk_errors, locked, require_space
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec

State = Literal["ready", "partial", "by hand", "begun", "missing"]


@dataclass(frozen=True, slots=True)
class DatasetState:
    """State of a dataset in the cache."""

    state: State  # "by hand": a folder not made by lnkit; "begun": partly downloaded
    folder: Path
    fetched: int = 0  # bytes downloaded so far, if it is begun
    missing: str = ""  # what a partial one lacks: "5 of 14 files; missing: 006.png"


@text_paths
def ensure_dataset(spec: DatasetSpec, cache: Path, progress: Progress, *, whole: bool = False) -> Path:
    """Return the dataset's folder in the cache, fetching it first if it is missing; an interrupted call is resumed.

    Args:
        spec: The dataset.
        cache: The cache folder.
        progress: Receives size and license before the download, then the bytes; or that the dataset is partial.
        whole: Fetch a partial dataset, too, which replaces it.

    Raises:
        DataError: A file cannot be fetched, is damaged, or does not fit on the disk.
    """
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder) and not (whole and missing_files(folder)):
        if lacks := missing_files(folder):
            progress.say(f"{spec.name} in the cache is partial: {lacks}. `lnkit data fetch {spec.name}` fetches all.")
        return folder
    action = f"fetching {spec.name}"
    with explain_disk_errors(folder, announced_size(spec), action), locked(folder, action, progress):
        restore_folder(folder)
        if not _has_files(folder) or (whole and missing_files(folder)):
            fetch_dataset(spec, folder, download_dir(spec.name, cache), progress)
    return folder


def import_dataset(
    spec: DatasetSpec, sources: Sequence[Path], cache: Path, progress: Progress, *, partial: bool = False
) -> Path:
    """Import a dataset that was fetched elsewhere, and return its folder in the cache.

    Files of the dataset that the cache has already stay, unless a source replaces them.

    Args:
        spec: The dataset.
        sources: Archives, folders or single files. One folder is imported by its content, several by their names; a
            single file goes to the dataset's file of that name.
        cache: The cache folder.
        progress: Receives bytes and files.
        partial: Accept a part of the dataset, which is then called partial.

    Raises:
        DataError: A source is missing, damaged, not the published file, or does not fit on the disk; or the files are
            those of something else, or only a part of the dataset's.
    """
    folder = dataset_dir(spec.name, cache)
    action = f"importing {spec.name}"
    size = sum(source_size(source) for source in sources)
    if len(sources) == 1 and sources[0].is_dir():  # known before anything is copied
        require_expected(spec, [*_names(sources[0]), *_names(folder)], partial=partial)
    with explain_disk_errors(folder, size, action), locked(folder, action, progress):
        require_space(folder, int(size * UNPACKED), f"Importing {spec.name}")
        with atomic_folder(folder) as tmp:
            imported = [import_source(spec, source, tmp, len(sources) > 1, progress) for source in sources]
            add_missing(folder, tmp)
            state = require_expected(spec, _names(tmp), partial=partial)
            earlier = [source for source in read_provenance(folder) if source not in imported]
            write_manifest(spec, tmp, earlier + imported, progress, state.summary)
    return folder


def dataset_state(spec: DatasetSpec, cache: Path) -> DatasetState:
    """Return the state of ``spec`` in the cache, judged by names and sizes only."""
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder):
        if not (folder / MANIFEST).is_file():
            return DatasetState("by hand", folder)
        missing = missing_files(folder)
        return DatasetState("partial" if missing else "ready", folder, missing=missing)
    fetched, listing = downloaded_bytes(spec, download_dir(spec.name, cache))
    return DatasetState("begun" if fetched or listing else "missing", folder, fetched)


def _names(folder: Path) -> list[str]:
    files = folder_files(folder) if folder.is_dir() else ()
    return [file.name for file in files if file.name not in RESERVED]


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
