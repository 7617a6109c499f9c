"""Columns of any shape and arrays from anywhere: right, opened again, made again when they must be, never half-made."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from test_packing import Heard, flip_a_bit

from lnkit.data.pack.columns import Column, ColumnTable, PackedColumns, open_arrays, open_columns
from lnkit.errors import DataError
from lnkit.progress import SilentProgress

ROWS = 7
Arrays = dict[str, np.ndarray]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Files of six bytes each."""
    folder = tmp_path / "source"
    folder.mkdir()
    for row in range(ROWS):
        (folder / f"{row}.bin").write_bytes(bytes(range(row, row + 6)))
    return folder


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "packed"


def grid(data: bytes, path: Path) -> np.ndarray:
    return np.frombuffer(data, np.uint8).reshape(2, 3)


def mean(data: bytes, path: Path) -> float:
    return float(np.frombuffer(data, np.uint8).mean())


def table_of(folder: Path, **changes: Any) -> ColumnTable:
    """Two columns that read the same files; ``changes`` go to the first."""
    files = tuple(sorted(path.name for path in folder.iterdir()))
    first = replace(Column(files, (2, 3), grid, "as a grid"), **changes)
    return ColumnTable("grids", folder, {"b": first, "mean": Column(files, (), mean, "their mean", "float32")})


def opened(source: Path, packed: Path, progress: SilentProgress | None = None, **changes: Any) -> PackedColumns:
    return open_columns(table_of(source, **changes), packed, progress or SilentProgress())


def never(data: bytes, path: Path) -> np.ndarray:
    raise AssertionError("nothing was to be read")


def test_rows_have_any_shape_and_type(source: Path, packed: Path) -> None:
    progress = Heard()
    table = opened(source, packed, progress)
    expected = np.arange(ROWS)[:, None] + np.arange(6)
    np.testing.assert_array_equal(table.arrays["b"], expected.reshape(ROWS, 2, 3))
    np.testing.assert_array_equal(table.arrays["mean"], np.arange(ROWS) + 2.5)
    for array in table.arrays.values():
        assert isinstance(array, np.memmap)
        assert not array.flags.writeable
    assert [array.dtype for array in table.arrays.values()] == [np.uint8, np.float32]
    assert (progress.steps, progress.total, progress.said) == (2 * ROWS, 2 * ROWS, [])


def test_a_file_of_two_columns_counts_once(source: Path, packed: Path) -> None:
    """The identity is what sha256sum prints for the files."""
    names = sorted(path.name for path in source.iterdir())
    listing = subprocess.run(["sha256sum", *names], cwd=source, capture_output=True, check=True).stdout
    assert opened(source, packed).sha256 == hashlib.sha256(listing).hexdigest()


def test_the_second_time_nothing_is_read(source: Path, packed: Path) -> None:
    first, progress = opened(source, packed), Heard()
    again = opened(source, packed, progress, read=never)
    assert again.sha256 == first.sha256
    assert (progress.steps, progress.said) == (0, [])
    np.testing.assert_array_equal(again.arrays["b"], first.arrays["b"])


def another_file(source: Path) -> dict[str, Any]:
    (source / "3.bin").write_bytes(b"abcdef")
    return {}


def another_order(source: Path) -> dict[str, Any]:
    return {"files": tuple(sorted((path.name for path in source.iterdir()), reverse=True))}


def another_recipe(source: Path) -> dict[str, Any]:
    return {"read": lambda data, path: grid(data, path)[::-1], "recipe": "upside down"}


def another_shape(source: Path) -> dict[str, Any]:
    return {"read": lambda data, path: grid(data, path).T, "shape": (3, 2)}


def another_type(source: Path) -> dict[str, Any]:
    return {"dtype": "float64"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (another_file, "the source files have changed"),
        (another_order, "other rows are wanted now"),
        (another_recipe, "other rows are wanted now"),
        (another_shape, "other rows are wanted now"),
        (another_type, "other rows are wanted now"),
    ],
)
def test_what_changed_is_made_again(
    source: Path, packed: Path, change: Callable[[Path], dict[str, Any]], reason: str
) -> None:
    opened(source, packed)
    changes, progress = change(source), Heard()
    again = opened(source, packed, progress, **changes)
    assert progress.said == [f"Packing grids again: {reason}."]
    fresh = opened(source, packed.with_name("fresh"), **changes)
    np.testing.assert_array_equal(again.arrays["b"], fresh.arrays["b"])
    assert again.arrays["b"].dtype == fresh.arrays["b"].dtype
    opened(source, packed, progress, **changes)
    assert len(progress.said) == 1


def test_damage_and_another_pillow_are_named(source: Path, packed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened(source, packed)
    with (packed / "b.npy").open("r+b") as file:
        file.seek(130)
        file.write(b"\xff")
    progress = Heard()
    opened(source, packed, progress)
    monkeypatch.setattr(PIL, "__version__", "0.0")
    opened(source, packed, progress)
    assert progress.said[0] == "Packing grids again: b.npy is damaged."
    assert "it was made with Pillow" in progress.said[1]


@pytest.mark.parametrize(
    ("read", "sentence"),
    [
        (lambda data, path: grid(data, path)[:1], r"3\.bin gives a row of the shape \(1, 3\) for 'b', and \(2, 3\) is"),
        (lambda data, path: np.uint8(1), r"3\.bin gives a row of the shape \(\) for 'b', and \(2, 3\) is expected"),
        (lambda data, path: grid(data, path) / 255, r"3\.bin gives a row of float64 for 'b', and uint8 is expected"),
    ],
)
def test_a_row_of_another_kind_is_refused(
    source: Path, packed: Path, read: Callable[[bytes, Path], np.ndarray], sentence: str
) -> None:
    """Numpy itself would stretch or cut all of these without a word."""

    def spoilt(data: bytes, path: Path) -> np.ndarray:
        return read(data, path) if path.name == "3.bin" else grid(data, path)

    with pytest.raises(DataError, match=sentence):
        opened(source, packed, read=spoilt)
    assert [path for path in packed.parent.iterdir() if path.suffix != ".lock"] == []


def test_a_missing_file_is_named(source: Path, packed: Path) -> None:
    table = table_of(source)
    (source / "3.bin").unlink()
    with pytest.raises(DataError, match=r"3\.bin cannot be read \(No such file"):
        open_columns(table, packed, SilentProgress())


def arrays_of(seed: int = 0) -> Arrays:
    """As they come from a .mat file: images along the last axis, so that rows do not lie together in memory."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (4, 4, 3, 50), dtype=np.uint8).transpose(3, 0, 1, 2)
    return {"images": images, "labels": rng.integers(0, 10, 50), "b": np.asfortranarray(rng.random((300, 7)))}


def test_arrays_from_anywhere_are_kept(tmp_path: Path) -> None:
    folder, made = tmp_path / "kept", []

    def make() -> Arrays:
        made.append(1)
        return arrays_of()

    for _ in range(2):
        kept = open_arrays("numbers", folder, "seed 0", make, SilentProgress())
        assert len(made) == 1
        for name, expected in arrays_of().items():
            np.testing.assert_array_equal(kept[name], expected)
            assert kept[name].dtype == expected.dtype
            assert isinstance(kept[name], np.memmap)
            assert not kept[name].flags.writeable
    assert sorted(path.name for path in folder.iterdir()) == ["b.npy", "images.npy", "labels.npy", "manifest.json"]


def test_arrays_larger_than_a_part_are_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lnkit.data.pack.npy_file.CHUNK", 100)
    kept = open_arrays("numbers", tmp_path / "kept", "seed 0", arrays_of, SilentProgress())
    for name, expected in arrays_of().items():
        np.testing.assert_array_equal(kept[name], expected)


def test_arrays_are_made_again_when_they_must_be(tmp_path: Path) -> None:
    folder, progress = tmp_path / "kept", Heard()
    open_arrays("numbers", folder, "seed 0", arrays_of, progress)
    other = open_arrays("numbers", folder, "seed 1", lambda: arrays_of(1), progress)
    np.testing.assert_array_equal(other["b"], arrays_of(1)["b"])
    flip_a_bit(folder)
    again = open_arrays("numbers", folder, "seed 1", lambda: arrays_of(1), progress)
    np.testing.assert_array_equal(again["b"], arrays_of(1)["b"])
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(manifest | {"format": 0}))
    open_arrays("numbers", folder, "seed 1", lambda: arrays_of(1), progress)
    assert progress.said == [
        "Packing numbers again: what they are made from has changed.",
        "Packing numbers again: b.npy is damaged.",
        "Packing numbers again: it was packed by another version of lnkit.",
    ]


def test_arrays_that_cannot_be_made_leave_nothing(tmp_path: Path) -> None:
    def fail() -> Arrays:
        raise DataError("The .mat file is damaged.")

    with pytest.raises(DataError, match=r"\.mat file"):
        open_arrays("numbers", tmp_path / "kept", "", fail, SilentProgress())
    with pytest.raises(TypeError, match=r"x\.npy was to be written from an array of Python objects"):
        open_arrays("numbers", tmp_path / "kept", "", lambda: {"x": np.array([None])}, SilentProgress())
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_disk_that_fills_up_says_how_much_is_needed(tmp_path: Path) -> None:
    """A real limit on file size stands in for a full disk."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(DataError, match=r"The disk is full: packing numbers needs 19\.6 kB"):
            open_arrays("numbers", tmp_path / "kept", "", arrays_of, SilentProgress())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [path for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


MEMORY_OF = """
import resource, sys
from pathlib import Path
import numpy as np
from lnkit.data.pack.columns import Column, ColumnTable, open_columns
from lnkit.progress import SilentProgress
source, rows = Path(sys.argv[1]), int(sys.argv[2])
(source / "seed").parent.mkdir()
(source / "seed").write_bytes(b"1")
column = Column(("seed",) * rows, (288, 288, 3), lambda data, path: np.ones((288, 288, 3), np.uint8), "ones")
open_columns(ColumnTable("ones", source, {"x": column}), source / "packed", SilentProgress())
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    """Ten times the rows, 110 MB more of arrays, and hardly more memory."""
    used = []
    for rows in (50, 500):
        arguments = [sys.executable, "-c", MEMORY_OF, str(tmp_path / f"source{rows}"), str(rows)]
        used.append(int(subprocess.run(arguments, env=os.environ, capture_output=True, check=True, text=True).stdout))
    assert used[1] - used[0] < 25_000  # kB
