"""The files that a benchmark stores beside a record: their names stay in its folder, and their content is copied."""

from __future__ import annotations

import shutil
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from lnkit.data.atomic import DISK_FULL
from lnkit.data.fetch.safe_paths import clash, is_inside
from lnkit.data.stored_files import open_regular
from lnkit.errors import DataError, LnkitError, PluginError
from lnkit.results.editions import is_edition

if TYPE_CHECKING:
    from lnkit.benchmark import Arrays

RECORD_FILE = "result.json"
ARRAYS_FILES = ("distances.npz", "values.npz")  # of a benchmark that only measures, and of one that trains


def fault_of_names(names: Iterable[object]) -> str:
    """Return why files beside a record cannot have these names, as the end of a sentence; "" if they can.

    Example:
        >>> fault_of_names(["images/a.png", "overlay.png"])
        ''
        >>> fault_of_names(["../a.png"])
        "expected a relative path that stays in the record's folder, got '../a.png'"
    """
    names = list(names)
    for name in names:
        if not isinstance(name, str) or not is_inside(name):
            got = repr(name)
            return (
                "expected a relative path that stays in the record's folder, got "
                f"{got if len(got) <= 80 else f'{got[:80]}... of {len(got):,} characters'}"
            )
        first = _folded(PurePosixPath(name).parts[0])
        if first in {RECORD_FILE, *ARRAYS_FILES} or is_edition(first):
            return f"the name {name!r} is lnkit's own"
    if twice := clash(_folded(str(name)) for name in names):
        return f"two of them have the name {twice!r} on systems that ignore case, or one is a folder of another"
    return ""


def place_of(folder: Path, name: str) -> Path:
    """Return the path of a file that is going to lie beside a record, and make its folder.

    Args:
        folder: That ``name`` is relative to.
        name: As :func:`fault_of_names` accepts it.

    Raises:
        PluginError: It leads out of the folder, or is lnkit's own.
    """
    if fault := fault_of_names([name]):
        raise PluginError(f"A file of a benchmark cannot be stored: {fault}.")
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def copy_files(files: Mapping[str, Path], folder: Path, benchmark: str) -> None:
    """Copy files into the new folder of a record.

    Args:
        files: By their names, which :func:`fault_of_names` accepts.
        folder: The folder.
        benchmark: Named in errors.

    Raises:
        PluginError: A file is missing, not a regular file, or may not be read.
        OSError: The folder cannot be written to.
    """
    for name, file in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with _of(benchmark), open_regular(Path(file)) as source, target.open("xb") as copy:
            shutil.copyfileobj(source, copy, 2**20)


@contextmanager
def _of(benchmark: str) -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise PluginError(f"Benchmark {benchmark!r} returned a file that cannot be stored: {error}") from error


def write_arrays(file: Path, arrays: Arrays) -> None:
    """Write arrays by name as an ``.npz`` file."""
    import numpy as np  # noqa: PLC0415 - only while running

    with file.open("wb") as stream:
        # NumPy before 2.1 would store a keyword `allow_pickle` as another array.
        np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]


@contextmanager
def explain_write_errors(folder: Path) -> Iterator[None]:
    """Turn errors of the disk that has a results folder into a message for users."""
    try:
        yield
    except OSError as error:
        reason = "the disk is full" if error.errno in DISK_FULL else error.strerror or error
        raise LnkitError(
            f"Cannot write results to {folder}: {reason}. Change that, or name another folder with --results DIR, "
            "and run the command again; finished parts are not computed again."
        ) from error


def _folded(name: str) -> str:
    """Return a name as file systems compare it that ignore case and forms of Unicode."""
    return unicodedata.normalize("NFC", name).casefold()
