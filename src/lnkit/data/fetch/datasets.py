"""Datasets in the cache: fetched, brought in by hand, described, verified.

A dataset's folder appears whole or not at all. In it, ``dataset.json`` says what came from where, and
``inventory.sha256`` lists every file as ``sha256sum`` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lnkit.data.cache import dataset_dir, download_dir
from lnkit.data.fetch.fetch import UNPACKED, announced_size, fetch_dataset, waiting_bytes
from lnkit.data.fetch.import_local import keep_the_rest, source_size, take
from lnkit.data.fetch.manifest import FACTS, Provenance, describe, known_provenance, read_facts
from lnkit.data.storage import atomic_folder, locked, require_space, writing
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec

__all__ = [
    "DatasetState",
    "Provenance",
    "announced_size",
    "dataset_state",
    "ensure_dataset",
    "import_dataset",
    "read_facts",
]

State = Literal["ready", "by hand", "begun", "missing"]


@dataclass(frozen=True, slots=True)
class DatasetState:
    """What the cache holds of a dataset."""

    state: State  # "by hand": a folder that lnkit did not make; "begun": some of the download is there
    folder: Path
    fetched: int = 0  # bytes downloaded and waiting, where it is begun


def ensure_dataset(spec: DatasetSpec, cache: Path, progress: Progress) -> Path:
    """The dataset's folder in the cache, fetched and unpacked if it is not there; goes on where it was interrupted.

    Size and license are said before anything is fetched. A listing comes first, if only that names the files; then the
    files come over several connections.

    Raises:
        DataError: Something could not be reached, is damaged, or does not fit on the disk.
    """
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder):
        return folder
    doing = f"fetching {spec.name}"
    with writing(folder, announced_size(spec), doing), locked(folder, doing, progress):
        if not _has_files(folder):
            fetch_dataset(spec, folder, download_dir(spec.name, cache), progress)
    return folder


def import_dataset(spec: DatasetSpec, sources: Sequence[Path], cache: Path, progress: Progress) -> Path:
    """Bring in a dataset that was fetched elsewhere: archives, an unpacked folder, several folders, or single files.

    One folder gives its content; of several, each keeps its name. A single file goes where the dataset has the file of
    that name. What the cache has of the dataset already stays beside it, and gives way where names agree.

    Raises:
        DataError: A source is missing, damaged, not the published file, or does not fit on the disk.
    """
    folder = dataset_dir(spec.name, cache)
    doing = f"importing {spec.name}"
    size = sum(source_size(source) for source in sources)
    with writing(folder, size, doing), locked(folder, doing, progress):
        require_space(folder, int(size * UNPACKED), f"Importing {spec.name}")
        with atomic_folder(folder) as new:
            made_from = [take(spec, source, new, len(sources) > 1, progress) for source in sources]
            keep_the_rest(folder, new)
            describe(spec, new, known_provenance(folder) + made_from, progress)
    return folder


def dataset_state(spec: DatasetSpec, cache: Path) -> DatasetState:
    """What the cache holds of ``spec``, by looking at names and sizes only."""
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder):
        return DatasetState("ready" if (folder / FACTS).is_file() else "by hand", folder)
    fetched, listing = waiting_bytes(spec, download_dir(spec.name, cache))
    return DatasetState("begun" if fetched or listing else "missing", folder, fetched)


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())
