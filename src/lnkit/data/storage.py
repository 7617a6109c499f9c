"""Disk space, locks between processes, and errors that say what to do when a disk refuses to be written to."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock, Timeout

from lnkit._text_paths import text_paths
from lnkit.data.atomic import DISK_FULL
from lnkit.errors import DataError
from lnkit.progress import Progress

FULL = DISK_FULL | {errno.EFBIG}
UNITS = ("kB", "MB", "GB", "TB")
NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP}
REFUSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}  # the last two: a file in the way


def human_size(size: int) -> str:
    """Format a number of bytes in decimal units: ``1300000000`` as ``1.3 GB``."""
    if size < 1000:
        return f"{size} bytes"
    power = min(len(UNITS), (len(str(size)) - 1) // 3)
    value = size / 1000**power
    return f"{value:.0f} {UNITS[power - 1]}" if value >= 99.5 else f"{value:.1f} {UNITS[power - 1]}"


def total_size(path: Path) -> int:
    """Return the bytes of a file, or of all files below a folder; 0 if ``path`` does not exist."""
    if path.is_file():
        return path.stat().st_size
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


@text_paths
def require_space(folder: Path, needed: int, action: str) -> None:
    """Raise DataError if there is too little free space.

    Args:
        folder: On the disk in question; it need not exist yet.
        needed: Bytes.
        action: Start of the error message, such as "Packing bapps".
    """
    existing = next(path for path in (folder, *folder.absolute().parents) if path.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"{action} needs {human_size(needed)} in {folder}, but only {human_size(free)} are free. "
            "Free some space there, or set LNKIT_CACHE to a folder on another disk."
        )


@text_paths
@contextmanager
def explain_disk_errors(folder: Path, needed: int, action: str) -> Iterator[None]:
    """Turn errors of a full, read-only or forbidden disk into a DataError that says what to do.

    Args:
        folder: Where the body of the ``with`` statement writes.
        needed: Bytes that it needs there, about.
        action: For the error message, such as "packing bapps".
    """
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DataError(
                f"The disk is full: {action} needs {human_size(needed)} in {folder}. "
                "Free some space there, or set LNKIT_CACHE to a folder on another disk."
            ) from error
        if error.errno in REFUSED:
            raise DataError(
                f"Cannot write in {folder} for {action} ({error.strerror}). "
                "Change its permissions, or set LNKIT_CACHE to a folder that you may write to."
            ) from error
        raise


@text_paths
@contextmanager
def locked(target: Path, action: str, progress: Progress) -> Iterator[None]:
    """Hold a lock between processes on ``target``; the system releases that of a process that dies.

    On file systems without such locks (some NFS, CIFS and Lustre) a file that names its owner is the lock. If its owner
    died on this machine, the next process takes it over.

    Args:
        target: The file or folder to protect; the lock is a hidden file beside it.
        action: What the holder of the lock does, for the user who waits: "packing bapps".
        progress: Receives a sentence if another process holds the lock.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = _acquire_at_once(target)
    if not lock.is_locked:
        hint = f" If none is running, delete {lock.lock_file}." if isinstance(lock, SoftFileLock) else ""
        progress.say(f"Waiting for another process that is {action}.{hint}")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _acquire_at_once(target: Path) -> BaseFileLock:
    """Return a lock on ``target``, which is held unless another process holds it."""
    file = target.with_name(f".{target.name}.lock")
    lock: BaseFileLock = FileLock(file, fallback_to_soft=False)
    try:
        with suppress(Timeout):
            lock.acquire(timeout=0)
    except OSError as error:
        if error.errno not in NO_LOCKS:
            raise
        lock = SoftFileLock(file.with_name(f"{file.name}-owner"))
        with suppress(Timeout):
            lock.acquire(timeout=0)
    return lock


def clear_locks(folder: Path) -> None:
    """Remove the files of locks in ``folder`` that nobody holds: what killed processes left of :func:`locked`."""
    for file in folder.glob(".*.lock"):
        with suppress(OSError, Timeout), FileLock(file, timeout=0, fallback_to_soft=False):
            file.unlink()  # who waits for it notices, and makes a new one
    for file in folder.glob(".*.lock-owner"):
        with suppress(OSError, Timeout), SoftFileLock(file, timeout=0):
            pass
