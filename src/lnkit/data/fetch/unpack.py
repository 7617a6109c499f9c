"""Safe unpacking of untrusted archives: nothing outside the folder, no links, no bombs.

Only regular files and folders are accepted, which is stricter than tarfile's ``data`` filter and the same for zip.
"""

from __future__ import annotations

import errno
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import IO, Self

from lnkit._text_paths import text_paths
from lnkit.data.fetch.safe_paths import DEEPEST
from lnkit.data.storage import human_size, require_space
from lnkit.data.stored_files import open_regular
from lnkit.errors import DataError
from lnkit.progress import Progress

MOST_EXPANSION = 50  # times the archive's size; archives of images hardly expand at all
ALWAYS_ALLOWED = 50_000_000  # bytes, however small the archive
MEMBER_BYTES = 512  # that each member counts at least: empty files fill a disk, too
MOST_METADATA = 2**20  # bytes of a tar's extended header, which tarfile reads into memory
BLOCK = 2**20  # bytes
SHOWN = 80  # characters of a member's name in an error message
# What a file system says to a name: too long, not in its encoding.
BAD_NAME = {errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ}


@dataclass(frozen=True, slots=True)
class _Member:
    """A file in an archive."""

    name: str
    size: int  # bytes, as stated in the archive; no more are ever written
    open: Callable[[], IO[bytes]]
    position: int  # bytes of the archive read so far


@text_paths
def is_archive(path: Path) -> bool:
    """Return whether ``path`` is a tar (plain or compressed) or zip archive, judged by its content."""
    if not path.is_file():
        return False
    try:
        return zipfile.is_zipfile(path) or tarfile.is_tarfile(path)
    except Exception:  # of a decompressor that meets its end or damage within the first bytes
        return False


@text_paths
def unpack(archive: Path, folder: Path, progress: Progress) -> None:
    """Unpack a tar (plain or compressed) or zip archive.

    Args:
        archive: Recognized by its content.
        folder: Where the files are written; the caller discards it on errors.
        progress: Receives the bytes of the archive that were read.

    Raises:
        DataError: It is not an archive, is damaged or truncated, contains links or paths that lead out of the folder,
            names a file twice, nests folders too deeply, or expands to more than 50 times its size.
    """
    if not is_archive(archive):
        raise DataError(f"Expected a tar or zip archive, got {archive}. It may be damaged: fetch it again.")
    size = archive.stat().st_size
    limit = max(ALWAYS_ALLOWED, MOST_EXPANSION * size)
    written, position = 0, 0
    with progress.task(f"unpacking {archive.name}", size, unit="bytes") as advance:
        for member in _members(archive):
            written += max(member.size, MEMBER_BYTES)
            if written > limit:
                raise DataError(
                    f"{archive} expands to more than {human_size(limit)}, too much for an archive of images. "
                    "Nothing was unpacked. Fetch it again from its source."
                )
            require_space(folder, member.size, f"Unpacking {archive.name}")
            _write(member, _target(folder, member.name, archive), archive)
            advance(member.position - position)
            position = member.position
        advance(size - position)


def _members(archive: Path) -> Iterator[_Member]:
    with _damage_named(archive):
        yield from _zip_members(archive) if zipfile.is_zipfile(archive) else _tar_members(archive)


class _Header(tarfile.TarInfo):
    """A tar's header; those that make tarfile read without end, or into memory without limit, are refused."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        described = header.type in {*tarfile.GNU_TYPES, tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE}
        if header.size < 0 or (described and header.type != tarfile.GNUTYPE_SPARSE and header.size > MOST_METADATA):
            raise EOFError(f"a header states {header.size} bytes")
        return header


def _tar_members(archive: Path) -> Iterator[_Member]:
    with open_regular(archive) as raw, tarfile.open(fileobj=raw, mode="r:*", tarinfo=_Header) as tar:
        while (info := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile would keep all members in memory
            if info.isdir():
                continue
            if not info.isreg():
                raise _refused(archive, info.name, "is a link or a device")
            if info.issparse() or info.size < 0:  # few bytes that stand for any number of zeros
                raise _refused(archive, info.name, "is a sparse file")
            yield _Member(info.name, info.size, lambda info=info: _opened(tar, info), raw.tell())  # type: ignore[misc]
        _check_rest(tar)


def _opened(tar: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = tar.extractfile(info)
    if file is None:  # only for members that are not regular files
        raise EOFError(f"no content for {info.name}")
    return file


def _check_rest(tar: tarfile.TarFile) -> None:
    """Require zeros after the end: tarfile takes damaged headers for the end, and leaves gzip's checksum unread."""
    while tar.fileobj is not None and (rest := tar.fileobj.read(BLOCK)):
        if rest.strip(b"\0"):
            raise EOFError("there are bytes after its end")


def _zip_members(archive: Path) -> Iterator[_Member]:
    with open_regular(archive) as raw, zipfile.ZipFile(raw) as bundle:
        for info in bundle.infolist():
            if info.is_dir():
                continue
            if stat.S_IFMT(info.external_attr >> 16) not in {0, stat.S_IFREG}:
                raise _refused(archive, info.filename, "is a link or a device")
            if info.flag_bits & 1:
                raise _refused(archive, info.filename, "is encrypted")
            yield _Member(info.filename, info.file_size, lambda info=info: bundle.open(info), info.header_offset)  # type: ignore[misc]


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    """Turn any error of reading an archive into a DataError that says it is damaged."""
    try:
        yield
    except DataError:
        raise
    except Exception as error:  # the archive modules raise many kinds, zlib and lzma theirs
        raise DataError(
            f"{archive} is damaged or truncated ({str(error) or type(error).__name__}). Delete it and fetch it again."
        ) from error


def _write(member: _Member, target: Path, archive: Path) -> None:
    """Write the content of one member, exactly as many bytes as the archive states."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        out = target.open("xb")
    except FileExistsError as error:
        both = target.is_dir() or not target.parent.is_dir()
        why = "is both a file and a folder" if both else "is in it, or in another archive of the data, a second time"
        raise _refused(archive, member.name, why) from error
    except (NotADirectoryError, IsADirectoryError) as error:
        raise _refused(archive, member.name, "is both a file and a folder") from error
    except OSError as error:
        if error.errno in BAD_NAME:
            raise _refused(archive, member.name, "has a name that this file system does not take") from error
        raise
    with out:
        with _damage_named(archive):
            source = member.open()
        remaining = member.size
        while remaining:
            with _damage_named(archive):
                block = source.read(min(BLOCK, remaining))
                if not block:
                    raise EOFError(f"{member.name} ends early")
            out.write(block)
            remaining -= len(block)
        with _damage_named(archive):
            source.close()


def _target(folder: Path, name: str, archive: Path) -> Path:
    """Return the path for a member; refuse names that would leave ``folder`` on any operating system."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or PureWindowsPath(name).drive or "\0" in name:
        raise _refused(archive, name, "leads out of the folder")
    if not path.parts or not name.isprintable():
        raise _refused(archive, name, "has a name that cannot be printed")
    if len(path.parts) > DEEPEST:
        raise _refused(archive, name, f"lies more than {DEEPEST} folders deep")
    return folder / path


def _refused(archive: Path, name: str, why: str) -> DataError:
    shown = ascii(name) if len(name) <= SHOWN else f"{name[:SHOWN]!a}..."
    return DataError(f"{archive} was not unpacked: its member {shown} {why}. Fetch it again from its source.")
