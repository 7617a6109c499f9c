"""Files that lnkit reads back: whatever they hold by now, a sentence, and no blocking."""

import json
import os
from contextlib import suppress

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from lnkit.data.stored_files import read_arrays, read_json, read_tensors, read_text
from lnkit.errors import DataError

READERS = (read_text, read_json, read_arrays, read_tensors)


@pytest.mark.parametrize("read", READERS)
def test_that_what_is_no_file_is_named_and_blocks_nobody(read, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    for name, said in {
        "fifo": "got a FIFO",
        "zero": "got a device",
        "folder": "a folder",
        "loop": "cannot be read",
        "nothing": "is missing",
        "nul\0": "cannot be read",
        "x" * 300: "cannot be read",
    }.items():
        with pytest.raises(DataError, match=said):
            read(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b"[1]", "expected a JSON object, got list"),
        (b'{"name": "\\ud800"}', "not JSON"),
        (b'{"a": ' + b"[" * 100_000, "nested too deeply"),
        (b'{"a": ' + b"[" * 300 + b"]" * 300 + b"}", "nested too deeply"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b'{"a": "\xff"}', "not UTF-8"),
    ],
)
def test_json_that_could_stop_a_later_step(content, said, tmp_path):
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(DataError, match=said):
        read_json(tmp_path / "x.json")


def test_json_comes_back_as_it_was_written(tmp_path):
    value = {"name": "ä 😀", "list": [[1.5, None], {"x": True}] * 200}
    for ascii_only in (True, False):
        (tmp_path / "x.json").write_text(json.dumps(value, ensure_ascii=ascii_only), encoding="utf-8")
        assert read_json(tmp_path / "x.json") == value


@pytest.mark.parametrize("read", [read_arrays, read_tensors])
def test_every_cut_and_every_flipped_bit_of_a_header_is_a_sentence(read, tmp_path):
    file = tmp_path / "file"
    if read is read_arrays:
        with file.open("wb") as stream:
            np.savez(stream, values=np.arange(6.0))
    else:
        save_file({"values": torch.arange(6.0)}, file)
    whole = file.read_bytes()
    assert list(read(file)["values"]) == [0, 1, 2, 3, 4, 5]
    for place in range(0, min(len(whole), 300)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 32]) + whole[place + 1 :]):
            file.write_bytes(damaged)
            with suppress(DataError):  # a flipped bit may leave the file readable
                read(file)


def test_a_text_of_endless_length_is_refused(tmp_path):
    file = tmp_path / "long"
    file.write_bytes(b"x" * 11)
    with pytest.raises(DataError, match="longer than 10 bytes"):
        read_text(file, longest=10)
