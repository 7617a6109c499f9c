"""Import of local archives, folders and single files into a dataset's folder."""

from __future__ import annotations

from pathlib import Path

from lnkit.data.fetch.checksums import compare_published, file_sha256
from lnkit.data.fetch.download import file_name
from lnkit.data.fetch.expected_files import check_published
from lnkit.data.fetch.folder_files import copy_file, folder_files
from lnkit.data.fetch.manifest import Provenance
from lnkit.data.fetch.safe_paths import RESERVED
from lnkit.data.fetch.unpack import is_archive, unpack
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec, RemoteFile

FEW = 5  # names in an error message


def source_size(source: Path) -> int:
    """Return the bytes of a file, or of all files in a folder.

    Raises:
        DataError: It does not exist, or is a folder that cannot be copied; see :func:`folder_files`.
    """
    if source.is_dir():
        return sum(file.size for file in folder_files(source))
    if not source.is_file():
        problem = "is no file and no folder" if source.exists() else "does not exist"
        raise DataError(f"{source} {problem}. Name the archive that you fetched, or its unpacked folder.")
    return source.stat().st_size


def import_source(spec: DatasetSpec, source: Path, new: Path, by_name: bool, progress: Progress) -> Provenance:
    """Copy or unpack one source into the new folder of a dataset.

    Args:
        spec: The dataset.
        source: An archive, a folder, or a single file of the dataset.
        new: The dataset's new folder.
        by_name: Copy a folder under its name, not its content.
        progress: Receives the bytes of archives.

    Raises:
        DataError: The source is missing, damaged, or not the published file.
    """
    if source.is_dir():
        target = new / source.resolve().name if by_name else new
        _copy_folder(source, target)
        check_published(spec, new, source.parent if by_name else source)
        return Provenance(source.name, str(source.resolve()), source_size(source), "")
    single = _single_file(spec, source)
    if single is None and not is_archive(source):
        raise DataError(
            f"Expected a folder, a tar or zip archive{_single_names(spec)}, got {source}, which may be damaged. "
            "Name the archive that you fetched, or its unpacked folder."
        )
    sha256 = _checked(spec, source, single)
    if single:
        target = new / single.path
        copy_file(source, target)
    else:
        unpack(source, new, progress)
    return Provenance(source.name, str(source.resolve()), source.stat().st_size, sha256)


def add_missing(old: Path, new: Path) -> None:
    """Add the files that only the old folder has to the new one, as hard links where possible."""
    for file in folder_files(old) if old.is_dir() else ():
        target = new / file.name
        if target.exists() or file.name in RESERVED:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(file.path.resolve())
        except OSError:
            copy_file(file.path, target)


def _single_file(spec: DatasetSpec, source: Path) -> RemoteFile | None:
    """Return the single file of the dataset that is named like ``source``, or None."""
    matches = [file for file in spec.files if file.path and source.name in {_name(file), file_name(file.url)}]
    if len(matches) > 1:
        paths = ", ".join(file.path for file in matches[:FEW])
        raise DataError(
            f"{source} may be any of {len(matches):,} files of {spec.name} ({paths}{', ...' * (len(matches) > FEW)}). "
            "Import a folder in which the files have these paths."
        )
    return matches[0] if matches else None


def _name(file: RemoteFile) -> str:
    return file.path.rpartition("/")[2]


def _single_names(spec: DatasetSpec) -> str:
    """Return the names of the dataset's single files, as the middle of a sentence."""
    names = [_name(file) for file in spec.files if file.path]
    return f" or one of the files {', '.join(names[:FEW])}{', ...' * (len(names) > FEW)}" if names else ""


def _checked(spec: DatasetSpec, source: Path, single: RemoteFile | None) -> str:
    """Return the SHA-256 of a file; raise DataError if it differs from the published file of its name."""
    archives = (file for file in spec.files if not file.path and file_name(file.url) == source.name)
    published = single or next(archives, None)
    if published is None:
        return file_sha256(source)
    size = source.stat().st_size
    if published.exact and size != published.size:
        raise DataError(f"{source} has {size:,} bytes, but {published.size:,} are published. Fetch it again.")
    sha256, fault = compare_published(published, source)
    if fault:
        raise DataError(f"{source} {fault}. Fetch it again.")
    return sha256


def _copy_folder(source: Path, target: Path) -> None:
    """Copy every file but lnkit's own; stop at the first failure (shutil.copytree goes on and lists every failure)."""
    for file in folder_files(source):
        if file.name not in RESERVED:
            copy_file(file.path, target / file.name)
