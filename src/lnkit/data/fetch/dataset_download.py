"""Download of a whole dataset: archives, which are unpacked, and single files."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from lnkit.data.atomic import atomic_folder
from lnkit.data.fetch.connections import Target, fetch_all
from lnkit.data.fetch.download import file_name
from lnkit.data.fetch.manifest import Provenance, write_manifest
from lnkit.data.fetch.remote_files import LISTING, all_files, remove_listing
from lnkit.data.fetch.transfer import RefusedError
from lnkit.data.fetch.unpack import unpack
from lnkit.data.storage import human_size, require_space, total_size
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec, RemoteFile

UNPACKED = 1.1  # times the archives' size: images hardly expand, but file systems round up
SINGLE = "files"  # folder in the download folder
FEW = 5  # file names in an error message


def announced_size(spec: DatasetSpec) -> int:
    """Return about how many bytes a dataset's download has, files from a remote listing included."""
    return sum(file.size for file in spec.files) + spec.size


def downloaded_bytes(spec: DatasetSpec, downloads: Path) -> tuple[int, int]:
    """Return the bytes in the download folder: of the dataset, and of its listing."""
    names = [file_name(file.url) for file in spec.files if not file.path]
    parts = [downloads / f"{name}{suffix}" for name in names for suffix in ("", ".part")]
    return sum(map(total_size, [*parts, downloads / SINGLE])), total_size(downloads / LISTING)


def fetch_dataset(spec: DatasetSpec, folder: Path, downloads: Path, progress: Progress) -> None:
    """Download a dataset and make its folder.

    Args:
        spec: The dataset.
        folder: Appears once all files are downloaded, verified and unpacked.
        downloads: For files until then; a later call resumes from them.
        progress: Receives sizes, license and bytes.

    Raises:
        DataError: A file cannot be fetched, is damaged, or does not fit on the disk.
    """
    _announce(spec, folder, progress)
    _require_space(spec, spec.files, announced_size(spec), folder, downloads)
    hint = _hint(spec)
    files = all_files(spec, downloads, progress, hint)
    if spec.list_files:
        _announce_listed(spec, files, downloads, progress)
        _require_space(spec, files, sum(file.size for file in files), folder, downloads)
    targets = [
        Target(file, downloads / SINGLE / file.path if file.path else downloads / file_name(file.url)) for file in files
    ]
    try:
        sums = fetch_all(spec.name, targets, downloads, progress, hint=hint)
    except RefusedError:
        remove_listing(downloads)  # files of an old listing may be gone
        raise
    sources = _provenance(targets, sums)  # before the files move
    with atomic_folder(folder) as tmp:
        for target in targets:
            if target.file.path:
                _move(target.path, tmp / target.file.path)
            else:
                unpack(target.path, tmp, progress)
        write_manifest(spec, tmp, sources, progress)
    _clear(targets, downloads)


def _hint(spec: DatasetSpec) -> str:
    """Return what to do if ``spec`` cannot be fetched, as whole sentences."""
    by_name = not spec.list_files and len(spec.files) <= FEW
    elsewhere = (
        f"fetch it on another machine and run `lnkit data import {spec.name} "
        f"{' '.join(file_name(file.url) for file in spec.files)}`"
        if by_name
        else f"run `lnkit data fetch {spec.name}` on another machine, copy the folder that it prints and run "
        f"`lnkit data import {spec.name} FOLDER`"
    )
    by_hand = f" {spec.by_hand}." if spec.by_hand else ""
    return (
        f"Alternatives: {elsewhere}; name a folder "
        f"that holds the data with `--data DIR`; or run on the embedded sample with `--sample`.{by_hand}"
    )


def _announce(spec: DatasetSpec, folder: Path, progress: Progress) -> None:
    count = f"{len(spec.files):,} files" if len(spec.files) > 1 else "1 file"
    what = "the files of a listing" if spec.list_files else count
    size = human_size(announced_size(spec))
    progress.say(f"Fetching {spec.title}: {what}, about {size}, into {folder}. License: {spec.license}.")
    if spec.by_hand:
        progress.say(f"{spec.by_hand}. Then run `lnkit data import {spec.name} FOLDER`.")


def _announce_listed(spec: DatasetSpec, files: Sequence[RemoteFile], downloads: Path, progress: Progress) -> None:
    size, done = sum(file.size for file in files), downloaded_bytes(spec, downloads)[0]
    arrived = f"; {human_size(done)} of it are downloaded already" if done else ""
    progress.say(f"{spec.name} has {len(files):,} files, about {human_size(size)}{arrived}.")


def _require_space(spec: DatasetSpec, files: Sequence[RemoteFile], size: int, folder: Path, downloads: Path) -> None:
    """Raise DataError if the disk is too small: single files are moved, archives need room beside their content."""
    archives = sum(file.size for file in files if not file.path)
    missing = size - min(downloaded_bytes(spec, downloads)[0], size)
    require_space(folder, missing + int(archives * UNPACKED), f"Fetching and unpacking {spec.name}")


def _move(source: Path, target: Path) -> None:
    """Link a file to its place, so that the download is not lost if the process is killed; move it if that fails."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # no hard links on this file system, or another disk
        shutil.move(source, target)


def _provenance(targets: Sequence[Target], sums: Sequence[str]) -> list[Provenance]:
    """Return an entry for each archive, and one for all single files of a remote folder."""
    archives, folders = [], defaultdict[str, list[int]](list)
    for target, sha256 in zip(targets, sums, strict=True):
        if target.file.path:
            folders[target.file.url.rpartition("/")[0]].append(target.size)
        else:
            archives.append(Provenance(target.path.name, target.file.url, target.size, sha256))
    single = [
        Provenance(f"{len(sizes):,} file{'s' * (len(sizes) > 1)}", f"{url}/", sum(sizes), "")
        for url, sizes in folders.items()
    ]
    return archives + single


def _clear(targets: Sequence[Target], downloads: Path) -> None:
    """Delete the downloads; the checksums of first downloads stay."""
    for target in targets:
        if not target.file.path:
            target.path.unlink()
    shutil.rmtree(downloads / SINGLE, ignore_errors=True)
    remove_listing(downloads)
