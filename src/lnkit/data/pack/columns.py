"""Tables whose rows are made once from files and mapped into memory ever after.

A table becomes a folder with one ``.npy`` file per column (see `lnkit.data.pack.array_folder`). It is built again when
its source files or recipes changed, or an array is damaged. Memory stays flat however many rows there are.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data.pack.array_folder import ArrayFolder, NpyFile
from lnkit.data.stored_files import read_bytes
from lnkit.errors import DataError
from lnkit.progress import Advance, Progress

BLOCK_BYTES = 2**21  # of rows in one block: some hundred small patches
MOST_ROWS = 256  # in one block, so that progress moves even where rows are tiny
MOST_THREADS = 8  # more of them wait for the disk and for each other


@dataclass(frozen=True, slots=True)
class Column:
    """An array with one row per file."""

    files: tuple[str, ...]  # relative to the table's folder, with ``/``: ("train/000000.jpg", ...)
    shape: tuple[int, ...]  # of one row: (288, 288, 3); () for a number
    read: Callable[[bytes, Path], Any]  # file content, path -> row; called in several threads; DataError names the path
    recipe: str  # describes ``read``; another recipe makes the rows again
    dtype: str = "uint8"

    @property
    def bytes(self) -> int:
        """Bytes of the whole array."""
        return len(self.files) * int(np.prod(self.shape)) * np.dtype(self.dtype).itemsize

    @property
    def identity(self) -> dict[str, Any]:
        """JSON values that determine the rows, beside the content of the files."""
        names = hashlib.sha256("\0".join(self.files).encode()).hexdigest()  # in row order
        return {"recipe": self.recipe, "shape": list(self.shape), "dtype": self.dtype, "files": names}


@dataclass(slots=True)
class Conversions:
    """Counts of images that had to be converted or resized; readers in several threads add to them."""

    converted: Counter[str] = field(default_factory=Counter)  # Pillow mode -> images that were not RGB
    resized: int = 0
    _lock: Lock = field(default_factory=Lock)

    def add(self, converted_from: str, resized: bool) -> None:
        """Count one image; ``converted_from`` is its Pillow mode, "" if it was RGB."""
        with self._lock:
            self.converted.update([converted_from] if converted_from else [])
            self.resized += resized


@text_paths
@dataclass(frozen=True, slots=True)
class ColumnTable:
    """Columns of rows of any shape, made from files in a folder. Several columns may read the same files."""

    title: str  # for progress and errors: "superres train"
    folder: Path
    columns: Mapping[str, Column]  # {"hr": ..., "lr4": ...}
    conversions: Conversions | None = None  # if counted, rows depend on Pillow's version only where it resized

    @property
    def files(self) -> list[str]:
        """Every file once, sorted."""
        return sorted({name for column in self.columns.values() for name in column.files})


@dataclass(frozen=True, slots=True)
class PackedTable:
    """The arrays of a table."""

    arrays: Mapping[str, NDArray[Any]]  # column -> (N, *shape) of N files, mapped into memory, read-only
    sha256: str  # of the source files' names and contents; independent of their place and time
    converted: Mapping[str, int]  # Pillow mode -> number of images that were not RGB, where counted
    resized: int  # number of images of another size, where counted


@text_paths
def open_columns(table: ColumnTable, folder: Path, progress: Progress) -> PackedTable:
    """Open the packed ``table`` from ``folder``, building it first if it is missing, stale or damaged.

    Args:
        table: The source files, and how each becomes a row.
        folder: One for each table and set of recipes, below `lnkit.data.packed_dir`.
        progress: Receives rows done, and the reason if the table is built again.

    Raises:
        DataError: A source file is missing or damaged, a row has another shape than its column, or the disk is full.
    """
    recipes = {name: column.identity for name, column in table.columns.items()}
    source = {"source": str(table.folder.resolve()), "stat": stat_fingerprint(table.folder, table.files)}

    def why_stale(manifest: Mapping[str, Any]) -> str:
        pillow = manifest.get("pillow")
        if pillow != PIL.__version__ and (table.conversions is None or manifest.get("resized")):
            return f"it was made with Pillow {pillow}, and this is {PIL.__version__}"
        if any(manifest.get(key) != value for key, value in source.items()):
            return "the source files have changed"
        return "" if manifest.get("columns") == recipes else "its columns have changed"

    def fill(new: Path) -> dict[str, Any]:
        rows = sum(len(column.files) for column in table.columns.values())
        with progress.task(f"packing {table.title}", rows, unit="files") as advance:
            built = build(table.columns, table.folder, new, advance)
        done = table.conversions or Conversions()
        return {"content": built.content, "crc32": built.crc32, "converted": done.converted, "resized": done.resized}

    packed = ArrayFolder(
        title=table.title,
        folder=folder,
        identity={"pillow": PIL.__version__, "columns": recipes, **source},
        why_stale=why_stale,
        fill=fill,
        names=recipes,
        fields={"content": str, "converted": dict, "resized": int},
        size=sum(column.bytes for column in table.columns.values()),
    )
    arrays, manifest = packed.open(progress)
    return PackedTable(arrays, manifest["content"], manifest["converted"], manifest["resized"])


def stat_fingerprint(folder: Path, names: Iterable[str]) -> str:
    """Return a fingerprint of the files' names, sizes and modification times; no file is read.

    Raises:
        DataError: A file is missing, or is not a regular file.
    """
    digest, root = hashlib.sha256(), str(folder)
    for name in names:
        try:
            info = os.stat(f"{root}/{name}")  # noqa: PTH116 - BAPPS has 174,000 files, and a Path costs more than this
        except OSError as error:
            raise _unreadable(folder / name, error) from error
        if not stat.S_ISREG(info.st_mode):
            raise DataError(f"{folder / name} is not a file; replace it, or fetch the data again.")
        digest.update(f"{name}\0{info.st_size}\0{info.st_mtime_ns}\n".encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _Block:
    """Consecutive rows of one column."""

    values: NDArray[Any]
    hashes: list[str]  # SHA-256 of each file


@dataclass(slots=True)
class Built:
    """Checksums collected while building."""

    crc32: dict[str, int] = field(default_factory=dict)  # of each column's .npy file
    hashes: dict[str, str] = field(default_factory=dict)  # SHA-256 of each source file

    @property
    def content(self) -> str:
        """Identity of the source: the SHA-256 of the output of ``sha256sum`` for its files, sorted by name."""
        lines = "".join(f"{self.hashes[name]}  {name}\n" for name in sorted(self.hashes))
        return hashlib.sha256(lines.encode()).hexdigest()


def build(columns: Mapping[str, Column], source: Path, folder: Path, advance: Advance) -> Built:
    """Write ``<column>.npy`` for each column, in blocks, on all cores.

    Args:
        columns: The columns by name, built one after the other.
        source: Folder of the source files.
        folder: Where the arrays are written.
        advance: Called with the number of rows done.

    Raises:
        DataError: A source file is missing or damaged, or gives a row of another shape or type.
        OSError: ``folder`` cannot be written to.
    """
    built = Built()
    pool = ThreadPoolExecutor(min(MOST_THREADS, os.cpu_count() or 1))
    try:
        for name, column in columns.items():
            shape = (len(column.files), *column.shape)
            with NpyFile(folder / f"{name}.npy", np.dtype(column.dtype), shape) as file:
                rows = max(1, min(MOST_ROWS, BLOCK_BYTES // max(1, file.row_bytes)))
                blocks = [column.files[start : start + rows] for start in range(0, len(column.files), rows)]
                read = partial(_read_block, name, column, source)
                for names, block in zip(blocks, _in_order(pool, read, blocks), strict=True):
                    file.write(block.values.data.cast("B"))
                    built.hashes.update(zip(names, block.hashes, strict=True))
                    advance(len(names))
                built.crc32[name] = file.crc32
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return built


def _in_order(
    pool: Executor, read: Callable[[Sequence[str]], _Block], blocks: Sequence[Sequence[str]]
) -> Iterator[_Block]:
    """Yield results in the order of ``blocks``; unlike with Executor.map, only a few are ever waiting in memory."""
    ahead: deque[Future[_Block]] = deque()
    for block in blocks:
        ahead.append(pool.submit(read, block))
        if len(ahead) > 2 * MOST_THREADS:
            yield ahead.popleft().result()
    while ahead:
        yield ahead.popleft().result()


def _read_block(name: str, column: Column, source: Path, files: Sequence[str]) -> _Block:
    values = np.empty((len(files), *column.shape), column.dtype)
    hashes = []
    for row, file in enumerate(files):
        path = source / file
        data = read_bytes(path)
        value = np.asarray(column.read(data, path))
        _check_row(value, name, column, path)
        values[row] = value
        hashes.append(hashlib.sha256(data).hexdigest())
    return _Block(values, hashes)


def _check_row(value: NDArray[Any], name: str, column: Column, path: Path) -> None:
    """Refuse rows that numpy would silently broadcast or round to fit."""
    if value.shape != column.shape:
        raise DataError(
            f"Expected a row of shape {column.shape} for {name!r}, got {value.shape} from {path}. "
            "Give the file the size of the others, or remove it."
        )
    if not np.can_cast(value.dtype, column.dtype, "same_kind"):
        raise DataError(
            f"Expected a row of {column.dtype} for {name!r}, got {value.dtype} from {path}. Convert it in the reader."
        )


def _unreadable(path: Path, error: OSError) -> DataError:
    return DataError(f"{path} cannot be read ({error.strerror}). Check the file and its permissions.")
