"""Datasets in the cache: fetched, brought in by hand, described, verified.

A dataset's folder appears whole or not at all. In it, ``dataset.json`` says what came from where, and
``inventory.sha256`` lists every file as ``sha256sum`` does.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from lnkit import __version__
from lnkit.data.cache import dataset_dir, download_dir
from lnkit.data.download import fetch, file_name, file_sha256
from lnkit.data.inventory import INVENTORY, write_inventory
from lnkit.data.storage import human_size, locked, require_space, whole_folder, writing
from lnkit.data.unpack import is_archive, unpack
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec

FACTS = "dataset.json"
UNPACKED = 1.1  # times the archives' size: images hardly expand, but file systems round up

State = Literal["ready", "by hand", "begun", "missing"]


@dataclass(frozen=True, slots=True)
class Provenance:
    """An archive or a folder that a dataset was made from."""

    name: str
    source: str  # URL, or the path it was imported from
    size: int  # bytes
    sha256: str  # "" for a folder


@dataclass(frozen=True, slots=True)
class DatasetState:
    """What the cache holds of a dataset."""

    state: State  # "by hand": a folder that lnkit did not make; "begun": some of the download is there
    folder: Path
    fetched: int = 0  # bytes downloaded and waiting, where it is begun


def ensure_dataset(spec: DatasetSpec, cache: Path, progress: Progress) -> Path:
    """The dataset's folder in the cache, fetched and unpacked if it is not there; goes on where it was interrupted.

    Raises:
        DataError: Something could not be reached, is damaged, or does not fit on the disk.
    """
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder):
        return folder
    doing = f"fetching {spec.name}"
    size = sum(file.size for file in spec.files)
    with writing(folder, size, doing), locked(folder, doing, progress):
        if not _has_files(folder):
            _fetch_and_unpack(spec, folder, size, cache, progress)
    return folder


def import_dataset(spec: DatasetSpec, sources: Sequence[Path], cache: Path, progress: Progress) -> Path:
    """Bring in a dataset that was fetched elsewhere: archives, an unpacked folder, or several folders.

    One folder gives its content; of several, each keeps its name. What the cache has of the dataset already stays
    beside it, and gives way where names agree.

    Raises:
        DataError: A source is missing, damaged, not the published file, or does not fit on the disk.
    """
    folder = dataset_dir(spec.name, cache)
    doing = f"importing {spec.name}"
    size = sum(_size(source) for source in sources)
    with writing(folder, size, doing), locked(folder, doing, progress):
        require_space(folder, int(size * UNPACKED), f"Importing {spec.name}")
        with whole_folder(folder) as new:
            made_from = [_take(spec, source, new, len(sources) > 1, progress) for source in sources]
            _keep_the_rest(folder, new)
            _describe(spec, new, _known_provenance(folder) + made_from, progress)
    return folder


def dataset_state(spec: DatasetSpec, cache: Path) -> DatasetState:
    """What the cache holds of ``spec``, by looking at names and sizes only."""
    folder = dataset_dir(spec.name, cache)
    if _has_files(folder):
        return DatasetState("ready" if (folder / FACTS).is_file() else "by hand", folder)
    waiting = download_dir(spec.name, cache)
    names = [file_name(file.url) for file in spec.files]
    parts = [waiting / f"{name}{suffix}" for name in names for suffix in ("", ".part")]
    fetched = sum(part.stat().st_size for part in parts if part.is_file())
    return DatasetState("begun" if fetched else "missing", folder, fetched)


def read_facts(folder: Path) -> dict[str, Any]:
    """The content of ``dataset.json``; empty where there is none.

    Raises:
        DataError: It cannot be understood.
    """
    path = folder / FACTS
    if not path.is_file():
        return {}
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}). Import or fetch the dataset again.") from error
    if not isinstance(facts, dict):
        raise DataError(f"{path} is damaged: an object is expected in it. Import or fetch the dataset again.")
    return facts


def _has_files(folder: Path) -> bool:
    return folder.is_dir() and any(folder.iterdir())


def _fetch_and_unpack(spec: DatasetSpec, folder: Path, size: int, cache: Path, progress: Progress) -> None:
    waiting = download_dir(spec.name, cache)
    here = dataset_state(spec, cache).fetched
    require_space(folder, size - min(here, size) + int(size * UNPACKED), f"Fetching and unpacking {spec.name}")
    count = f"{len(spec.files)} files" if len(spec.files) > 1 else "1 file"
    progress.say(f"Fetching {spec.title}: {count}, about {human_size(size)}, into {folder}. License: {spec.license}.")
    archives = [fetch(file, waiting, progress, ways_on=_ways_on(spec)) for file in spec.files]
    with whole_folder(folder) as new:
        for archive in archives:
            unpack(archive, new, progress)
        made_from = [
            Provenance(archive.name, file.url, archive.stat().st_size, file_sha256(archive))
            for archive, file in zip(archives, spec.files, strict=True)
        ]
        _describe(spec, new, made_from, progress)
    for archive in archives:
        archive.unlink()


def _ways_on(spec: DatasetSpec) -> str:
    names = " ".join(file_name(file.url) for file in spec.files)
    return (
        f"Three ways on: fetch it on another machine and run `lnkit data import {spec.name} {names}`; name a folder "
        "that holds the data with `--data DIR`; or run on the embedded sample with `--sample`."
    )


def _size(source: Path) -> int:
    if source.is_dir():
        return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    if not source.is_file():
        raise DataError(f"{source} does not exist. Name the archive that you fetched, or its unpacked folder.")
    return source.stat().st_size


def _take(spec: DatasetSpec, source: Path, new: Path, by_name: bool, progress: Progress) -> Provenance:
    """Copy or unpack one source into the new folder."""
    if source.is_dir():
        target = new / source.resolve().name if by_name else new
        _copy_folder(source, target)
        return Provenance(source.name, str(source.resolve()), _size(source), "")
    if not is_archive(source):
        raise DataError(f"{source} is no folder and no tar or zip archive, or damaged. Name what you fetched.")
    sha256 = file_sha256(source)
    published = {file_name(file.url): file.sha256.lower() for file in spec.files if file.sha256}
    if published.get(source.name, sha256) != sha256:
        raise DataError(
            f"{source} has the SHA-256 {sha256}, and {published[source.name]} is published. Fetch it again."
        )
    unpack(source, new, progress)
    return Provenance(source.name, str(source.resolve()), source.stat().st_size, sha256)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy every file; stop at the first that fails (shutil.copytree tries them all, and lists each failure)."""
    for folder, _, names in os.walk(source, followlinks=True):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy2(Path(folder) / name, place / name)


def _keep_the_rest(old: Path, new: Path) -> None:
    """Bring what only the old folder has into the new one; linked where that can be done, so it costs no space."""
    for path in old.rglob("*"):
        target = new / path.relative_to(old)
        if path.is_dir() or target.exists() or path.relative_to(old).as_posix() in {FACTS, INVENTORY}:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(path)
        except OSError:
            shutil.copy2(path, target)


def _known_provenance(folder: Path) -> list[Provenance]:
    return [Provenance(**source) for source in read_facts(folder).get("sources", [])]


def _describe(spec: DatasetSpec, new: Path, made_from: Sequence[Provenance], progress: Progress) -> None:
    files, size = write_inventory(new, progress)
    if not files:
        raise DataError(f"There is no file in what was to become the dataset {spec.name}. Name what you fetched.")
    facts = {
        "name": spec.name,
        "title": spec.title,
        "license": spec.license,
        "homepage": spec.homepage,
        "sources": [asdict(source) for source in made_from],
        "files": files,
        "bytes": size,
        "lnkit": __version__,
        "made": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    (new / FACTS).write_text(json.dumps(facts, indent=1), encoding="utf-8")
