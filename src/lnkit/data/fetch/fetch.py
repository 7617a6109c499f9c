"""Making a dataset's folder from what its servers give: archives that are unpacked, and single files."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from lnkit.data.fetch.connections import Wanted, fetch_all
from lnkit.data.fetch.download import file_name
from lnkit.data.fetch.manifest import Provenance, describe
from lnkit.data.fetch.remote_listing import LISTING, all_files, forget_listing
from lnkit.data.fetch.transfer import RefusedError
from lnkit.data.fetch.unpack import unpack
from lnkit.data.storage import atomic_folder, human_size, require_space
from lnkit.progress import Progress
from lnkit.specs import DatasetSpec, RemoteFile

UNPACKED = 1.1  # times the archives' size: images hardly expand, but file systems round up
SINGLE = "files"  # folder in the download folder
FEW = 5  # files whose names an error lists


def announced_size(spec: DatasetSpec) -> int:
    """Bytes of a dataset's download, about: of the files that it names, and of those that its listing will."""
    return sum(file.size for file in spec.files) + spec.size


def waiting_bytes(spec: DatasetSpec, waiting: Path) -> tuple[int, int]:
    """Bytes that have arrived in the download folder: of the dataset, and of its listing."""
    names = [file_name(file.url) for file in spec.files if not file.path]
    parts = [waiting / f"{name}{suffix}" for name in names for suffix in ("", ".part")]
    return sum(_size(part) for part in parts) + _total(waiting / SINGLE), _total(waiting / LISTING)


def fetch_dataset(spec: DatasetSpec, folder: Path, waiting: Path, progress: Progress) -> None:
    """Fetch everything into the folder ``waiting``, and make the dataset's ``folder`` of it when all is there.

    Raises:
        DataError: Something could not be reached, is damaged, or does not fit on the disk.
    """
    _announce(spec, folder, progress)
    _require_space(spec, spec.files, announced_size(spec), folder, waiting)
    files = all_files(spec, waiting, progress, ways_on(spec))
    if spec.list_files:
        _announce_listed(spec, files, waiting, progress)
        _require_space(spec, files, sum(file.size for file in files), folder, waiting)
    wanted = [Wanted(file, _place(file, waiting)) for file in files]
    try:
        sums = fetch_all(spec.name, wanted, waiting, progress, ways_on=ways_on(spec))
    except RefusedError:
        forget_listing(waiting)  # what an old listing names may be gone
        raise
    made_from = _provenance(wanted, sums)  # now, while everything is where it arrived
    with atomic_folder(folder) as new:
        for one in wanted:
            if one.file.path:
                _move(one.path, new / one.file.path)
            else:
                unpack(one.path, new, progress)
        describe(spec, new, made_from, progress)
    _clear(wanted, waiting)


def ways_on(spec: DatasetSpec) -> str:
    """What to do if ``spec`` cannot be fetched, as whole sentences."""
    by_name = not spec.list_files and len(spec.files) <= FEW
    elsewhere = (
        f"fetch it on another machine and run `lnkit data import {spec.name} "
        f"{' '.join(file_name(file.url) for file in spec.files)}`"
        if by_name
        else f"run `lnkit data fetch {spec.name}` on another machine, carry the folder that it names over and run "
        f"`lnkit data import {spec.name} FOLDER`"
    )
    return (
        f"Three ways on: {elsewhere}; name a folder "
        "that holds the data with `--data DIR`; or run on the embedded sample with `--sample`."
    )


def _announce(spec: DatasetSpec, folder: Path, progress: Progress) -> None:
    count = f"{len(spec.files):,} files" if len(spec.files) > 1 else "1 file"
    what = "the files of a listing" if spec.list_files else count
    size = human_size(announced_size(spec))
    progress.say(f"Fetching {spec.title}: {what}, about {size}, into {folder}. License: {spec.license}.")


def _announce_listed(spec: DatasetSpec, files: Sequence[RemoteFile], waiting: Path, progress: Progress) -> None:
    size, here = sum(file.size for file in files), waiting_bytes(spec, waiting)[0]
    arrived = f"; {human_size(here)} of it are here" if here else ""
    progress.say(f"{spec.name} has {len(files):,} files, about {human_size(size)}{arrived}.")


def _require_space(spec: DatasetSpec, files: Sequence[RemoteFile], size: int, folder: Path, waiting: Path) -> None:
    """Single files move to where they belong; archives need room beside what is unpacked from them."""
    archives = sum(file.size for file in files if not file.path)
    missing = size - min(waiting_bytes(spec, waiting)[0], size)
    require_space(folder, missing + int(archives * UNPACKED), f"Fetching and unpacking {spec.name}")


def _place(file: RemoteFile, waiting: Path) -> Path:
    return waiting / SINGLE / file.path if file.path else waiting / file_name(file.url)


def _move(source: Path, target: Path) -> None:
    """Put a file where it belongs; it stays where it was under a second name, so that a kill now costs no download."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:  # a file system without second names, or another one
        shutil.move(source, target)


def _provenance(wanted: Sequence[Wanted], sums: Sequence[str]) -> list[Provenance]:
    """An entry for each archive, and one for all single files of a remote folder: the inventory has each of them."""
    archives, folders = [], defaultdict[str, list[int]](list)
    for one, sha256 in zip(wanted, sums, strict=True):
        if one.file.path:
            folders[one.file.url.rpartition("/")[0]].append(one.size)
        else:
            archives.append(Provenance(one.path.name, one.file.url, one.size, sha256))
    single = [
        Provenance(f"{len(sizes):,} file{'s' * (len(sizes) > 1)}", f"{url}/", sum(sizes), "")
        for url, sizes in folders.items()
    ]
    return archives + single


def _clear(wanted: Sequence[Wanted], waiting: Path) -> None:
    """Remove what has served its purpose; checksums of first downloads stay."""
    for one in wanted:
        if not one.file.path:
            one.path.unlink()
    shutil.rmtree(waiting / SINGLE, ignore_errors=True)
    forget_listing(waiting)


def _total(folder: Path) -> int:
    return sum(_size(path) for path in folder.rglob("*"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
