"""A marker of the plugin whose code is running, so that the next command can name one that ended the process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from lnkit.data.cache_location import cache_dir
from lnkit.plugins.rules import printable

FOLDER = "imports"  # in the cache: one file for each process that is loading plugins


class Ended(NamedTuple):
    """A plugin during whose code an earlier process ended."""

    plugin: str  # "lnkit_mine"
    distribution: str  # "lnkit-mine 1.0"
    stage: str  # "import", or a hook
    process: str  # its number


class ImportMarker:
    """The marker of this process; without a cache that can be written to, it marks nothing."""

    def __init__(self) -> None:
        self._path = ""
        self._file: int | None = None

    @contextmanager
    def marks(self, plugin: str, distribution: str, stage: str) -> Iterator[None]:
        """Mark inside that this plugin's code is running."""
        self._write("\n".join((plugin, distribution, stage)))
        try:
            yield
        finally:
            self._write("")

    def remove(self) -> None:
        """Remove the file."""
        if self._file is not None:
            with suppress(OSError):
                os.close(self._file)
            with suppress(OSError):
                os.unlink(self._path)  # noqa: PTH108 - a path that was made here
        self._file = None

    def _write(self, text: str) -> None:
        try:
            if self._file is None:
                if not text:
                    return
                self._path = os.path.join(_folder(), f"{os.uname().nodename}-{os.getpid()}")  # noqa: PTH118
                self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
            content = text.encode(errors="replace")
            os.ftruncate(self._file, 0)
            os.pwrite(self._file, content, 0)
        except (OSError, RuntimeError):  # read-only, full, or no home folder: there is no marker then
            self._file = None


def ended_processes() -> list[Ended]:
    """Return the plugins that ended an earlier process of this user on this machine, and remove their markers."""
    found: list[Ended] = []
    with suppress(OSError, RuntimeError):
        folder = _folder()
        for name in os.listdir(folder):  # noqa: PTH208 - pathlib is slower, and each command does this
            host, _, process = name.rpartition("-")
            if host == os.uname().nodename and process.isdecimal() and not _is_alive(int(process)):
                found += _take(os.path.join(folder, name), process)  # noqa: PTH118
    return found


def _folder() -> str:
    folder = str(cache_dir() / FOLDER)
    os.makedirs(folder, exist_ok=True)  # noqa: PTH103
    return folder


def _is_alive(process: int) -> bool:
    if process == os.getpid():  # the number was given to this process after the other had ended
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's
        return True
    return True


def _take(path: str, process: str) -> list[Ended]:
    """Read and remove a marker; of another user's nothing is read."""
    if os.stat(path).st_uid != os.getuid():  # noqa: PTH116
        return []
    with open(path, encoding="utf-8", errors="replace") as file:  # noqa: PTH123
        lines = [printable(line) for line in file.read(1000).splitlines()]
    os.unlink(path)  # noqa: PTH108
    if len(lines) != 3:
        return []
    plugin, distribution, stage = lines
    return [Ended(plugin, distribution, stage, process)]
