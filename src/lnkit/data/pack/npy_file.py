"""Arrays as ``.npy`` files that are written front to back, with a checksum that costs no second reading."""

from __future__ import annotations

import zlib
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

CHUNK = 2**23  # bytes read or written at a time


class NpyFile:
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
        """Append bytes."""
        self._file.write(data)
        self.crc32 = zlib.crc32(data, self.crc32)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._file.close()


def write_array(path: Path, array: NDArray[Any]) -> int:
    """Write ``array``, however it lies in memory, and return the CRC-32 of the file.

    Raises:
        TypeError: It holds Python objects.
    """
    if array.dtype.hasobject:
        raise TypeError(f"{path.name} was to be written from an array of Python objects; give it a type of numbers.")
    with NpyFile(path, array.dtype, array.shape) as file:
        rows = max(1, CHUNK // max(1, file.row_bytes))
        parts = (array[start : start + rows] for start in range(0, len(array), rows)) if array.ndim else (array,)
        for part in parts:
            file.write(part.tobytes())
        return file.crc32


def file_crc32(path: Path) -> int | None:
    """CRC-32 of a file, read rather than mapped; None if it cannot be read."""
    crc, buffer = 0, memoryview(bytearray(CHUNK))
    try:
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                crc = zlib.crc32(buffer[:count], crc)
    except OSError:
        return None
    return crc
