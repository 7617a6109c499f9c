"""How the folder of a record is replaced while others read it, so that at every moment there is one whole record.

Where the file system can exchange two folders in one step, that is all. Elsewhere (NFS, CIFS) the replacement becomes a
folder ``edition-1``, ``edition-2``, ... inside the folder of the record: the one with the greatest number counts, and
what is older is removed. Nothing here takes a lock, and any process may be killed at any moment.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from lnkit.data.atomic import exchange
from lnkit.errors import DataError

T = TypeVar("T")

TRIES = 20  # replacements during one reading

_EDITION = re.compile(r"edition-([1-9]\d{0,8})")
_TAKEN = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class ReplacedError(DataError):
    """A record was replaced while it was read."""


def is_edition(name: str) -> bool:
    """Return whether files of a record may not have this name, because an edition could have it."""
    return _EDITION.fullmatch(name) is not None


def current(folder: Path) -> Path:
    """Return where the files of the record in ``folder`` are: its newest edition, or the folder itself."""
    try:
        newest = _newest(os.listdir(folder))  # noqa: PTH208 - names are enough
    except OSError:  # missing or closed, as whoever reads a file in it will say
        return folder
    return folder / f"edition-{newest}" if newest else folder


def read_current(folder: Path, read: Callable[[Path], T]) -> T:
    """Read files of the record in ``folder``, all of one edition: again where it was replaced meanwhile.

    Args:
        folder: Of the record.
        read: Reads from the folder that it is given, and raises DataError if something is missing or damaged.

    Raises:
        DataError: Of ``read``.
        ReplacedError: It was replaced over and over.
    """
    for _ in range(TRIES):
        before = (current(folder), _identity(folder))
        result: T | DataError
        try:
            result = read(before[0])
        except DataError as error:
            result = error
        if before == (current(folder), _identity(folder)):
            if isinstance(result, DataError):
                raise result
            return result
    raise ReplacedError(f"{folder} was replaced {TRIES} times while it was read. Run the command again.")


def put_in_place(new: Path, folder: Path, *, replace: bool) -> None:
    """Make the complete folder ``new`` the folder of a record.

    Args:
        new: Disappears from its place; what it replaces may stay there, for the caller to remove.
        folder: Of the record.
        replace: Replace a record; otherwise the first one stays.

    Raises:
        OSError: The results folder cannot be written to; the record is as it was.
    """
    while True:
        try:
            new.rename(folder)  # replaces nothing but an empty folder
        except OSError:
            if not folder.is_dir():
                raise
        else:
            return
        if not replace:
            return
        try:
            if not exchange(new, folder):
                _add_edition(new, folder)
        except FileNotFoundError:  # somebody has removed the folder of the record, unless the new one is gone
            if not new.is_dir():
                raise
        else:
            return


def tidy(folder: Path) -> None:
    """Remove what is older than the newest edition of a record, where a writer was killed before it did."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            _remove_older(descriptor)
        finally:
            os.close(descriptor)


def _add_edition(new: Path, folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)  # a host that can exchange may do it meanwhile
    try:
        number = _newest(os.listdir(descriptor)) + 1  # noqa: PTH208 - of a descriptor
        while True:
            try:
                os.rename(new, f"edition-{number}", dst_dir_fd=descriptor)
                break
            except OSError as error:
                if error.errno not in _TAKEN:
                    raise
            number += 1
        _remove_older(descriptor)
    finally:
        os.close(descriptor)


def _remove_older(descriptor: int) -> None:
    """Remove everything in a folder but its newest edition, if it has any."""
    names = os.listdir(descriptor)
    newest = _newest(names)
    for name in names if newest else ():
        if name != f"edition-{newest}":
            shutil.rmtree(name, ignore_errors=True, dir_fd=descriptor)
            with suppress(OSError):
                os.unlink(name, dir_fd=descriptor)


def _newest(names: list[str]) -> int:
    return max((int(match[1]) for name in names if (match := _EDITION.fullmatch(name))), default=0)


def _identity(path: Path) -> tuple[int, ...]:
    with suppress(OSError):
        facts = path.stat()
        return facts.st_dev, facts.st_ino, facts.st_mtime_ns
    return ()
