"""Bringing a dataset in that was fetched elsewhere: archives, folders, and single files by their names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lnkit.data.fetch.checksums import INVENTORY
from lnkit.data.fetch.download import file_name, file_sha256, published_fault
from lnkit.data.fetch.manifest import FACTS, Provenance
from lnkit.data.fetch.unpack import is_archive, unpack
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec, RemoteFile

FEW = 5  # names that an error lists


def source_size(source: Path) -> int:
    """Bytes of a file, or of all files in a folder.

    Raises:
        DataError: There is neither.
    """
    if source.is_dir():
        return sum(path.stat().st_size for path in source.rglob("*") if path.is_file())
    if not source.is_file():
        raise DataError(f"{source} does not exist. Name the archive that you fetched, or its unpacked folder.")
    return source.stat().st_size


def take(spec: DatasetSpec, source: Path, new: Path, by_name: bool, progress: Progress) -> Provenance:
    """Copy or unpack one source into the new folder; a folder's content, or itself if it goes ``by_name``.

    Raises:
        DataError: The source is missing, damaged, or not the published file.
    """
    if source.is_dir():
        target = new / source.resolve().name if by_name else new
        _copy_folder(source, target)
        return Provenance(source.name, str(source.resolve()), source_size(source), "")
    single = _single_file(spec, source)
    if single is None and not is_archive(source):
        raise DataError(
            f"{source} is no folder and no tar or zip archive, or damaged{_or_single(spec)}. Name what you fetched."
        )
    sha256 = _checked(spec, source, single)
    if single:
        _copy(source, new / single.path)
    else:
        unpack(source, new, progress)
    return Provenance(source.name, str(source.resolve()), source.stat().st_size, sha256)


def keep_the_rest(old: Path, new: Path) -> None:
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


def _single_file(spec: DatasetSpec, source: Path) -> RemoteFile | None:
    """The single file of the dataset that has the name of ``source``, if one has."""
    named = [file for file in spec.files if file.path and source.name in {_name(file), file_name(file.url)}]
    if len(named) > 1:
        places = ", ".join(file.path for file in named[:FEW])
        raise DataError(
            f"{source} may be any of {len(named):,} files of {spec.name} ({places}{', ...' * (len(named) > FEW)}). "
            "Import a folder in which the files lie where they belong."
        )
    return named[0] if named else None


def _name(file: RemoteFile) -> str:
    return file.path.rpartition("/")[2]


def _or_single(spec: DatasetSpec) -> str:
    """Which single files could have been named, as the middle of a sentence."""
    names = [_name(file) for file in spec.files if file.path]
    return f", and none of the files {', '.join(names[:FEW])}{', ...' * (len(names) > FEW)}" if names else ""


def _checked(spec: DatasetSpec, source: Path, single: RemoteFile | None) -> str:
    """SHA-256 of a file; refuses one that differs from what is published under its name."""
    archives = (file for file in spec.files if not file.path and file_name(file.url) == source.name)
    published = single or next(archives, None)
    if published is None:
        return file_sha256(source)
    size = source.stat().st_size
    if published.exact and size != published.size:
        raise DataError(f"{source} has {size:,} bytes, and {published.size:,} are published. Fetch it again.")
    sha256, fault = published_fault(published, source)
    if fault:
        raise DataError(f"{source} {fault}. Fetch it again.")
    return sha256


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target)


def _copy_folder(source: Path, target: Path) -> None:
    """Copy every file; stop at the first that fails (shutil.copytree tries them all, and lists each failure)."""
    for folder, _, names in os.walk(source, followlinks=True):
        place = target / Path(folder).relative_to(source)
        place.mkdir(parents=True, exist_ok=True)
        for name in names:
            shutil.copy2(Path(folder) / name, place / name)
