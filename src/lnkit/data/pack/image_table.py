"""Tables of square images with labels, decoded to one size. For other rows see `lnkit.data.pack.columns`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data.pack.columns import Column, ColumnTable, Conversions, PackedTable, open_columns
from lnkit.data.pack.decode import decode
from lnkit.errors import DataError
from lnkit.progress import Progress


def _parse_number(data: bytes, path: Path) -> float:
    try:
        value = float(data)
    except ValueError:
        value = float("nan")
    if not isfinite(value):
        raise DataError(f"Expected a number, got {data[:40]!r} in {path}.")
    return value


@text_paths
@dataclass(frozen=True, slots=True)
class ImageTable:
    """Rows of square images and numbers, as files in a folder. File names are relative to it, with ``/``."""

    title: str  # for progress and errors: "bapps 2afc/traditional"
    folder: Path
    images: Mapping[str, tuple[str, ...]]  # column -> one file per row: {"ref": ("ref/000000.png", ...)}
    labels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # the same for numbers: {"judge": (...)}
    read_label: Callable[[bytes, Path], float] = _parse_number  # content of a label file, path -> number

    def columns(self, size: int, resize_filter: str, conversions: Conversions) -> dict[str, Column]:
        """Return the labels as float32 (N,) and the images as uint8 (N, size, size, 3); ``conversions`` is updated."""

        def read(data: bytes, path: Path) -> NDArray[np.uint8]:
            decoded = decode(data, path, size, resize_filter)
            conversions.add(decoded.converted_from, decoded.resized)
            return decoded.pixels

        # labels first: they are small, and their faults should not wait for the images
        labels = {
            name: Column(files, (), self.read_label, "a number", "float32") for name, files in self.labels.items()
        }
        recipe = f"{size} px, {resize_filter}"
        return labels | {name: Column(files, (size, size, 3), read, recipe) for name, files in self.images.items()}


@text_paths
def open_images(table: ImageTable, folder: Path, *, size: int, resize_filter: str, progress: Progress) -> PackedTable:
    """Open ``table`` decoded to ``size`` x ``size`` pixels from ``folder``, decoding it first where that is necessary.

    Args:
        table: The source files.
        folder: One for each table, size and filter, below `lnkit.data.packed_dir`.
        size: Side of the decoded images in pixels.
        resize_filter: Pillow's filter for images of another size: "bilinear", "bicubic", "lanczos", "box" or "nearest".
        progress: Receives files done, and the reason if the table is decoded again.

    Returns:
        The images as uint8 (N, size, size, 3), RGB, mapped into memory and read-only, and the labels as float32 (N,).

    Raises:
        DataError: A source file is missing or damaged, or the disk is full.
    """
    conversions = Conversions()
    columns = table.columns(size, resize_filter, conversions)
    packed = open_columns(ColumnTable(table.title, table.folder, columns, conversions), folder, progress)
    return replace(packed, arrays={**packed.arrays, **{name: np.array(packed.arrays[name]) for name in table.labels}})
