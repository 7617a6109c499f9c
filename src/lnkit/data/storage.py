"""Writing to disk whole or not at all, and saying in a sentence when the disk will not take it."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from lnkit.data.atomic import DISK_FULL, atomic_write
from lnkit.errors import DataError
from lnkit.progress import Progress

FULL = DISK_FULL | {errno.EFBIG}
UNITS = ("kB", "MB", "GB", "TB")
CLOSED = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST}  # the last two: a file in the way


def human_size(size: int) -> str:
    """``1300000000`` as ``1.3 GB``: decimal units, as disks and download pages count."""
    if size < 1000:
        return f"{size} bytes"
    power = min(len(UNITS), (len(str(size)) - 1) // 3)
    value = size / 1000**power
    return f"{value:.0f} {UNITS[power - 1]}" if value >= 99.5 else f"{value:.1f} {UNITS[power - 1]}"


def require_space(folder: Path, needed: int, what: str) -> None:
    """Raise DataError if ``folder``'s disk has fewer than ``needed`` bytes free for ``what`` ("packing ...")."""
    existing = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"{what} needs {human_size(needed)} in {folder}, where {human_size(free)} are free. "
            "Free some space there, or set LNKIT_CACHE to a folder on another disk."
        )


@contextmanager
def writing(folder: Path, needed: int, what: str) -> Iterator[None]:
    """Turn a disk that is full or closed to us into a DataError that says so."""
    try:
        yield
    except OSError as error:
        if error.errno in FULL:
            raise DataError(
                f"The disk is full: {what} needs {human_size(needed)} in {folder}. "
                "Free some space there, or set LNKIT_CACHE to a folder on another disk."
            ) from error
        if error.errno in CLOSED:
            raise DataError(
                f"{what} has to write in {folder}, and the system refused ({error.strerror}). "
                "Change its permissions, or set LNKIT_CACHE to a folder that you may write to."
            ) from error
        raise


@contextmanager
def locked(target: Path, doing: str, progress: Progress) -> Iterator[None]:
    """Hold the lock of ``target``, telling the user if another process has it because it is ``doing`` something."""
    target.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(target.with_name(f".{target.name}.lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        progress.say(f"Waiting for another process that is {doing}.")
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Give a temporary folder beside ``target`` that takes its place at the end, or vanishes if anything goes wrong.

    The caller holds whatever lock keeps others from making the same folder: what an earlier, killed process left under
    the temporary name is removed first.
    """
    temporary = target.with_name(f".{target.name}.part")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    _bring_back(target)
    try:
        yield temporary
        _replace_folder(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise


def _replace_folder(new: Path, target: Path) -> None:
    """Rename ``new`` to ``target``; os.replace alone does not replace a folder that holds something."""
    old = _set_aside(target)
    if target.exists():
        shutil.rmtree(old, ignore_errors=True)
        target.rename(old)
    new.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _set_aside(target: Path) -> Path:
    return target.with_name(f".{target.name}.old")


def _bring_back(target: Path) -> None:
    """Undo what a process did that was killed between the two renames of ``_replace_folder``."""
    if _set_aside(target).is_dir() and not target.exists():
        _set_aside(target).rename(target)


def write_whole(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` whole or not at all."""
    with atomic_write(path) as draft:
        draft.write_text(text, encoding="utf-8")
