"""Making the arrays of a packed folder from image files, in blocks, on all cores."""

from __future__ import annotations

import hashlib
import os
import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit.data.decoding import decode
from lnkit.errors import DataError
from lnkit.progress import Advance

BLOCK_BYTES = 2**21  # decoded pixels in one block: some hundred small patches
MOST_ROWS = 256  # in one block, so that progress moves even where rows are tiny
MOST_THREADS = 8  # more of them wait for the disk and for each other


@dataclass(frozen=True, slots=True)
class ImageTable:
    """Rows of images with a number each, as files in a folder. File names are relative to it, with ``/``."""

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


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive rows of one column, as read."""

    values: NDArray[Any]
    hashes: list[str]  # SHA-256 of each file
    converted: Counter[str] = field(default_factory=Counter)
    resized: int = 0


@dataclass(slots=True)
class Built:
    """What building found out."""

    crc32: dict[str, int] = field(default_factory=dict)  # of each column's .npy file
    hashes: dict[str, str] = field(default_factory=dict)  # SHA-256 of each source file
    converted: Counter[str] = field(default_factory=Counter)  # Pillow mode -> images that were not RGB
    resized: int = 0

    @property
    def content(self) -> str:
        """The identity of the source: SHA-256 of what ``sha256sum`` prints for its files, sorted by name."""
        lines = "".join(f"{self.hashes[name]}  {name}\n" for name in sorted(self.hashes))
        return hashlib.sha256(lines.encode()).hexdigest()

    def add(self, names: Sequence[str], block: _Block) -> None:
        self.hashes.update(zip(names, block.hashes, strict=True))
        self.converted += block.converted
        self.resized += block.resized


def build(table: ImageTable, folder: Path, *, size: int, resize_filter: str, advance: Advance) -> Built:
    """Write ``<column>.npy`` into ``folder`` for each column: uint8 (N, size, size, 3) or float32 (N,).

    Raises:
        DataError: A source file is missing, damaged, or holds something else than expected.
        OSError: ``folder`` cannot be written to.
    """
    built = Built()
    read_labels = partial(_read_labels, table)
    read_images = partial(_read_images, table.folder, size, resize_filter)
    pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))
    try:
        for column, names in table.labels.items():  # first: they are small, and their faults should not wait
            file = _NpyFile(folder / f"{column}.npy", np.dtype(np.float32), (len(names),))
            _fill(file, names, read_labels, pool, built, lambda steps, note="": None)
            built.crc32[column] = file.crc32
        for column, names in table.images.items():
            file = _NpyFile(folder / f"{column}.npy", np.dtype(np.uint8), (len(names), size, size, 3))
            _fill(file, names, read_images, pool, built, advance)
            built.crc32[column] = file.crc32
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return built


class _NpyFile:
    """A ``.npy`` file written front to back, so that a full disk is an error (in a mapped file it is a crash)."""

    def __init__(self, path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.row_bytes = dtype.itemsize * int(np.prod(shape[1:]))
        header = BytesIO()
        fields = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(header, fields)
        self._file = path.open("wb")
        self.crc32 = 0
        self.write(header.getvalue())

    def write(self, data: bytes | memoryview) -> None:
        self._file.write(data)
        self.crc32 = zlib.crc32(data, self.crc32)

    def close(self) -> None:
        self._file.close()


def _fill(
    file: _NpyFile,
    names: Sequence[str],
    read: Callable[[Sequence[str]], _Block],
    pool: Executor,
    built: Built,
    advance: Advance,
) -> None:
    """Read the files ``names`` and write them to ``file`` in their order, some blocks ahead of the writing."""
    rows = max(1, min(MOST_ROWS, BLOCK_BYTES // file.row_bytes))
    blocks = [names[start : start + rows] for start in range(0, len(names), rows)]
    with closing(file):
        for part, block in zip(blocks, _in_order(pool, read, blocks), strict=True):
            file.write(block.values.data.cast("B"))
            built.add(part, block)
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


def _read_images(folder: Path, size: int, resize_filter: str, names: Sequence[str]) -> _Block:
    pixels = np.empty((len(names), size, size, 3), np.uint8)
    hashes, converted, resized = [], Counter[str](), 0
    for row, name in enumerate(names):
        data = _read(folder / name)
        decoded = decode(data, folder / name, size, resize_filter)
        pixels[row] = decoded.pixels
        hashes.append(hashlib.sha256(data).hexdigest())
        converted.update([decoded.converted_from] if decoded.converted_from else [])
        resized += decoded.resized
    return _Block(pixels, hashes, converted, resized)


def _read_labels(table: ImageTable, names: Sequence[str]) -> _Block:
    files = [_read(table.folder / name) for name in names]
    values = [table.read_label(data, table.folder / name) for data, name in zip(files, names, strict=True)]
    return _Block(np.array(values, np.float32), [hashlib.sha256(data).hexdigest() for data in files])


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check the file and its permissions.") from error
