"""Folders that appear whole or not at all, and sizes for people."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from kill_at_event import at_every_event
from numpy.typing import NDArray
from safetensors import safe_open

import lnkit.data.atomic
from lnkit.data import open_arrays
from lnkit.data.atomic import atomic_folder, atomic_write_text, restore_folder
from lnkit.data.cache import cached_folder
from lnkit.data.storage import human_size
from lnkit.errors import DataError
from lnkit.progress import SilentProgress


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


def open_table(folder: Path, value: float = 1.0) -> NDArray[np.float64]:
    made = open_arrays("table", folder, f"value {value}", lambda: {"a": np.full(4, value)}, SilentProgress())
    return made["a"]


@pytest.fixture
def read_only(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Let the disk refuse every write from now on."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, "Read-only file system")

    def start() -> None:
        opened = os.open
        for name in ("mkdir", "rename", "replace", "unlink", "rmdir"):
            monkeypatch.setattr(os, name, refuse)
        monkeypatch.setattr(
            os,
            "open",
            lambda path, flags, *more, **named: (
                refuse() if flags & (os.O_CREAT | os.O_WRONLY | os.O_RDWR) else opened(path, flags, *more, **named)
            ),
        )

    return start


def test_packed_arrays_are_read_from_a_cache_that_is_read_only(tmp_path: Path, read_only: Callable[[], None]) -> None:
    open_table(tmp_path / "table")
    sample = cached_folder(tmp_path / "sample", 0, "making", SilentProgress(), lambda new: (new / "a").touch())
    read_only()
    assert open_table(tmp_path / "table").tolist() == [1.0] * 4
    assert cached_folder(sample, 0, "making", SilentProgress(), lambda _new: pytest.fail("it is there")) == sample
    with pytest.raises(DataError, match=r"Read-only file system\)\. Change its permissions, or set LNKIT_CACHE"):
        open_table(tmp_path / "table", 2.0)


def test_arrays_that_are_replaced_while_they_are_opened_are_never_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process may replace them after they were checked."""
    folder, load = tmp_path / "table", np.load
    open_table(folder, 1.0)

    def replaced_first(file: Path, **options: object) -> object:
        monkeypatch.setattr(np, "load", load)
        open_table(folder, 2.0)
        return load(file, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(np, "load", replaced_first)
    assert open_table(folder, 1.0).tolist() == [1.0] * 4


@pytest.mark.parametrize("exchanged", [True, False])
def test_a_folder_that_is_replaced_is_there_at_every_moment(
    exchanged: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not exchanged:
        monkeypatch.setattr(lnkit.data.atomic, "_exchange_call", lambda: lambda _first, _second: errno.EINVAL)

    def write(folder: Path, text: str) -> None:
        with atomic_folder(folder / "data") as new:
            (new / "a").write_text(text)

    seen = set()

    def check(folder: Path) -> None:
        assert not exchanged or (folder / "data").is_dir()
        restore_folder(folder / "data")
        seen.add((folder / "data" / "a").read_text())
        write(folder, "third")
        assert (folder / "data" / "a").read_text() == "third"
        assert [path.name for path in folder.iterdir()] == ["data"]

    assert at_every_event(tmp_path, lambda f: write(f, "old"), lambda f: write(f, "new"), check) >= 4
    assert seen == {"old", "new"}


def test_the_same_tensors_and_facts_give_the_same_bytes(tmp_path: Path) -> None:
    """In every process; the library's order of the facts differs from one to the next."""
    code = """
import sys, torch
from pathlib import Path
from lnkit.data import write_tensors
tensors = {"b": torch.arange(5.0), "a": torch.ones(2, 3)}
write_tensors(Path(sys.argv[1]), tensors, {name: f"{name} \u00e4 \\n" for name in "zyxwvutsrqponm"})
"""
    files = [tmp_path / str(number) for number in range(3)]
    for file in files:
        subprocess.run([sys.executable, "-c", code, str(file)], check=True)
    assert len({file.read_bytes() for file in files}) == 1
    with safe_open(files[0], "pt") as stored:
        assert stored.metadata() == {name: f"{name} \u00e4 \n" for name in "zyxwvutsrqponm"}
        assert stored.get_tensor("b").tolist() == [0, 1, 2, 3, 4]
        assert stored.get_tensor("a").tolist() == [[1, 1, 1], [1, 1, 1]]
