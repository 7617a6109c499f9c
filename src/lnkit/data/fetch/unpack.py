"""Unpacking archives that somebody else made: nothing outside the folder, no links, no bombs.

Only regular files and folders are accepted: stricter than tarfile's ``data`` filter, and the same for tar and zip.
"""

from __future__ import annotations

import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO

from lnkit.data.storage import human_size, require_space
from lnkit.errors import DataError
from lnkit.progress import Progress

MOST_EXPANSION = 50  # times the archive's size; archives of images hardly expand at all
ALWAYS_ALLOWED = 50_000_000  # bytes, however small the archive
BLOCK = 2**20  # bytes
# What the archive modules raise on damaged files; they are not of one mind either.
BROKEN = (tarfile.TarError, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, NotImplementedError)


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive."""

    name: str
    size: int  # bytes, as the archive says; no more are ever written
    open: Callable[[], IO[bytes]]
    position: int  # bytes of the archive read so far


def is_archive(path: Path) -> bool:
    """Whether ``path`` is a tar (plain or compressed) or zip archive, by its content."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def unpack(archive: Path, folder: Path, progress: Progress) -> None:
    """Unpack ``archive`` (tar, plain or compressed, or zip) into ``folder``, which the caller discards on errors.

    Raises:
        DataError: It is no archive, is damaged or cut short, holds links or paths that lead out, or expands to more
            than 50 times its size.
    """
    if not is_archive(archive):
        raise DataError(f"{archive} is no tar or zip archive, or damaged so that none can be seen. Fetch it again.")
    size = archive.stat().st_size
    limit = max(ALWAYS_ALLOWED, MOST_EXPANSION * size)
    written, told = 0, 0
    members = _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive)
    with progress.task(f"unpacking {archive.name}", size, unit="bytes") as advance:
        while member := _next(members, archive):
            written += member.size
            _check_size(archive, written, limit)
            require_space(folder, member.size, f"Unpacking {archive.name}")
            _write(member, _target(folder, member.name, archive), archive)
            advance(member.position - told)
            told = member.position
        advance(size - told)


def _tar_members(archive: Path) -> Iterator[_Member]:
    with archive.open("rb") as raw, tarfile.open(fileobj=raw, mode="r:*") as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # it would keep every one of them in memory
            if info.isdir():
                continue
            if not info.isreg():
                raise _refused(archive, info.name, "is a link or a device")
            yield _Member(info.name, info.size, lambda info=info: _opened(tar, info), raw.tell())  # type: ignore[misc]
        _check_rest(tar)


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    if file is None:  # only for what is no regular file
        raise EOFError(f"no content for {info.name}")
    return file


def _check_rest(tar: tarfile.TarFile) -> None:
    """After the end come zeros only: tarfile takes a damaged header for the end, and leaves gzip's checksum unread."""
    while tar.fileobj is not None and (rest := tar.fileobj.read(BLOCK)):
        if rest.strip(b"\0"):
            raise EOFError("there is something after its end")


def _zip_members(archive: Path) -> Iterator[_Member]:
    with archive.open("rb") as raw, zipfile.ZipFile(raw) as bundle:
        for info in bundle.infolist():
            if info.is_dir():
                continue
            if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
                raise _refused(archive, info.filename, "is a link or a device")
            if info.flag_bits & 1:
                raise _refused(archive, info.filename, "is encrypted")
            yield _Member(info.filename, info.file_size, lambda info=info: bundle.open(info), info.header_offset)  # type: ignore[misc]


def _next(members: Iterator[_Member], archive: Path) -> _Member | None:
    with _damage_named(archive):
        return next(members, None)


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    """Around reading an archive, where any of these errors means that it is damaged."""
    try:
        yield
    except BROKEN as error:
        raise DataError(
            f"{archive} is damaged or cut short ({str(error) or type(error).__name__}). Delete it and fetch it again."
        ) from error


def _write(member: _Member, target: Path, archive: Path) -> None:
    """Write one member's bytes, as many as the archive states."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("wb")
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise _refused(archive, member.name, "is both a file and a folder") from error
    with out:
        with _damage_named(archive):
            source = member.open()
        left = member.size
        while left:
            with _damage_named(archive):
                block = source.read(min(BLOCK, left))
                if not block:
                    raise EOFError(f"{member.name} ends early")
            out.write(block)
            left -= len(block)


def _target(folder: Path, name: str, archive: Path) -> Path:
    """Where a member goes; refuses what would leave ``folder`` on any system."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or PureWindowsPath(name).drive or "\0" in name:
        raise _refused(archive, name, "leads out of the folder")
    return folder / path


def _check_size(archive: Path, written: int, limit: int) -> None:
    if written > limit:
        raise DataError(
            f"{archive} expands to more than {human_size(limit)}, which is no honest archive of images. "
            "Nothing was kept. Fetch it again from its source."
        )


def _refused(archive: Path, name: str, why: str) -> DataError:
    return DataError(f"{archive} was not unpacked: its member {name!r} {why}. Fetch it again from its source.")
