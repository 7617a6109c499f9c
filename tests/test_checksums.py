"""Checksums are of regular files only."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from lnkit.data import file_sha256
from lnkit.datasets.downsampled_imagenet import fingerprint
from lnkit.errors import DataError


def test_the_checksum_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"some bytes")
    assert file_sha256(tmp_path / "file") == hashlib.sha256(b"some bytes").hexdigest()


@pytest.mark.parametrize("kind", ["device", "FIFO", "folder"])
def test_what_is_no_file_is_refused_at_once(kind: str, tmp_path: Path) -> None:
    """A device never ends, and a FIFO blocks."""
    path = tmp_path / "train_data_batch_1.npz"
    make = {"device": lambda: path.symlink_to("/dev/zero"), "FIFO": lambda: os.mkfifo(path), "folder": path.mkdir}
    make[kind]()
    with pytest.raises(DataError, match="Expected a file, got"):
        fingerprint([path])
