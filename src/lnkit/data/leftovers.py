"""Temporary names that say which process made them, so that the leftovers of dead processes can be told and removed.

A name is ``new-PLACE-PID-START-RANDOM``. PLACE stands for the host, its boot and the namespace of its process numbers:
where it is this process's own, the number and the start time say whether the owner lives. Elsewhere only age can tell.
"""

from __future__ import annotations

import os
import re
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

FORGOTTEN = 7 * 24 * 3600  # seconds; what a process of another host or boot left untouched for so long is a leftover

_NAME = re.compile(r"new-(?P<place>[0-9a-f]{8})-(?P<pid>\d{1,10})-(?P<start>\d{1,20})-[0-9a-f]{16}")


def tmp_name() -> str:
    """Return a file name that no other process uses, and that says which process uses it."""
    return f"new-{_place()}-{os.getpid()}-{_start(os.getpid())}-{os.urandom(8).hex()}"


def clear_leftovers(folder: Path) -> None:
    """Remove what dead processes left in ``folder`` under names of :func:`tmp_name`, with or without a leading dot."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if is_leftover(Path(entry.path)):
                remove(Path(entry.path))


def is_tmp_name(name: str) -> bool:
    """Return whether a name, with or without a leading dot, is one of :func:`tmp_name`."""
    return _NAME.fullmatch(name.removeprefix(".")) is not None


def is_leftover(path: Path) -> bool:
    """Return whether ``path`` has a name of :func:`tmp_name` whose process is dead."""
    match = _NAME.fullmatch(path.name.removeprefix("."))
    return match is not None and not _may_live(path, match["place"], int(match["pid"]), match["start"])


def remove(path: Path) -> None:
    """Remove a file, a link or a whole folder, as far as that is possible."""
    with suppress(OSError):
        if path.is_dir() and not path.is_symlink():
            import shutil  # noqa: PLC0415 - every command passes here

            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def owner_lives(name: str) -> bool | None:
    """Return whether the process that made a name of :func:`tmp_name` lives; None where this system cannot know."""
    match = _NAME.fullmatch(name)
    return None if match is None else _lives(match["place"], int(match["pid"]), match["start"])


def _lives(place: str, pid: int, start: str) -> bool | None:
    if place != _place():
        return None
    if not _runs(pid):
        return False
    if "0" not in (now := _start(pid), start):  # where start times can be read, they tell reused numbers apart
        return now == start
    return None


def _may_live(path: Path, place: str, pid: int, start: str) -> bool:
    if (lives := _lives(place, pid, start)) is not None:
        return lives
    try:
        return time.time() - path.lstat().st_mtime < FORGOTTEN
    except OSError:  # somebody else has removed it
        return True


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):  # it runs, and belongs to another user
        return True
    return True


def _start(pid: int) -> str:
    """Return the start time of a process in ticks since the boot; "0" where the system does not say it."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return "ended" if fields[0] in "ZX" else fields[19]  # its parent has not asked for its exit code yet
    except (OSError, IndexError):
        return "0"


@cache
def _place() -> str:
    import hashlib  # noqa: PLC0415 - every command passes here
    import socket  # noqa: PLC0415

    facts = [socket.gethostname()]
    for file, read in (("/proc/sys/kernel/random/boot_id", Path.read_text), ("/proc/self/ns/pid", os.readlink)):
        with suppress(OSError):
            facts.append(read(Path(file)))
    return hashlib.sha256("\n".join(facts).encode(errors="replace")).hexdigest()[:8]
