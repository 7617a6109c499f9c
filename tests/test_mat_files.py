"""MATLAB files and workbooks: what scipy and the format say is in them, and damage that never ends the process."""

from __future__ import annotations

import random
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from made_iqa import write_workbook
from scipy.io import savemat

from lnkit import DataError
from lnkit.datasets.mat_files import read_mat
from lnkit.datasets.spreadsheet import read_sheet

NAMES = ["bikes.bmp", "a", "naïve Ж.bmp"]


def cells() -> np.ndarray[tuple[int, int], np.dtype[np.object_]]:
    array = np.empty((1, 3), object)
    array[0] = NAMES
    return array


@pytest.mark.parametrize("compressed", [False, True])
def test_variables_are_those_that_scipy_wrote(compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / "x.mat"
    variables = {
        "real": np.array([[0.5, -2.640015, 1e300]]),
        "byte": np.array([[0, 255, 1]], np.uint8),
        "names": cells(),
    }
    savemat(path, variables | {"column": np.array([[1], [2], [70_000]], np.int32)}, do_compression=compressed)
    real, byte, column = read_mat(path, "real", "byte", "column", count=3)
    assert real.tolist() == [0.5, -2.640015, 1e300]
    assert byte.tolist() == [0, 255, 1]
    assert column.tolist() == [1, 2, 70_000]
    assert read_mat(path, "names", count=3, text=True)[0].tolist() == NAMES


def test_the_order_of_bytes_of_another_machine(tmp_path: Path) -> None:
    def element(kind: int, content: bytes) -> bytes:
        return struct.pack(">II", kind, len(content)) + content + bytes(-len(content) % 8)

    head = element(6, struct.pack(">II", 6, 0)) + element(5, struct.pack(">ii", 1, 2)) + element(1, b"dmos")
    body = element(14, head + element(9, struct.pack(">dd", 1.5, 84.5)))
    (tmp_path / "x.mat").write_bytes(b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x100) + b"MI" + body)
    assert read_mat(tmp_path / "x.mat", "dmos", count=2)[0].tolist() == [1.5, 84.5]


def test_what_expands_without_end_is_refused(tmp_path: Path) -> None:
    bomb = zlib.compress(bytes(10**8))
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack("<H", 0x100) + b"IM"
    (tmp_path / "x.mat").write_bytes(header + struct.pack("<II", 15, len(bomb)) + bomb)
    with pytest.raises(DataError, match=r"not a readable MATLAB file \(a variable ends early, or is too large\)"):
        read_mat(tmp_path / "x.mat", "dmos", count=2)


def test_damage_is_a_sentence(tmp_path: Path) -> None:
    draw, path = random.Random(5), tmp_path / "x.mat"
    outcomes = {"read": 0, "refused": 0}
    for compressed in (False, True):
        savemat(path, {"names": cells(), "real": np.ones((1, 3))}, do_compression=compressed)
        whole = path.read_bytes()
        for _ in range(300):
            damaged = bytearray(whole)
            for _ in range(draw.choice((1, 3, 20))):
                damaged[draw.randrange(len(whole))] = draw.randrange(256)
            path.write_bytes(damaged[: draw.choice((len(whole), draw.randrange(len(whole))))])
            try:
                read_mat(path, "real", count=3)
                read_mat(path, "names", count=3, text=True)
                outcomes["read"] += 1
            except DataError as error:
                outcomes["refused"] += str(path) in str(error)
    assert min(outcomes.values()) > 50, outcomes


def test_cells_of_a_sheet_are_text_in_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    write_workbook(
        path, {"other": [["no"]], "Wanted": [["title"], [], ["image", "a & b", "dmos"], [1600, "x", 0.0625]]}
    )
    rows = read_sheet(path, "wanted")
    assert [row.cells for row in rows] == [["title"], ["image", "a & b", "dmos"], ["1600", "x", "0.0625"]]
    assert rows[1].where == f"{path}, row 3"
