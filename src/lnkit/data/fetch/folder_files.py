"""The files of a user's folder: regular ones, found through links, and nothing that blocks or never ends."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lnkit.data.fetch.safe_paths import DEEPEST
from lnkit.data.stored_files import kind_of, open_regular
from lnkit.errors import DataError

BLOCK = 2**20  # bytes copied at a time


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file in a folder."""

    path: Path
    name: str  # relative to the folder, with "/"
    size: int  # bytes


def folder_files(folder: Path) -> Iterator[FoundFile]:
    """Find all files below a folder, those that links lead to included.

    Raises:
        DataError: It holds something else than files and folders, a link that leads nowhere or back into a folder
            above it, a name that cannot be printed, or a folder that may not be read or lies too deep.
    """
    yield from _walk(folder, "", ())


def copy_file(source: Path, target: Path) -> None:
    """Copy a regular file into a new one.

    Raises:
        DataError: ``source`` cannot be read or changes meanwhile, or ``target`` exists.
    """
    with open_regular(source) as stream:
        before = os.fstat(stream.fileno())
        remaining = before.st_size
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            out = target.open("xb")
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise DataError(f"{source} was not copied: another source has a file of its name.") from error
        with out:
            while block := stream.read(min(BLOCK, remaining)):
                out.write(block)
                remaining -= len(block)
        after = os.fstat(stream.fileno())
    if remaining or (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise DataError(f"{source} changed while it was copied. Try again when nothing writes to it any more.")


def _walk(folder: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[FoundFile]:
    try:
        here = folder.stat()
        names = sorted(os.listdir(folder))  # noqa: PTH208 - names suffice, and folders have 100,000 of them
    except OSError as error:
        raise DataError(f"{folder} cannot be read ({error.strerror}). Change its permissions.") from error
    place = (here.st_dev, here.st_ino)
    if place in above:
        raise DataError(f"{folder} is a link to a folder that it lies in. Remove it.")
    if len(above) > DEEPEST:
        raise DataError(f"{folder} lies more than {DEEPEST} folders deep. Name a folder nearer to the data.")
    for name in names:
        path = folder / name
        if not name.isprintable():
            raise DataError(f"The name {name!a} in {folder} has characters that cannot be printed. Rename it.")
        mode, size = _facts(path)
        if stat.S_ISDIR(mode):
            yield from _walk(path, f"{prefix}{name}/", (*above, place))
        else:
            yield FoundFile(path, f"{prefix}{name}", size)


def _facts(path: Path) -> tuple[int, int]:
    """Return mode and size of a file or folder, or of what a link leads to."""
    try:
        facts = path.stat()
    except OSError as error:
        nowhere = path.is_symlink() and isinstance(error, FileNotFoundError)
        reason = "the link leads nowhere" if nowhere else error.strerror
        raise DataError(f"{path} cannot be read ({reason}). Remove it, or put the file in its place.") from error
    if not stat.S_ISREG(facts.st_mode) and not stat.S_ISDIR(facts.st_mode):
        raise DataError(f"Expected files and folders, got {kind_of(facts.st_mode)}: {path}. Remove it.")
    return facts.st_mode, facts.st_size
