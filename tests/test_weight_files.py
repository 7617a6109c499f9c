"""Files of weights are known by their content: whatever they are called, a sentence that says what they are."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save

from lnkit import UsageError, WeightsError
from lnkit.networks.weight_files import read_content
from lnkit.networks.weights import check_weights

STATE = {"conv.weight": torch.arange(600.0).reshape(2, 3, 100), "conv.bias": torch.tensor([1.0, -2.0])}


def torch_bytes(content: Any, **options: Any) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer, **options)
    return buffer.getvalue()


def zip_bytes(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tar_bytes() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return buffer.getvalue()


def members_of(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def script_bytes() -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(action="ignore"):  # torch.jit is deprecated, but its files are about
        torch.jit.save(torch.jit.script(torch.nn.Conv2d(1, 1, 1)), buffer)
    return buffer.getvalue()


ZIP, LEGACY, TENSORS = torch_bytes(STATE), torch_bytes(STATE, _use_new_zipfile_serialization=False), save(STATE)


@pytest.mark.parametrize(
    "name", ["x.safetensors", "x.pth", "x.pt", "x.bin", "x.ckpt", "x.part", "x", "x.tar", "x.json"]
)
@pytest.mark.parametrize("content", [ZIP, LEGACY, TENSORS], ids=["zip", "legacy", "safetensors"])
def test_the_name_of_a_file_does_not_matter(content: bytes, name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    read = read_content(tmp_path / name)
    assert list(read) == list(STATE) or set(read) == set(STATE)
    assert all(torch.equal(read[key], STATE[key]) for key in STATE)


LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a2146\nsize 12345\n"
INDEX = json.dumps({"metadata": {"total_size": 5}, "weight_map": {"a": "model-00001-of-00002.safetensors"}}).encode()
WRONG: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "empty": (b"", "is empty: fetch it again"),
    "Git LFS": (LFS, "pointer of Git LFS .* `git lfs pull`"),
    "HTML": (b"\n<!DOCTYPE html><html><body>404</body></html>", "a web page"),
    "XML": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "a web page or another text with tags"),
    "gzip": (gzip.compress(ZIP), "a gzip archive, not weights. Unpack it"),
    "bzip2": (bz2.compress(ZIP), "a bzip2 archive"),
    "xz": (lzma.compress(ZIP), "an xz archive"),
    "tar": (tar_bytes(), "a tar archive"),
    "zip": (zip_bytes({"model.pth": ZIP}), r"zip archive that torch.save did not write, such as model\.pth"),
    "npz": (zip_bytes({"a.npy": b"x"}), r"zip archive that torch.save did not write, such as a\.npy"),
    "index": (INDEX, "index of weights in several files"),
    "JSON": (b'{"error": "not found"}', "is JSON"),
    "text": (b"hello there", "was not written by torch.save, and is not safetensors"),
    "pickle": (pickle.dumps({"a": 1}), "was not written by torch.save"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(20), "an HDF5 file, as Keras writes"),
    "TorchScript": (script_bytes, "holds a TorchScript module, not a state dict. Open it with torch.jit.load"),
    "zeros": (bytes(1000), "was not written by torch.save"),
    "huge header": (struct.pack("<Q", 2**60) + b'{"a": 1}', "not a complete safetensors file"),
    "cut header": (struct.pack("<Q", 9000) + TENSORS[8:100], "not a complete safetensors file"),
    "odd dtype": (
        struct.pack("<Q", 56) + b'{"a":{"dtype":"F4X","shape":[2],"data_offsets":[0,1]}}  ' + b"x",
        "complete",
    ),
    "cut zip": (ZIP[:-100], "is damaged"),
    "cut legacy": (LEGACY[:-100], "cannot be read"),
    "compressed": (zip_bytes(members_of(ZIP), zipfile.ZIP_DEFLATED), "is compressed, which torch.save never does"),
    "protocol 4": (torch_bytes(STATE, pickle_protocol=4), "another protocol"),
    "objects": (torch_bytes({"state": STATE, "args": Path("x")}), r"objects besides tensors \(pathlib\.PosixPath\)"),
    "numpy": (torch_bytes({"state": STATE, "best": np.float64(1.0)}), r"objects besides tensors \(numpy"),
}


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("name", ["x.safetensors", "x.pth"])
def test_other_files_are_named_as_what_they_are(case: str, name: str, tmp_path: Path) -> None:
    content, says = WRONG[case]
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content())
    with pytest.raises(WeightsError, match=says) as caught:
        read_content(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert "weights_only" not in str(caught.value), "an advice to turn off a safety"


@pytest.mark.parametrize("place", ["data", "data.pkl"])
def test_a_flipped_bit_is_found(place: str, tmp_path: Path) -> None:
    """torch.load itself ignores the checksums of the archive."""
    with zipfile.ZipFile(io.BytesIO(ZIP)) as archive:
        member = next(
            m for m in archive.infolist() if m.filename.endswith("/data/0" if place == "data" else "data.pkl")
        )
    start = member.header_offset + 30 + len(member.filename)
    flipped = bytearray(ZIP)
    flipped[flipped.index(members_of(ZIP)[member.filename], start) + 40] ^= 4
    (tmp_path / "x.pth").write_bytes(flipped)
    with pytest.raises(WeightsError, match=r"is damaged \(Bad CRC-32"):
        read_content(tmp_path / "x.pth")


def test_an_archive_without_checksums(tmp_path: Path) -> None:
    without = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(STATE, tmp_path / "x.pth")
    finally:
        torch.serialization.set_crc32_options(without)
    assert torch.equal(read_content(tmp_path / "x.pth")["conv.bias"], STATE["conv.bias"])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_that_would_unpack_to_more_or_to_something_else(tmp_path: Path) -> None:
    bomb = zip_bytes({**members_of(ZIP), "archive/data/0": bytes(10**7)}, zipfile.ZIP_DEFLATED)
    buffer = io.BytesIO(ZIP)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(next(name for name in archive.namelist() if name.endswith("/data/0")), bytes(2400))
    long = zip_bytes({**members_of(ZIP), "long/data.pkl": bytes(2**26 + 1)})
    same = buffer.getvalue()
    for content, says in (
        (bomb, "is compressed"),
        (same, "two of its members have the same name"),
        (long, "longer than"),
    ):
        (tmp_path / "x.pth").write_bytes(content)
        with pytest.raises(WeightsError, match=says):
            read_content(tmp_path / "x.pth")


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("fifo", "Expected a file, got a FIFO"),
        ("zero", "Expected a file, got a device"),
        ("loop", "cannot be read"),
        ("nothing", "There is no weights file .*nothing"),
        ("file/below", "There is no weights file"),
        ("nul\0", "There is no weights file"),
        ("x" * 300, "cannot be read"),
        ("folder", r"Expected a file of weights, got the folder .*folder\. Give a file in it"),
        ("hub", r"got the folder .*hub\. Give .*hub/model\.safetensors"),
    ],
)
def test_what_is_no_file_is_named_before_anything_is_fetched(name: str, says: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "zero").symlink_to("/dev/zero")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "model.safetensors").write_bytes(TENSORS)
    for read in (check_weights, lambda path: read_content(Path(path))):
        with pytest.raises(WeightsError, match=says):
            read(str(tmp_path / name))


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.pth"
    path.write_bytes(ZIP)

    def refuse(*_: Any) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", refuse)  # as root, chmod refuses nothing
    with pytest.raises(WeightsError, match=r"x\.pth cannot be read \(Permission denied\)"):
        check_weights(str(path))


def test_the_home_of_nobody() -> None:
    with pytest.raises(UsageError, match=r"There is no home folder for '~nobody-of-that-name/x\.pth'"):
        check_weights("~nobody-of-that-name/x.pth")


@pytest.mark.exhaustive
def test_files_cut_anywhere_or_with_flipped_bytes_give_sentences(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    for content in (ZIP, LEGACY, TENSORS):
        for trial in range(400):
            changed = bytearray(content[: generator.integers(len(content))] if trial % 2 else content)
            for position in generator.integers(len(changed) or 1, size=trial % 5):
                changed[position % max(1, len(changed))] = generator.integers(256) if changed else 0
            (tmp_path / "x").write_bytes(changed)
            with suppress(WeightsError):
                read_content(tmp_path / "x")
