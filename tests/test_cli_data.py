"""`lnkit data` from the command line: what it prints, its exit codes, and that help stays light."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_unpack import contents, make_tar

from lnkit.cli import run
from lnkit.data.cache import dataset_dir
from lnkit.plugins.load import default_registry

MEMBERS = {"2afc/val/cnn/ref/000000.png": b"image", "2afc/val/cnn/judge/000000.npy": b"judge"}


@pytest.fixture(autouse=True)
def own_cache(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache for each test alone: what is imported here must not be found by others."""
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    return make_tar(tmp_path / "twoafc_val.tar.gz", MEMBERS)


def test_list_says_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert header.split() == ["dataset", "benchmarks", "download", "state", "license", "folder"]
    (row,) = [row for row in rows if row.startswith("bapps ")]
    assert "1.3 GB" in row
    assert "missing" in row


@pytest.fixture
def no_other_plugins(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Only lnkit's own; others may use the same datasets."""
    monkeypatch.setenv("LNKIT_PLUGINS", "none")
    default_registry.cache_clear()
    yield
    default_registry.cache_clear()


@pytest.mark.usefixtures("no_other_plugins")
def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list", "--json"]) == 0
    (bapps,) = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "bapps"]
    assert bapps["benchmarks"] == ["bapps"]
    assert bapps["bytes"] == 1_300_000_000
    assert bapps["folder"] == str(dataset_dir("bapps"))


def test_path_before_and_after(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    assert run(["data", "path", "bapps"]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(dataset_dir("bapps"))
    assert "not there yet" in printed.err
    run(["data", "import", "--partial", "bapps", str(archive)])
    capsys.readouterr()
    assert run(["data", "path", "bapps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "partial"


def test_import_then_verify(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    assert run(["data", "import", "--partial", "bapps", str(archive)]) == 0
    assert capsys.readouterr().out.strip() == str(dataset_dir("bapps"))
    assert MEMBERS.items() <= contents(dataset_dir("bapps")).items()
    assert run(["data", "verify", "bapps"]) == 0
    assert capsys.readouterr().out.strip() == "bapps: the 2 files are unchanged."


def test_verify_names_what_changed(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    run(["data", "import", "--partial", "bapps", str(archive)])
    (dataset_dir("bapps") / "2afc/val/cnn/ref/000000.png").write_bytes(b"other")
    capsys.readouterr()
    assert run(["data", "verify", "bapps"]) == 1
    assert "1 changed: 2afc/val/cnn/ref/000000.png. Import or fetch it again." in capsys.readouterr().err
    assert run(["data", "verify", "bapps", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["intact"], found["changed"]) == (False, ["2afc/val/cnn/ref/000000.png"])


def test_verify_needs_something_to_verify(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "verify", "bapps"]) == 1
    assert "is not in the cache. `lnkit data fetch bapps` downloads it." in capsys.readouterr().err
    dataset_dir("bapps").mkdir(parents=True)
    (dataset_dir("bapps") / "file").write_text("by hand")
    assert run(["data", "verify", "bapps"]) == 1
    assert "was not made by lnkit" in capsys.readouterr().err


def image_folder(folder: Path, count: int, first: int = 1) -> Path:
    folder.mkdir()
    for number in range(first, first + count):
        (folder / f"{number:03d}.png").write_bytes(b"image")
    (folder / "README.txt").write_text("not an image")
    return folder


def test_a_part_of_a_dataset_is_refused_and_then_called_partial(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    part = image_folder(tmp_path / "Set5", 5)
    assert run(["data", "import", "set14", str(part)]) == 1
    said = capsys.readouterr().err
    assert "Expected all 14 files of set14, got 5; missing: 006.png, 007.png, 008.png and 6 more." in said
    assert "`--partial`" in said
    assert "Did you mean 'set5'?" in said
    assert not dataset_dir("set14").exists()
    assert run(["data", "import", "set14", str(part), "--partial"]) == 0
    assert "set14 is partial: 5 of 14 files; missing: 006.png" in capsys.readouterr().err
    assert run(["data", "list"]) == 0
    assert "partial (5 of 14 files)" in capsys.readouterr().out
    assert run(["data", "verify", "set14"]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == "set14: the 6 files are unchanged."
    assert "set14 is partial: 5 of 14 files" in printed.err
    assert run(["data", "path", "set14"]) == 0
    assert "set14 is partial: 5 of 14 files" in capsys.readouterr().err
    assert run(["data", "import", "set14", str(image_folder(tmp_path / "rest", 9, first=6))]) == 0
    assert "partial" not in capsys.readouterr().err
    assert run(["data", "verify", "set14", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["partial"] == ""


def test_a_folder_of_something_else_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    more = image_folder(tmp_path / "BSD100", 20)
    other = image_folder(tmp_path / "other", 5, first=100)
    for partial in ([], ["--partial"]):
        assert run(["data", "import", "set14", str(more), *partial]) == 1
        assert "got others of their kind, too: 015.png" in capsys.readouterr().err
        assert run(["data", "import", "set14", str(other), *partial]) == 1
        assert "Expected the files of set14, got others: 100.png" in capsys.readouterr().err
        assert run(["data", "import", "bapps", str(other), *partial]) == 1
        assert "Expected the files of bapps, got others: 100.png" in capsys.readouterr().err
    assert not dataset_dir("set14").exists()


def test_fetch_completes_a_partial_dataset(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    assert run(["data", "import", "set14", str(image_folder(tmp_path / "mine", 5)), "--partial"]) == 0
    assert run(["data", "fetch", "set14"]) == 1
    assert "Connection refused" in capsys.readouterr().err
    assert len(list(dataset_dir("set14").glob("*.png"))) == 5


def test_the_files_of_a_folder_are_compared_with_published_checksums(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    folder = tmp_path / "svhn"
    folder.mkdir()
    for name in ("train", "test", "extra"):
        (folder / f"{name}_32x32.mat").write_bytes(b"cut off")
    assert run(["data", "import", "svhn", str(folder)]) == 1
    said = capsys.readouterr().err
    assert f"{folder / 'train_32x32.mat'} has 7 bytes, but 182,040,794 are published. Fetch it again." in said
    assert not dataset_dir("svhn").exists()


@pytest.mark.parametrize("command", [["fetch"], ["path"], ["verify"], ["import"]])
def test_a_wrong_name_shows_the_nearest(capsys: pytest.CaptureFixture[str], command: list[str], archive: Path) -> None:
    arguments = [str(archive)] if command == ["import"] else []
    assert run(["data", *command, "baps", *arguments]) == 2
    assert "Did you mean 'bapps'?" in capsys.readouterr().err


def test_fetch_without_a_network(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # also shows that proxies are taken from the environment
    assert run(["data", "fetch", "bapps"]) == 1
    said = capsys.readouterr().err
    assert "about 1.3 GB" in said
    assert "Connection refused" in said
    assert "`lnkit data import bapps twoafc_val.tar.gz jnd.tar.gz`" in said


@pytest.mark.parametrize("arguments", [["data", "--help"], ["data", "list"], ["data", "path", "bapps"]])
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    code = (
        "import sys; from lnkit.cli import run; run(sys.argv[1:]); "
        "print([m for m in ('torch', 'numpy', 'PIL', 'pandas', 'skimage') if m in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, env=os.environ)
    assert done.stderr.splitlines()[-1] == "[]", done.stderr
