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
    run(["data", "import", "bapps", str(archive)])
    capsys.readouterr()
    assert run(["data", "path", "bapps", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["state"] == "ready"


def test_import_then_verify(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    assert run(["data", "import", "bapps", str(archive)]) == 0
    assert capsys.readouterr().out.strip() == str(dataset_dir("bapps"))
    assert MEMBERS.items() <= contents(dataset_dir("bapps")).items()
    assert run(["data", "verify", "bapps"]) == 0
    assert capsys.readouterr().out.strip() == "bapps: all 2 files are unchanged."


def test_verify_names_what_changed(capsys: pytest.CaptureFixture[str], archive: Path) -> None:
    run(["data", "import", "bapps", str(archive)])
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
