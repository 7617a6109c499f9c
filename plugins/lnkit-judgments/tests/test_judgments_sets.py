"""The sets of opinions as benchmarks: fetched from a local server, scored, and refused where they are damaged."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from file_server import running
from made_iqa import Item, make_csiq, make_kadid10k, make_live, make_live_md, make_pipal, make_tid
from scipy.stats import spearmanr

import lnkit
from lnkit.cli import data as data_commands, run as run_command
from lnkit.data.cache import dataset_dir
from lnkit.data.fetch import dataset_download
from lnkit.datasets.kadid10k import JLD_DEVELOPMENT, read_kadid10k
from lnkit.datasets.live_md import read_live_md

pytest.importorskip("lnkit_judgments")

from lnkit_judgments.opinions import sets
from lnkit_judgments.opinions.data import choose

MAKERS: dict[str, Callable[[Path, str], list[Item]]] = {
    "tid2013": lambda root, layout: make_tid(root, layout, 2),
    "tid2008": lambda root, layout: make_tid(root, layout, 2, year=2008),
    "kadid10k": lambda root, layout: make_kadid10k(root, layout, 2),
    "csiq": lambda root, layout: make_csiq(root, layout, 2),
    "live": lambda root, layout: make_live(root, layout),
    "live_md": lambda root, layout: make_live_md(root, layout, 15),
    "pipal": lambda root, layout: make_pipal(root, layout, 2)[0],
}
LOWER = ("csiq", "live", "live_md")


@pytest.fixture(autouse=True)
def own_cache(own_folders: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))


def mirror_of(bench: str) -> lnkit.DatasetSpec:
    """The spec of the archive in the collection."""
    (benchmark,) = (spec for spec in sets.BENCHMARKS if spec.name == bench)
    (mirror,) = (spec for spec in benchmark.datasets if spec.files[0].url.startswith(sets.COLLECTION))
    return mirror


@contextmanager
def served(spec: lnkit.DatasetSpec, folder: Path) -> Iterator[lnkit.DatasetSpec]:
    """Serve the files of a folder as those of the dataset."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            pass

    with running(partial(Quiet, directory=str(folder))) as address:  # type: ignore[arg-type]
        files = tuple(replace(f, url=f"{address}/{f.url.rpartition('/')[2]}", size=1000) for f in spec.files)
        yield replace(spec, files=files)


def archived(bench: str, tmp_path: Path) -> tuple[lnkit.DatasetSpec, Path, list[Item]]:
    """Make the archive and the table of the mirror."""
    spec, made, folder = mirror_of(bench), tmp_path / "made", tmp_path / "server"
    items = MAKERS[bench](made, "mirror")
    folder.mkdir()
    archive, table = (folder / file.url.rpartition("/")[2] for file in spec.files)
    (made / table.name).rename(table)
    with tarfile.open(archive, "w:gz" if archive.suffix == ".tgz" else "w") as tar:
        for path in made.iterdir():
            tar.add(path, path.name)
    return spec, folder, items


def fetch(spec: lnkit.DatasetSpec, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(data_commands, "_known_datasets", lambda: {spec.name: (spec, [])})
    return run_command(["data", "fetch", spec.name])


def evaluated(bench: str, data: Path | None) -> lnkit.FinishedRun:
    (finished,) = lnkit.evaluate(
        "pixel", bench=bench, data=data, engine="eager", device="cpu", overrides={"resamples": "20"}
    )
    return finished


def check(finished: lnkit.FinishedRun, items: list[Item], bench: str) -> None:
    """Compare a score with scipy's, from the amounts by which the images were changed."""
    sign = -1 if bench in LOWER else 1
    expected = spearmanr([-item.amplitude for item in items], [sign * item.score for item in items]).statistic
    score = finished.record.scores["srcc"]
    assert score.value == pytest.approx(expected, abs=0.003), "equal amounts are no ties in single precision"
    assert score.value > 0.5
    assert score.n == len(items)


@pytest.mark.parametrize(
    "bench", [pytest.param(name, marks=[pytest.mark.exhaustive] * (name != "csiq")) for name in MAKERS]
)
def test_a_mirror_is_fetched_and_scored(
    bench: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, folder, items = archived(bench, tmp_path)
    with served(spec, folder) as local:
        assert fetch(local, monkeypatch) == 0
    printed = capsys.readouterr()
    assert printed.out.strip() == str(dataset_dir(spec.name))
    announced = " ".join(printed.err.split())
    assert f"Fetching {spec.title}: 2 files, about" in announced
    assert " ".join(spec.license.split()) in announced
    assert spec.by_hand in announced
    finished = evaluated(bench, None)
    check(finished, items, bench)
    better = "lower" if bench in LOWER else "higher"
    table = spec.files[1].url.rpartition("/")[2]
    assert finished.record.notes[0] == f"labels: {table}, {better} is better"


@pytest.mark.parametrize("bench", MAKERS)
def test_the_authors_layout_is_scored(bench: str, tmp_path: Path) -> None:
    items = MAKERS[bench](tmp_path / "data", "original")
    check(evaluated(bench, tmp_path / "data"), items, bench)


def test_an_archive_that_is_cut_short_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, folder, _ = archived("csiq", tmp_path)
    archive = folder / "csiq.tgz"
    archive.write_bytes(archive.read_bytes()[:-2000])
    with served(spec, folder) as local:
        assert fetch(local, monkeypatch) == 1
    assert "csiq.tgz is damaged or truncated" in " ".join(capsys.readouterr().err.split())
    assert not dataset_dir(spec.name).exists()


def test_a_folder_of_another_set_is_not_imported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_csiq(tmp_path / "csiq", references=1)
    assert run_command(["data", "import", "tid2013", str(tmp_path / "csiq")]) == 1
    assert "Expected the files of tid2013, got others" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    ("bench", "where"),
    [
        ("tid2013", r"tid2013\.rar.*unpack it yourself"),
        ("tid2008", r"tid2008\.rar.*unpack it yourself"),
        ("live", r"password .* after the form on https://live\.ece\.utexas\.edu"),
        ("live_md", r"password .* after the form on http://live\.ece\.utexas\.edu"),
        ("pipal", r"Google Drive"),
    ],
)
def test_without_data_it_says_where_to_get_them(bench: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: Any, hint: str) -> list[str]:
        raise lnkit.DataError(f"The server cannot be reached. {hint}")

    monkeypatch.setattr(dataset_download, "fetch_all", unreachable)
    monkeypatch.setattr(dataset_download, "require_space", lambda *_: None)
    with pytest.raises(lnkit.DataError, match=rf"--data DIR.*--sample.*{where}"):
        evaluated(bench, None)


def test_the_splits_of_a_protocol(tmp_path: Path) -> None:
    make_kadid10k(tmp_path / "kadid", references=3, size=(2, 2))
    kadid = read_kadid10k(tmp_path / "kadid")
    chosen = {
        split: {o.reference_name for o in choose(kadid, split_of(split)).opinions}
        for split in ("all", "jld_test", "jld_development")
    }
    assert chosen == {"all": {"i01", "i02", "i03"}, "jld_test": {"i01"}, "jld_development": {"i02", "i03"}}
    assert {"i02", "i03"} <= JLD_DEVELOPMENT
    make_live_md(tmp_path / "live_md", size=(2, 2))
    parts = read_live_md(tmp_path / "live_md")
    assert {o.name.partition("/")[0] for o in choose(parts, split_of("part2")).opinions} == {"part2"}
    assert len(choose(parts, split_of("part1")).opinions) == 225
    with pytest.raises(lnkit.DataError, match=r"has no image of the split part1. Give --set split=all"):
        choose(kadid, split_of("part1"))


def split_of(split: str) -> Any:
    return SimpleNamespace(split=split, references=0)
