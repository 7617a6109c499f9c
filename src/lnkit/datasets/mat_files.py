"""Numbers and names in MATLAB files of version 5 to 7 ("MAT-File Format", The MathWorks).

Why not ``scipy.io.loadmat``: scipy 1.17 ends the process on some damaged files.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data import read_bytes
from lnkit.errors import DataError

LARGEST = 2**22  # bytes of a file, and of what is compressed in it; the labels of LIVE have some 20,000
HEADER = 128  # bytes: a text, then the version and the order of bytes
MATRIX, COMPRESSED, UTF8, UTF16 = 14, 15, 16, 17  # kinds of elements
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # other kinds
CELL, CHARACTERS, NUMERIC = 1, 4, range(6, 16)  # classes of matrices
COMPLEX = 0x800  # flag of a matrix
SHOWN = 40  # characters of a name in an error message


class _Matrix(NamedTuple):
    kind: int  # its class
    size: int  # elements
    parts: list[tuple[int, bytes]]  # kind and content of the elements after its head


@text_paths
def read_mat(path: Path, *names: str, count: int, text: bool = False) -> list[NDArray[Any]]:
    """Read variables, each as one row: numbers as float64, or texts.

    Args:
        path: The file.
        *names: Of the variables.
        count: Elements of each.
        text: Whether they are cells of text.

    Raises:
        DataError: The file is none of version 5 to 7, is damaged, lacks a variable, or has something else in it.
    """
    data = read_bytes(path, LARGEST)
    order = {b"IM": "<", b"MI": ">"}.get(data[126:HEADER])
    if order and struct.unpack(f"{order}H", data[124:126])[0] == 0x200:
        raise DataError(
            f"{path} is a MATLAB file of version 7.3, and expected is one of version 7 or older, as published. Save it "
            "with `save -v7`, or get it again."
        )
    try:
        if not order:
            raise ValueError("it has no header")
        matrices = dict(_variables(data[HEADER:], order))
    except (ValueError, IndexError, struct.error, zlib.error) as error:
        raise DataError(f"{path} is not a readable MATLAB file ({error!s:.80}). Get it again.") from error
    if missing := [name for name in names if name not in matrices]:
        here = ", ".join(ascii(name)[1:-1][:SHOWN] for name in matrices)
        raise DataError(
            f"{path} has no variable {missing[0]}. Expected {' and '.join(names)}, got {here or 'nothing'}: it may be "
            "another file under this name."
        )
    return [_row(matrices[name], f"{path}, {name}", order, count, text) for name in names]


def _row(matrix: _Matrix, where: str, order: str, count: int, text: bool) -> NDArray[Any]:
    if matrix.size != count:
        raise DataError(f"{where}: expected {count:,} elements, got {matrix.size:,}. Get the published file.")
    try:
        row = _texts(matrix, order) if text else _numbers(matrix, order)
        if len(row) != count or not (text or np.isfinite(row).all()):
            raise ValueError("others")
    except (ValueError, IndexError, struct.error) as error:
        expected = "names" if text else "finite numbers"
        raise DataError(f"{where}: expected {expected}, got {error!s:.80}. Get the published file.") from error
    return row


def _elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Give the kind and the content of the elements, one after the other."""
    start = 0
    while start + 8 <= len(data):
        kind, size = struct.unpack(f"{order}II", data[start : start + 8])
        body, end = start + 8, start + 8 + size
        if kind >> 16:  # a small one: its size is in the upper half, and its content in the second word
            kind, size = kind & 0xFFFF, kind >> 16
            body, end = start + 4, start + 8
        if size > len(data) - body or (body == start + 4 and size > 4):
            raise ValueError("it ends early")
        yield kind, data[body : body + size]
        start = end if kind == COMPRESSED else end + -end % 8


def _variables(data: bytes, order: str) -> Iterator[tuple[str, _Matrix]]:
    for kind, body in _elements(data, order):
        if kind == COMPRESSED:
            stream = zlib.decompressobj()
            content = stream.decompress(body, LARGEST)
            if not stream.eof:
                raise ValueError("a variable ends early, or is too large")
            yield from _variables(content, order)
        elif kind == MATRIX:
            yield _matrix(body, order)


def _matrix(body: bytes, order: str) -> tuple[str, _Matrix]:
    """Return the name of a matrix, "" in a cell, and its content."""
    (_, flags), (_, sizes), (_, name), *parts = _elements(body, order)
    (flag,) = struct.unpack(f"{order}I", flags[:4])
    if flag & COMPLEX:
        raise ValueError("complex numbers")
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    if min(shape, default=-1) < 0:
        raise ValueError("a negative size")
    return name.decode("ascii"), _Matrix(flag & 0xFF, prod(shape), parts)


def _numbers(matrix: _Matrix, order: str) -> NDArray[np.float64]:
    if matrix.kind not in NUMERIC:
        raise ValueError(f"a matrix of class {matrix.kind}")
    ((kind, content),) = matrix.parts
    if kind not in NUMBERS:
        raise ValueError(f"data of type {kind}")
    return np.frombuffer(content, f"{order}{NUMBERS[kind]}").astype(np.float64)


def _texts(matrix: _Matrix, order: str) -> NDArray[np.str_]:
    if matrix.kind != CELL:
        raise ValueError("numbers" if matrix.kind in NUMERIC else f"a matrix of class {matrix.kind}")
    return np.array([_text(_matrix(body, order)[1], order) for kind, body in matrix.parts if kind == MATRIX], np.str_)


def _text(matrix: _Matrix, order: str) -> str:
    if matrix.kind != CHARACTERS:
        raise ValueError("a cell that holds no text")
    ((kind, content),) = matrix.parts
    codes = {UTF8: "utf-8", UTF16: "utf-16", 4: "utf-16", 2: "latin-1", 1: "latin-1"}
    if kind not in codes:
        raise ValueError(f"text of type {kind}")
    code = codes[kind] + {"<": "-le", ">": "-be"}[order] * (codes[kind] == "utf-16")
    return content.decode(code).strip()
