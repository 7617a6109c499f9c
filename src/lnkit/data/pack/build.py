"""Making the arrays of a packed folder from files, in blocks, on all cores."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit.data.pack.decode import decode
from lnkit.data.pack.npy_file import NpyFile
from lnkit.errors import DataError
from lnkit.progress import Advance

BLOCK_BYTES = 2**21  # of rows in one block: some hundred small patches
MOST_ROWS = 256  # in one block, so that progress moves even where rows are tiny
MOST_THREADS = 8  # more of them wait for the disk and for each other


@dataclass(frozen=True, slots=True)
class Column:
    """An array whose rows are each made from one file."""

    files: tuple[str, ...]  # one per row, relative to the table's folder, with ``/``: ("train/000000.jpg", ...)
    shape: tuple[int, ...]  # of one row: (288, 288, 3); () for a number
    read: Callable[[bytes, Path], Any]  # one row from a file's bytes, in several threads; raises DataError naming it
    recipe: str  # what ``read`` does, in words; with other words, the rows are made again
    dtype: str = "uint8"

    @property
    def bytes(self) -> int:
        return len(self.files) * int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize


@dataclass(slots=True)
class Tally:
    """What had to be done to images, counted in several threads."""

    converted: Counter[str] = field(default_factory=Counter)  # Pillow mode -> images that were not RGB
    resized: int = 0
    _lock: Lock = field(default_factory=Lock)

    def add(self, converted_from: str, resized: bool) -> None:
        """Count one image."""
        with self._lock:
            self.converted.update([converted_from] if converted_from else [])
            self.resized += resized


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Rows of square images with a number each, as files in a folder. File names are relative to it, with ``/``."""

    title: str  # "bapps 2afc/traditional", for progress and errors
    folder: Path
    images: Mapping[str, tuple[str, ...]]  # column -> one file per row: {"ref": ("ref/000000.png", ...)}
    labels: Mapping[str, tuple[str, ...]]  # the same for numbers: {"judge": ("judge/000000.npy", ...)}
    read_label: Callable[[bytes, Path], float]  # of a label file's bytes; raises DataError naming the path

    @property
    def rows(self) -> int:
        return len(next(iter(self.images.values())))

    @property
    def files(self) -> list[str]:
        return sorted(name for names in (*self.images.values(), *self.labels.values()) for name in names)

    def packed_bytes(self, size: int) -> int:
        """Bytes that the arrays take at ``size`` x ``size`` pixels."""
        return self.rows * (len(self.images) * size * size * 3 + len(self.labels) * 4)

    def label_columns(self) -> dict[str, Column]:
        """The numbers, as float32 (N,)."""
        return {name: Column(files, (), self.read_label, "a number", "float32") for name, files in self.labels.items()}

    def image_columns(self, size: int, resize_filter: str, tally: Tally) -> dict[str, Column]:
        """The images as uint8 (N, size, size, 3), RGB; ``tally`` counts what had to be done to them."""

        def read(data: bytes, path: Path) -> NDArray[np.uint8]:
            decoded = decode(data, path, size, resize_filter)
            tally.add(decoded.converted_from, decoded.resized)
            return decoded.pixels

        return {
            name: Column(files, (size, size, 3), read, f"{size} px, {resize_filter}")
            for name, files in self.images.items()
        }


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive rows of one column, as read."""

    values: NDArray[Any]
    hashes: list[str]  # SHA-256 of each file


@dataclass(slots=True)
class Built:
    """What building found out."""

    crc32: dict[str, int] = field(default_factory=dict)  # of each column's .npy file
    hashes: dict[str, str] = field(default_factory=dict)  # SHA-256 of each source file

    @property
    def content(self) -> str:
        """The identity of the source: SHA-256 of what ``sha256sum`` prints for its files, sorted by name."""
        lines = "".join(f"{self.hashes[name]}  {name}\n" for name in sorted(self.hashes))
        return hashlib.sha256(lines.encode()).hexdigest()

    def merge(self, other: Built) -> None:
        """Take in what was found out about more columns of the same table."""
        self.crc32 |= other.crc32
        self.hashes |= other.hashes


def build(columns: Mapping[str, Column], source: Path, folder: Path, advance: Advance) -> Built:
    """Write ``<column>.npy`` into ``folder`` for each column, from files in ``source``; ``advance`` hears of rows.

    Raises:
        DataError: A source file is missing, damaged, or holds something else than expected.
        OSError: ``folder`` cannot be written to.
    """
    built = Built()
    pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))
    try:
        for name, column in columns.items():
            shape = (len(column.files), *column.shape)
            with NpyFile(folder / f"{name}.npy", np.dtype(column.dtype), shape) as file:
                _fill(file, column.files, partial(_read_rows, name, column, source), pool, built, advance)
                built.crc32[name] = file.crc32
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return built


def _fill(
    file: NpyFile,
    names: Sequence[str],
    read: Callable[[Sequence[str]], _Block],
    pool: Executor,
    built: Built,
    advance: Advance,
) -> None:
    """Read the files ``names`` and write them to ``file`` in their order, some blocks ahead of the writing."""
    rows = max(1, min(MOST_ROWS, BLOCK_BYTES // max(1, file.row_bytes)))
    blocks = [names[start : start + rows] for start in range(0, len(names), rows)]
    for part, block in zip(blocks, _in_order(pool, read, blocks), strict=True):
        file.write(block.values.data.cast("B"))
        built.hashes.update(zip(part, block.hashes, strict=True))
        advance(len(part))


def _in_order(
    pool: Executor, read: Callable[[Sequence[str]], _Block], blocks: Sequence[Sequence[str]]
) -> Iterator[_Block]:
    """Results in the order of ``blocks``; unlike Executor.map, only a few are ever waiting in memory."""
    ahead: deque[Future[_Block]] = deque()
    for block in blocks:
        ahead.append(pool.submit(read, block))
        if len(ahead) > 2 * MOST_THREADS:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _read_rows(name: str, column: Column, source: Path, files: Sequence[str]) -> _Block:
    values = np.empty((len(files), *column.shape), column.dtype)
    hashes = []
    for row, file in enumerate(files):
        path = source / file
        data = _read(path)
        value = np.asarray(column.read(data, path))
        _check_row(value, name, column, path)
        values[row] = value
        hashes.append(hashlib.sha256(data).hexdigest())
    return _Block(values, hashes)


def _check_row(value: NDArray[Any], name: str, column: Column, path: Path) -> None:
    """Numpy would stretch a row of another shape, and cut the numbers of another kind down, without a word."""
    if value.shape != column.shape:
        raise DataError(
            f"{path} gives a row of the shape {value.shape} for {name!r}, and {column.shape} is expected. "
            "Bring it to the size of the others, or take it out."
        )
    if not np.can_cast(value.dtype, column.dtype, "same_kind"):
        raise DataError(f"{path} gives a row of {value.dtype} for {name!r}, and {column.dtype} is expected.")


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check the file and its permissions.") from error
