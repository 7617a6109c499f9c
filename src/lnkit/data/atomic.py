"""Files and folders that appear complete or not at all; imports little, so that every command may use it."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data.leftovers import clear_leftovers, remove, tmp_name

DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_swept: set[tuple[int, str]] = set()  # process and folder; leftovers of earlier runs are looked for once


@text_paths
@contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; rename it to ``path`` at the end, or delete it on any error.

    What killed processes left beside ``path`` is removed.
    """
    _sweep(path.parent)
    tmp = path.with_name(f".{tmp_name()}")
    try:
        yield tmp
        tmp.replace(path)
    finally:
        with suppress(OSError):
            tmp.unlink()


@text_paths
def atomic_write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` in UTF-8, completely or not at all."""
    with atomic_write(path) as tmp:
        tmp.write_text(text, encoding="utf-8")


@text_paths
@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``target``; rename it to ``target`` at the end, or delete it on any error.

    The caller holds a lock against others that make the same folder: a temporary folder left by a killed process is
    removed first. A folder that is replaced is there at every moment; only where the file system cannot exchange two
    folders it is absent for a moment, and :func:`restore_folder` brings it back if that moment was the last.
    """
    tmp, old = _beside(target, "part"), _beside(target, "old")
    remove(tmp)
    tmp.mkdir(parents=True)
    restore_folder(target)
    remove(old)
    try:
        yield tmp
        if not target.exists():
            tmp.rename(target)
        elif exchange(tmp, target):
            remove(tmp)
        else:
            target.rename(old)
            tmp.rename(target)
            remove(old)
    except BaseException:
        restore_folder(target)
        remove(tmp)
        raise


def restore_folder(target: Path) -> None:
    """Bring back a folder whose replacement was killed halfway; for the holder of its lock, before it looks there."""
    old = _beside(target, "old")
    if old.is_dir() and not target.exists():
        with suppress(OSError):
            old.rename(target)


def restore_folders(parent: Path) -> None:
    """Do the same for all folders in ``parent``."""
    for old in parent.glob(".*.old"):
        restore_folder(old.with_name(old.name[1:].removesuffix(".old")))


def exchange(first: Path, second: Path) -> bool:
    """Exchange two files or folders in one step.

    Returns:
        False, with both as they were, where the system or the file system cannot do this (NFS, CIFS).

    Raises:
        FileNotFoundError: one of them is missing.
    """
    number = _exchange_call()(os.fsencode(first), os.fsencode(second))
    if number == errno.ENOENT:
        raise FileNotFoundError(number, os.strerror(number), str(first), None, str(second))
    return number == 0  # whatever else hinders it hinders the usual ways too, and they say so


def sync(path: Path) -> None:
    """Flush a file, or a folder with everything in it, to the disk, so that a power cut cannot undo a rename of it."""
    if path.is_dir():
        for inner in path.iterdir():
            sync(inner)
        sync_names(path)
    elif path.is_file():
        with path.open("rb") as file:
            os.fsync(file.fileno())


def sync_names(folder: Path) -> None:
    """Flush the names in a folder; file systems that cannot flush folders do it themselves."""
    if os.name != "posix":  # Windows opens no folders
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF}:
            raise
    finally:
        os.close(descriptor)


def _beside(target: Path, ending: str) -> Path:
    return target.with_name(f".{target.name}.{ending}")


def _sweep(folder: Path) -> None:
    place = (os.getpid(), os.path.abspath(folder))  # noqa: PTH100 - cheap, and without following links
    if place not in _swept:
        _swept.add(place)
        clear_leftovers(folder)


@cache
def _exchange_call() -> Callable[[bytes, bytes], int]:
    """Return a function that exchanges what two paths name, and returns 0 or the number of the error."""
    import ctypes  # noqa: PLC0415 - few commands replace a folder

    name, here = ("renameatx_np", -2) if sys.platform == "darwin" else ("renameat2", -100)  # AT_FDCWD
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    if function is None:
        return lambda _first, _second: errno.ENOSYS
    function.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint]
    swap = 2  # RENAME_EXCHANGE of Linux, RENAME_SWAP of macOS
    return lambda first, second: ctypes.get_errno() if function(here, first, here, second, swap) else 0
