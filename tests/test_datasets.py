"""Datasets on their way into the cache: fetched from a real server, imported, described, verified."""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from file_server import Behavior, serving
from test_unpack import FILES, contents, make_tar, make_zip

import lnkit.data
from lnkit.data.cache import cache_dir, dataset_dir, download_dir, packed_dir
from lnkit.data.fetch import transfer
from lnkit.data.fetch.checksums import compare_inventory
from lnkit.data.fetch.datasets import dataset_state, ensure_dataset, import_dataset
from lnkit.data.fetch.manifest import read_manifest
from lnkit.errors import DataError
from lnkit.progress import SilentProgress
from lnkit.specs import DatasetSpec, RemoteFile

OURS = {"dataset.json", "inventory.sha256"}


class Heard(SilentProgress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "FIRST_PAUSE", 0.001)


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


def spec_of(*urls: str, **facts: object) -> DatasetSpec:
    files = tuple(RemoteFile(url, size=250_000, **facts) for url in urls)  # type: ignore[arg-type]
    return DatasetSpec("things", "Some things", files, license="CC0-1.0")


def data_in(folder: Path) -> dict[str, bytes]:
    return {name: data for name, data in contents(folder).items() if name not in OURS}


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    return make_tar(tmp_path / "things.tar.gz", FILES).read_bytes()


def test_fetches_unpacks_and_describes(cache: Path, archive: bytes) -> None:
    heard = Heard()
    with serving(Behavior(archive), "things.tar.gz") as server:
        spec = spec_of(server.url)
        folder = ensure_dataset(spec, cache, heard)
        assert ensure_dataset(spec, cache, heard) == folder == dataset_dir("things", cache)
        assert server.asked == [""]
    assert data_in(folder) == FILES
    (source,) = read_manifest(folder)["sources"]
    assert (source["source"], source["sha256"]) == (server.url, hashlib.sha256(archive).hexdigest())
    (said,) = heard.said
    assert "about 250 kB" in said
    assert "License: CC0-1.0" in said
    assert not (download_dir("things", cache) / "things.tar.gz").exists()
    assert dataset_state(spec, cache).state == "ready"


def test_several_archives_make_one_folder(cache: Path, tmp_path: Path) -> None:
    one, two = make_tar(tmp_path / "one.tar", {"a": b"1"}, "w"), make_zip(tmp_path / "two.zip", {"b": b"2"})
    folder = ensure_dataset(spec_of(one.as_uri(), two.as_uri()), cache, SilentProgress())
    assert data_in(folder) == {"a": b"1", "b": b"2"}


def test_an_interrupted_download_goes_on(cache: Path, archive: bytes) -> None:
    with serving(Behavior(archive, drops=[50_000] + [0] * transfer.ATTEMPTS), "things.tar.gz") as server:
        spec = spec_of(server.url)
        with pytest.raises(DataError, match=r"50\.0 kB are kept"):
            ensure_dataset(spec, cache, SilentProgress())
        state = dataset_state(spec, cache)
        assert (state.state, state.fetched) == ("begun", 50_000)
        server.drops.clear()
        server.asked.clear()
        assert data_in(ensure_dataset(spec, cache, SilentProgress())) == FILES
        assert server.asked == ["bytes=50000-"]


def test_a_damaged_archive_leaves_no_dataset(cache: Path, archive: bytes) -> None:
    with serving(Behavior(archive[: len(archive) // 2]), "things.tar.gz") as server:
        spec = spec_of(server.url)
        with pytest.raises(DataError, match="damaged or truncated"):
            ensure_dataset(spec, cache, SilentProgress())
    folder = dataset_dir("things", cache)
    assert [path for path in folder.parent.iterdir() if path.suffix != ".lock"] == []


def test_out_of_reach_names_the_import(cache: Path) -> None:
    spec = spec_of("http://127.0.0.1:9/things.tar.gz", "http://127.0.0.1:9/more.zip")
    with pytest.raises(DataError, match=r"`lnkit data import things things\.tar\.gz more\.zip`"):
        ensure_dataset(spec, cache, SilentProgress())


def test_too_small_a_disk_is_noticed_before(cache: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=300_000))
    with serving(Behavior(archive), "things.tar.gz") as server:
        with pytest.raises(DataError, match=r"Fetching and unpacking things needs 525 kB"):
            ensure_dataset(spec_of(server.url), cache, SilentProgress())
        assert server.asked == []


def test_a_folder_put_there_by_hand_is_used(cache: Path) -> None:
    folder = dataset_dir("things", cache)
    folder.mkdir(parents=True)
    (folder / "a").write_text("1")
    spec = spec_of("http://127.0.0.1:9/things.tar.gz")
    assert ensure_dataset(spec, cache, SilentProgress()) == folder
    assert dataset_state(spec, cache).state == "by hand"


SPEC = spec_of("http://127.0.0.1:9/things.tar.gz")


def test_imports_an_archive(cache: Path, tmp_path: Path, archive: bytes) -> None:
    folder = import_dataset(SPEC, [tmp_path / "things.tar.gz"], cache, SilentProgress())
    assert data_in(folder) == FILES
    assert (tmp_path / "things.tar.gz").exists()
    assert ensure_dataset(SPEC, cache, SilentProgress()) == folder


def test_imports_folders(cache: Path, tmp_path: Path) -> None:
    for name in ("left", "right"):
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(name)
    folder = import_dataset(SPEC, [tmp_path / "left"], cache, SilentProgress())
    assert data_in(folder) == {"left": b"left"}
    two = DatasetSpec("two", "", (), "")
    folder = import_dataset(two, [tmp_path / "left", tmp_path / "right"], cache, SilentProgress())
    assert data_in(folder) == {"left/left": b"left", "right/right": b"right"}


def test_a_second_import_adds_to_the_first(cache: Path, tmp_path: Path) -> None:
    one = make_tar(tmp_path / "one.tar", {"a": b"1", "both": b"old"}, "w")
    two = make_tar(tmp_path / "two.tar", {"b": b"2", "both": b"new"}, "w")
    folder = import_dataset(SPEC, [one], cache, SilentProgress())
    before = (folder / "a").stat().st_mtime_ns
    import_dataset(SPEC, [two], cache, SilentProgress())
    assert data_in(folder) == {"a": b"1", "b": b"2", "both": b"new"}
    assert (folder / "a").stat().st_mtime_ns == before
    assert [source["name"] for source in read_manifest(folder)["sources"]] == ["one.tar", "two.tar"]
    assert compare_inventory(folder, SilentProgress()).intact


def test_the_same_import_again_changes_no_word_of_the_manifest(cache: Path, tmp_path: Path) -> None:
    """As after a kill between the last write and the end of the command."""
    one = make_tar(tmp_path / "one.tar", {"a": b"1"}, "w")
    sources = [read_manifest(import_dataset(SPEC, [one], cache, SilentProgress()))["sources"] for _ in range(2)]
    assert sources[0] == sources[1]


def test_an_import_that_fails_keeps_what_was_there(cache: Path, tmp_path: Path) -> None:
    folder = import_dataset(SPEC, [make_tar(tmp_path / "one.tar", {"a": b"1"}, "w")], cache, SilentProgress())
    evil = make_tar(tmp_path / "evil.tar", {"a": b"changed", "../b": b"2"}, "w")
    with pytest.raises(DataError, match="leads out of the folder"):
        import_dataset(SPEC, [evil], cache, SilentProgress())
    assert data_in(folder) == {"a": b"1"}
    assert compare_inventory(folder, SilentProgress()).intact


def test_a_disk_that_fills_up_while_a_folder_is_copied(cache: Path, tmp_path: Path) -> None:
    """A real limit on file size stands in for a full disk."""
    (tmp_path / "folder").mkdir()
    for name in ("a", "b"):
        (tmp_path / "folder" / name).write_bytes(bytes(10_000))
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(DataError, match="The disk is full: importing things needs"):
            import_dataset(SPEC, [tmp_path / "folder"], cache, SilentProgress())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert dataset_state(SPEC, cache).state == "missing"


def test_an_import_of_another_file_is_refused(cache: Path, tmp_path: Path, archive: bytes) -> None:
    spec = spec_of("http://127.0.0.1:9/things.tar.gz", sha256="ab" * 32)
    with pytest.raises(DataError, match=f"but {'ab' * 32} is published"):
        import_dataset(spec, [tmp_path / "things.tar.gz"], cache, SilentProgress())
    assert dataset_state(spec, cache).state == "missing"


@pytest.mark.parametrize(
    ("name", "sentence"), [("nothing", "does not exist"), ("text", "Expected a folder, a tar or zip archive, got")]
)
def test_imports_of_other_things(cache: Path, tmp_path: Path, name: str, sentence: str) -> None:
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DataError, match=sentence):
        import_dataset(SPEC, [tmp_path / name], cache, SilentProgress())


def test_an_empty_folder_is_no_dataset(cache: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="No files were found"):
        import_dataset(SPEC, [tmp_path / "empty"], cache, SilentProgress())
    assert dataset_state(SPEC, cache).state == "missing"


def test_the_inventory_finds_every_difference(cache: Path, tmp_path: Path, archive: bytes) -> None:
    folder = import_dataset(SPEC, [tmp_path / "things.tar.gz"], cache, SilentProgress())
    subprocess.run(["sha256sum", "--check", "--quiet", "inventory.sha256"], cwd=folder, check=True)
    (folder / "readme.txt").unlink()
    (folder / "2afc/val/cnn/judge/000000.npy").write_bytes(b"jugde")
    (folder / "new").write_bytes(b"")
    found = compare_inventory(folder, SilentProgress())
    assert found.missing == ("readme.txt",)
    assert found.changed == ("2afc/val/cnn/judge/000000.npy",)
    assert found.extra == ("new",)


def test_a_damaged_description_is_named(cache: Path, tmp_path: Path, archive: bytes) -> None:
    folder = import_dataset(SPEC, [tmp_path / "things.tar.gz"], cache, SilentProgress())
    (folder / "dataset.json").write_text(json.dumps([1]))
    with pytest.raises(DataError, match=r"dataset\.json is damaged"):
        read_manifest(folder)


def test_where_things_lie(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "mine"))
    assert cache_dir() == tmp_path / "mine"
    assert packed_dir(tmp_path / "a" / "val").name.startswith("val-")
    assert packed_dir(tmp_path / "a" / "val") != packed_dir(tmp_path / "b" / "val")
    monkeypatch.delenv("LNKIT_CACHE")
    assert cache_dir().is_absolute()
    assert cache_dir().parts[-1] == "lnkit"


def test_every_public_name_can_be_imported() -> None:
    assert all(getattr(lnkit.data, name) for name in lnkit.data.__all__)
