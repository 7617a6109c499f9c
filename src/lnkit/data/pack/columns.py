"""Arrays made once from files, or from anything, and mapped into memory ever after.

A table of columns becomes a folder with one ``.npy`` file per column and a ``manifest.json``. It is made again when the
source files or the recipes changed, or an array is damaged. One process builds while others wait, and memory stays flat
however many rows there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import PIL
from numpy.typing import NDArray

from lnkit.data.pack.array_folder import Keeping, kept, stat_fingerprint
from lnkit.data.pack.build import Column, build
from lnkit.data.pack.npy_file import write_array
from lnkit.data.storage import require_space, writing
from lnkit.progress import Progress

__all__ = ["Column", "ColumnTable", "PackedColumns", "open_arrays", "open_columns"]

FORMAT = "columns 1"  # raised whenever older packed folders must not be used any more


@dataclass(frozen=True, slots=True)
class ColumnTable:
    """Columns of rows of any shape, made from files in a folder. Several columns may read the same files."""

    title: str  # "superres train", for progress and errors
    folder: Path
    columns: Mapping[str, Column]  # name -> column: {"hr": ..., "lr4": ...}

    @property
    def files(self) -> list[str]:
        """Every file once, sorted."""
        return sorted({name for column in self.columns.values() for name in column.files})


@dataclass(frozen=True, slots=True)
class PackedColumns:
    """A table whose rows are made."""

    arrays: Mapping[str, NDArray[Any]]  # name -> (N, *shape) of N files, mapped into memory, read-only
    sha256: str  # identity of the source files: their names and bytes; no path, no time


def open_columns(table: ColumnTable, folder: Path, progress: Progress) -> PackedColumns:
    """Open the rows of ``table`` from ``folder`` if they are there and right, else make them anew.

    Args:
        table: The source files, and what becomes of them.
        folder: Where the arrays are kept; one for each table and set of recipes, below `lnkit.data.cache.packed_dir`.
        progress: Hears of rows, and why a folder is made anew.

    Raises:
        DataError: A source file is missing or damaged, a row has another shape than its column, or the disk is full.
    """
    recipes = {name: _recipe(column) for name, column in table.columns.items()}
    source = {"source": str(table.folder.resolve()), "stat": stat_fingerprint(table.folder, table.files)}
    identity = {"format": FORMAT, "pillow": PIL.__version__, "columns": recipes, **source}

    def why_not(manifest: Mapping[str, Any]) -> str:
        if manifest.get("format") != FORMAT:
            return "it was packed by another version of lnkit"
        if manifest.get("pillow") != PIL.__version__:
            return f"it was made with Pillow {manifest.get('pillow')}, and this is {PIL.__version__}"
        if manifest.get("columns") != recipes:
            return "other rows are wanted now"
        return "the source files have changed" if any(manifest.get(key) != source[key] for key in source) else ""

    def make(new: Path) -> dict[str, Any]:
        rows = sum(len(column.files) for column in table.columns.values())
        with progress.task(f"packing {table.title}", rows, unit="images") as advance:
            built = build(table.columns, table.folder, new, advance)
        return {**identity, "content": built.content, "crc32": built.crc32}

    size = sum(column.bytes for column in table.columns.values())
    wanted = Keeping(table.title, folder, why_not, make, recipes, {"content": str}, size)
    with kept(wanted, progress) as manifest:
        return PackedColumns(_mapped(folder, table.columns), manifest["content"])


def open_arrays(
    title: str, folder: Path, identity: str, make: Callable[[], Mapping[str, NDArray[Any]]], progress: Progress
) -> Mapping[str, NDArray[Any]]:
    """Open arrays that come from no table of files from ``folder`` if they are there and right, else make them anew.

    Args:
        title: Of what they hold, for progress and errors: "svhn extra".
        folder: Where they are kept, below `lnkit.data.cache.packed_dir`.
        identity: What determines them, in words and checksums: with other words, they are made again.
        make: Gives them, by name; any shape and type of numbers, in any order in memory.
        progress: Hears why they are made anew.

    Returns:
        The arrays by name, mapped into memory, read-only.

    Raises:
        DataError: The disk is full, or ``make`` raised it.
        TypeError: An array holds Python objects.
    """

    def why_not(manifest: Mapping[str, Any]) -> str:
        if manifest.get("format") != FORMAT:
            return "it was packed by another version of lnkit"
        return "" if manifest.get("identity") == identity else "what they are made from has changed"

    def keep(new: Path) -> dict[str, Any]:
        arrays = make()
        size = sum(array.nbytes for array in arrays.values())
        require_space(folder, size, f"Packing {title}")
        with writing(folder, size, f"packing {title}"):
            sums = {name: write_array(new / f"{name}.npy", array) for name, array in arrays.items()}
        return {"format": FORMAT, "identity": identity, "crc32": sums}

    with kept(Keeping(title, folder, why_not, keep), progress) as manifest:
        return _mapped(folder, manifest["crc32"])


def _mapped(folder: Path, names: Mapping[str, object]) -> dict[str, NDArray[Any]]:
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}


def _recipe(column: Column) -> dict[str, Any]:
    """What determines the rows of a column besides the content of its files, as JSON gives it back."""
    names = hashlib.sha256("\0".join(column.files).encode()).hexdigest()  # in their order, which is that of the rows
    return {"recipe": column.recipe, "shape": list(column.shape), "dtype": column.dtype, "files": names}
