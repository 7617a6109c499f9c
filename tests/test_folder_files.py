"""Folders that users import: links are followed to files, and nothing else is."""

from __future__ import annotations

import errno
import io
import os
import socket
from pathlib import Path

import pytest
from test_unpack import contents

from lnkit.data.fetch import folder_files as copying
from lnkit.data.fetch.datasets import import_dataset
from lnkit.data.fetch.folder_files import copy_file, folder_files
from lnkit.errors import DataError
from lnkit.progress import SilentProgress
from lnkit.specs import DatasetSpec, RemoteFile

SPEC = DatasetSpec("things", "Things", (RemoteFile("http://127.0.0.1:9/things.zip", size=1000),), license="CC0-1.0")
OURS = {"dataset.json", "inventory.sha256"}


def imported(folder: Path) -> Path:
    return import_dataset(SPEC, [folder], folder.with_name("cache"), SilentProgress())


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "source" / "2afc" / "val").mkdir(parents=True)
    (tmp_path / "source" / "2afc" / "val" / "1.png").write_bytes(b"one")
    return tmp_path / "source"


def test_links_to_files_and_folders_are_followed(source: Path, tmp_path: Path) -> None:
    """BAPPS is often a tree of links on a cluster."""
    store = tmp_path / "store"
    (store / "jnd").mkdir(parents=True)
    (store / "2.png").write_bytes(b"two")
    (store / "jnd" / "3.png").write_bytes(b"three")
    (source / "2afc" / "val" / "2.png").symlink_to(store / "2.png")
    (source / "jnd").symlink_to(store / "jnd")
    (source / "again").symlink_to(store / "jnd")  # twice, but in no circle
    found = {name: data for name, data in contents(imported(source)).items() if name not in OURS}
    expected = {"2afc/val/1.png": b"one", "2afc/val/2.png": b"two", "jnd/3.png": b"three", "again/3.png": b"three"}
    assert found == expected
    assert not any(path.is_symlink() for path in imported(source).rglob("*"))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.symlink_to("/dev/zero"), r"got a device: .*odd"),
        (lambda path: os.mkfifo(path), r"got a FIFO: .*odd"),
        (lambda path: path.symlink_to("nowhere"), r"odd cannot be read \(the link leads nowhere\)"),
        (lambda path: path.symlink_to(path.parent), r"odd is a link to a folder that it lies in"),
        (lambda path: path.symlink_to("odd"), r"odd cannot be read \(Too many levels of symbolic links\)"),
        (lambda path: path.with_name("a\nb").write_bytes(b""), r"The name 'a\\nb' in .* cannot be printed"),
        (
            lambda path: Path(os.fsdecode(bytes(path) + b"\xff")).write_bytes(b""),
            r"'odd\\udcff' in .* cannot be printed",
        ),
        (lambda path: path.joinpath(*["d"] * 40).mkdir(parents=True), r"more than 32 folders deep"),
    ],
)
def test_anything_else_is_named_and_leaves_nothing(source: Path, make, says: str) -> None:  # type: ignore[no-untyped-def]
    make(source / "2afc" / "odd")
    with pytest.raises(DataError, match=says):
        imported(source)
    left = list((source.with_name("cache") / "datasets").glob("[!.]*"))
    assert left == []


def test_a_socket(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source)  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind("odd")
        with pytest.raises(DataError, match="got a socket"):
            list(folder_files(source))


def test_a_folder_that_may_not_be_read(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The standard library's walk passes it over, and data would be missing without a word."""
    listed = os.listdir

    def refuse(folder: Path) -> list[str]:
        if folder.name == "val":
            raise PermissionError(errno.EACCES, "Permission denied")
        return listed(folder)

    monkeypatch.setattr(os, "listdir", refuse)  # permissions themselves mean nothing to root
    with pytest.raises(DataError, match=r"val cannot be read \(Permission denied\)"):
        imported(source)


def test_a_file_that_grows_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log"
    log.write_bytes(bytes(1000))

    class Stream(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            with log.open("ab") as file:
                file.write(bytes(100))
            return super().read(size) or b""

    monkeypatch.setattr(copying, "open_regular", lambda path: Stream(path))
    with pytest.raises(DataError, match="log changed while it was copied"):
        copy_file(log, tmp_path / "copy")
    assert (tmp_path / "copy").stat().st_size == 1000, "no more than was there"


def test_two_sources_with_one_file(tmp_path: Path) -> None:
    """Several folders keep their names; here two have the same."""
    for parent in "ab":
        (tmp_path / parent / "val").mkdir(parents=True)
        (tmp_path / parent / "val" / "1").write_bytes(parent.encode())
    sources = [tmp_path / parent / "val" for parent in "ab"]
    with pytest.raises(DataError, match="another source has a file of its name"):
        import_dataset(SPEC, sources, tmp_path / "cache", SilentProgress())


def test_a_fifo_is_no_source(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(DataError, match="fifo is no file and no folder"):
        imported(tmp_path / "fifo")


def test_the_folder_of_another_cache(source: Path, tmp_path: Path) -> None:
    first = imported(source)
    second = import_dataset(SPEC, [first], tmp_path / "other", SilentProgress())
    assert contents(second).keys() == contents(first).keys() == {"2afc/val/1.png", *OURS}
