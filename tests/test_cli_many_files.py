"""`lnkit data` with a dataset of many single files that a plugin brings: sizes, kills, interrupts, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fakeplugins import FakePlugins, fake_plugins  # noqa: F401 - the fixture
from sites import Site, hosting
from test_datasets import data_in
from test_many_files import FILES, SIZE, index

from lnkit.cli import run
from lnkit.data.cache import dataset_dir, download_dir
from lnkit.plugins.load import default_registry

PLUGIN = """
    import dataclasses
    import lnkit

    def list_files(fetch):
        import re
        found = []
        for page in ("sat", "map"):
            text = fetch(lnkit.RemoteFile(f"{site}/{{page}}/index.html", 1000)).read_text()
            names = re.findall('href="([^"]+)"', text)
            places = [f"{{page}}/{{name}}" for name in names]
            found += [lnkit.RemoteFile(f"{site}/{{place}}", {size}, path=place) for place in places]
        return found

    Protocol = dataclasses.make_dataclass("Protocol", [], frozen=True)
    ROADS = lnkit.DatasetSpec("roads", "Some roads", (), "none stated", list_files=list_files, size={total})

    @lnkit.hookimpl
    def register_benchmark(register):
        register(
            lnkit.BenchmarkSpec(
                name="roadworks", title="Fake", version="1", citation="", protocols={{"paper": Protocol()}},
                scores=(lnkit.ScoreSpec("s", "score"),), open_data=print, run=print, datasets=(ROADS,),
            )
        )
"""


@pytest.fixture(autouse=True)
def own_cache(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def site(fake_plugins: FakePlugins, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:  # noqa: F811
    """A slow site, and a plugin whose dataset lies there."""
    pages = {f"{kind}/index.html": index([f"{number}.tiff" for number in range(20)]) for kind in ("sat", "map")}
    with hosting(Site(FILES | pages)) as site:
        fake_plugins.add("roads", PLUGIN.format(site=site.url, size=SIZE, total=len(FILES) * SIZE))
        monkeypatch.setenv("LNKIT_PLUGINS", "roads")
        monkeypatch.setenv("PYTHONPATH", str(fake_plugins.folder), prepend=os.pathsep)
        default_registry.cache_clear()
        yield site
    default_registry.cache_clear()


def start(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "lnkit", *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def wait_until_some_are_here(count: int = 5) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        if len(list((download_dir("roads") / "files").rglob("*.tiff"))) >= count:
            return
        time.sleep(0.01)
    raise AssertionError("nothing arrived")


def test_list_and_path_before_anything_is_fetched(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "list"]) == 0
    assert "80.0 kB" in capsys.readouterr().out
    assert run(["data", "list", "--json"]) == 0
    (row,) = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "roads"]
    assert (row["benchmarks"], row["bytes"], row["state"]) == (["roadworks"], 80_000, "missing")
    assert run(["data", "path", "roads"]) == 0
    assert site.asked == []


def test_fetch_then_verify(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "fetch", "roads"]) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(dataset_dir("roads"))
    assert "about 80.0 kB" in printed.err
    assert "License: none stated" in printed.err
    assert run(["data", "verify", "roads"]) == 0
    assert capsys.readouterr().out.strip() == "roads: all 40 files are unchanged."


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT])
def test_killed_in_the_middle_it_goes_on(site: Site, sent: signal.Signals, capsys: pytest.CaptureFixture[str]) -> None:
    site.seconds, site.block = 0.02, 250
    with start("data", "fetch", "roads") as process:
        wait_until_some_are_here()
        begin = time.monotonic()
        process.send_signal(sent)
        code = process.wait(20)
    assert time.monotonic() - begin < 5
    assert code == (130 if sent == signal.SIGINT else -signal.SIGKILL)
    assert not dataset_dir("roads").exists()
    here = {path.name for path in (download_dir("roads") / "files").rglob("*.tiff")}
    assert 5 <= len(here) < len(FILES)
    assert run(["data", "list"]) == 0
    assert "begun (" in capsys.readouterr().out
    site.seconds, site.block = 0.0, 0
    site.asked.clear()
    assert run(["data", "fetch", "roads"]) == 0
    assert data_in(dataset_dir("roads")) == FILES
    assert len(site.asked) <= len(FILES) - 5
    assert "sat/index.html" not in site.asked


def test_interrupted_while_servers_are_silent(site: Site) -> None:
    """Threads that wait for an answer do not keep the process."""
    site.silent = {name for name in FILES if name.startswith("map")}
    with start("data", "fetch", "roads") as process:
        wait_until_some_are_here(20)
        begin = time.monotonic()
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 130
    assert time.monotonic() - begin < 5


KILLED_LATE = """
import os
from lnkit.cli import run
from lnkit.data.fetch import dataset_download

dataset_download.write_manifest = lambda *arguments: os.kill(os.getpid(), 9)
run(["data", "fetch", "roads"])
"""


def test_killed_while_the_folder_is_made_nothing_is_fetched_twice(site: Site) -> None:
    done = subprocess.run([sys.executable, "-c", KILLED_LATE], env=os.environ, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not dataset_dir("roads").exists()
    assert len(site.asked) == len(FILES) + 2
    assert run(["data", "fetch", "roads"]) == 0
    assert data_in(dataset_dir("roads")) == FILES
    assert len(site.asked) == len(FILES) + 2
    assert [path.name for path in dataset_dir("roads").parent.iterdir() if path.is_dir()] == ["roads"]


def test_a_failure_is_a_sentence_and_exit_code_1(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.status["map/19.tiff"] = 403
    assert run(["data", "fetch", "roads"]) == 1
    said = capsys.readouterr().err
    assert f"{site.url}/map/19.tiff: the server answered 403" in said
    assert "files" in said
    assert "the same command resumes from there" in said
    assert "Traceback" not in said
