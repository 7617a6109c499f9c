"""Files that a user names with --output: whole or untouched; devices and FIFOs get the content sent."""

from __future__ import annotations

import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lnkit.data.atomic import atomic_write
from lnkit.errors import LnkitError

STREAMS = {"/dev/stdout": 1, "/dev/stderr": 2}


@contextmanager
def output_file(file: Path) -> Iterator[Path]:
    """Give a temporary path whose content becomes that of ``file`` at the end.

    An earlier file of this name is replaced, with the same permissions; a link stays one, and its target is replaced.
    A device, a FIFO and ``/dev/stdout`` are written to.

    Raises:
        LnkitError: the file cannot be written; no part of it is left.
    """
    try:
        if _is_stream(file):
            with tempfile.TemporaryDirectory() as folder:
                tmp = Path(folder) / "output"
                yield tmp
                _send(tmp, file)
            return
        target = file.resolve()
        mode = _mode_of_earlier(target)
        with atomic_write(target) as tmp:
            yield tmp
            if mode is not None:
                tmp.chmod(mode)
    except OSError as error:
        raise LnkitError(f"Cannot write {file} ({error.strerror}). Name another file with --output.") from error


def _mode_of_earlier(target: Path) -> int | None:
    """Return the permissions of an earlier file; None without one.

    Raises:
        PermissionError: it is protected from writing, which a new file of its name would ignore.
    """
    if not target.exists():
        return None
    with target.open("ab"):
        pass
    return stat.S_IMODE(target.stat().st_mode)


def _is_stream(file: Path) -> bool:
    if _descriptor(file) is not None:
        return True
    try:
        mode = file.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _descriptor(file: Path) -> int | None:
    """Return the number of a stream that the shell opened: ``/dev/stdout``, ``/dev/fd/3``."""
    numbered = re.fullmatch(r"/dev/fd/(\d+)", str(file), re.ASCII)
    return int(numbered[1]) if numbered else STREAMS.get(str(file))


def _send(tmp: Path, file: Path) -> None:
    number = _descriptor(file)
    opened = os.open(file, os.O_WRONLY) if number is None else os.dup(number)
    with os.fdopen(opened, "wb") as stream, tmp.open("rb") as content:
        shutil.copyfileobj(content, stream)
