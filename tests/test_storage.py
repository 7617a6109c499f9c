"""Folders that appear whole or not at all, and sizes for people."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

import lnkit.data.atomic
from lnkit.data.atomic import atomic_folder, atomic_write_text
from lnkit.data.storage import human_size


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    target = tmp_path / "data"
    with atomic_folder(target) as new:
        (new / "a").write_text("1")
        assert not target.exists()
    assert (target / "a").read_text() == "1"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_what_fails_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    target = tmp_path / "data"
    target.mkdir()
    (target / "a").write_text("old")

    def fail() -> None:
        with atomic_folder(target) as new:
            (new / "a").write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert (target / "a").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_killed_between_the_renames_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on NFS, which cannot exchange two folders."""
    monkeypatch.setattr(lnkit.data.atomic, "_exchange_call", lambda: lambda _first, _second: errno.EINVAL)
    target, rename = tmp_path / "data", Path.rename
    with atomic_folder(target) as new:
        (new / "a").write_text("old")

    def rename_once(path: Path, to: Path) -> Path:
        if path.name == ".data.part" or to == target:  # as if killed, neither goes on nor puts anything back
            raise KeyboardInterrupt
        return rename(path, to)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename_once)
        with pytest.raises(KeyboardInterrupt), atomic_folder(target):
            pass
    assert not target.exists()
    with atomic_folder(target) as new:
        assert (target / "a").read_text() == "old"


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "a", "text")
    assert (tmp_path / "a").read_text() == "text"
    with pytest.raises(UnicodeEncodeError):
        atomic_write_text(tmp_path / "a", "\ud800")
    assert (tmp_path / "a").read_text() == "text"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (12_345, "12.3 kB"),
        (99_960, "100 kB"),
        (1_300_000_000, "1.3 GB"),
        (5_300_000_000_000, "5.3 TB"),
        (10**16, "10000 TB"),
    ],
)
def test_sizes_for_people(size: int, text: str) -> None:
    assert human_size(size) == text
