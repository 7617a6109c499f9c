"""Tables that people write: every fault is a sentence that names file and line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lnkit.data.stored_files import parse_array, read_array
from lnkit.datasets.text_tables import read_number, read_table
from lnkit.errors import DataError

COLUMNS = ("image", "score")


def table(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "scores.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    "content",
    [
        "image,score\na.png,1.5\nb.png,2\n",
        "\ufeffimage,score\r\na.png,1.5\r\nb.png,2\r\n",  # as spreadsheets write it
        "image,score\n\n\na.png,1.5\n\nb.png,2",
        'note,score,image\n"one, two",1.5,a.png\n"three\nfour",2,b.png\n',
        "image , score\n a.png , 1.5\nb.png,2\n",
    ],
)
def test_what_people_write_is_read(tmp_path: Path, content: str) -> None:
    rows = [(line.cells["image"], line.number("score")) for line in read_table(table(tmp_path, content), COLUMNS)]
    assert rows == [("a.png", 1.5), ("b.png", 2.0)]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("image,score\n\n\na.png,1,5\n", r"scores\.csv, line 4 has 3 cells, and the header has 2"),
        ("image;score\na.png;1,5\n", r"line 1: expected commas between the cells, got 'image;score'"),
        ("image\tscore\na.png\t1.5\n", "expected commas between the cells"),
        ("image,score\na.png," + "9" * 140_000 + "\n", r"line 2: field larger than field limit \(131072\)"),
        ('image,score\na.png,"1\nb.png,2\nc.png,3\n', r"line \d: unexpected end of data"),
        ("image,score,score\na.png,1,2\n", "has two columns 'score'"),
        ("image,score\na\0.png,1\n", "holds the character 0"),
        ("image,score\na.png,1\n".encode("utf-16"), "not UTF-8"),
        ("image,score\nä.png,1\n".encode("latin-1"), "not UTF-8"),
        ("", "has no column image, score"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, content: str | bytes, says: str) -> None:
    with pytest.raises(DataError, match=says):
        read_table(table(tmp_path, content), COLUMNS)


@pytest.mark.parametrize("text", ["nan", "inf", "-Infinity", "1e999", "1_000", "1,5", "", "0x10", "one"])
def test_no_number(text: str) -> None:
    with pytest.raises(DataError, match=r"^here: expected a number, got"):
        read_number(text, "here")


def test_no_damaged_header_of_an_array_raises_anything_else(tmp_path: Path) -> None:
    """The readers of numpy raise tokenize.TokenError and others."""
    path = tmp_path / "judge.npy"
    np.save(path, np.array([0.6], np.float32))
    good = path.read_bytes()
    rng = np.random.default_rng(7)
    refused: list[DataError] = []
    for _ in range(1500):
        data = bytearray(good)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        try:
            parse_array(bytes(data), path)
        except DataError as error:
            refused.append(error)
    assert len(refused) > 500
    assert all(str(error).startswith(f"{path} is not a readable .npy file (") for error in refused)
    for end in range(len(good)):
        path.write_bytes(good[:end])
        with pytest.raises(DataError, match=r"judge\.npy is not a readable \.npy file"):
            read_array(path)


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([{}, {}], object), allow_pickle=True)
    with pytest.raises(DataError, match=r"x\.npy is not a readable \.npy file"):
        read_array(tmp_path / "x.npy")
