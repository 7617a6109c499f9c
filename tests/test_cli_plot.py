"""`lnkit plot`: which figures there are, what they take, and what it says where there is nothing to draw."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from helpers import make_record

from lnkit.cli import run
from lnkit.cli.plot import FIGURES
from lnkit.results.folder import ResultsFolder


class Done(NamedTuple):
    code: int
    out: str
    err: str  # in one line


@pytest.fixture
def plot(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    def call(*arguments: object) -> Done:
        code = run(["plot", *map(str, arguments)])
        out, err = capsys.readouterr()
        return Done(code, out, " ".join(err.split()))

    return call


Plot = Callable[..., Done]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    records = [
        make_record(0.70, points={"late": "x"}),
        make_record(0.68, backbone="net", points={"mid": "x"}),
        make_record(0.99, backbone="sampled", points={"mid": "x"}, sample=True),
        make_record(0.98, backbone="sampled", points={"late": "x"}, sample=True),
    ]
    for record in records:
        ResultsFolder(folder).write(record, {})
    return folder


def options(figure: str) -> list[str]:
    return ["--score", "2afc"] if FIGURES[figure].score else []


@pytest.mark.parametrize("figure", FIGURES)
def test_every_figure(figure: str, plot: Plot, results: Path, tmp_path: Path) -> None:
    file = tmp_path / "figure.json"
    done = plot(figure, "--results", results, "--output", file, *options(figure))
    assert (done.code, done.out) == (0, f"Figure: {file}\n"), done.err
    assert "2 records on sample data left out" in done.err
    spec = json.loads(file.read_text())
    assert spec["title"]["text"]
    rows = [row for rows in spec["datasets"].values() for row in rows]
    assert not any(row.get("value") in (0.99, 0.98) for row in rows)


def test_the_list_and_the_help_name_all(plot: Plot) -> None:
    listed, helped = plot("--list"), plot("--help")
    for name, facts in FIGURES.items():
        assert any(line.split()[0] == name and facts.title in line for line in listed.out.splitlines())
        assert f"{name} " in helped.out
        assert len(f"  {name:15} {facts.title}") <= 90


def test_listing_imports_nothing_heavy() -> None:
    code = """
import sys
from lnkit.cli import run
assert run(["plot", "--list"]) == 0
assert not {"altair", "pandas", "numpy", "vl_convert", "scipy", "torch", "rich"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["rank"], "'rank' is not one of"),
        (["point-spread"], "needs a score"),
        (["ranks", "--score", "2afc"], "takes no --score"),
        (["early-stopping", "--attribute", "depth"], "takes no --attribute"),
        (["point-spread", "--score", "2afcc"], "Did you mean '2afc'"),
        (["score-against", "--score", "2afc", "--attribute", "mac"], "Did you mean 'macs'"),
        (["ranks", "--bench", "nothing"], "There are no scores of benchmark 'nothing'"),
    ],
)
def test_mistakes(arguments: list[str], sentence: str, plot: Plot, tmp_path: Path) -> None:
    done = plot(*arguments, "--from", "published", "--output", tmp_path / "figure.svg")
    assert done.code == 2
    assert sentence in done.err
    assert not list(tmp_path.iterdir())


def test_the_ending_is_checked_before_the_work(plot: Plot, results: Path) -> None:
    done = plot("ranks", "--results", results, "--output", results / "figure.jpeg")
    assert done.code == 2
    assert "records" not in done.err
    assert ".png, .svg, .pdf, .html, .json" in done.err


def test_samples_only_if_asked_for(plot: Plot, results: Path, tmp_path: Path) -> None:
    file = tmp_path / "figure.json"
    done = plot("point-spread", "--score", "2afc", "--sample", "--from", "own", "--results", results, "-o", file)
    assert done.code == 0, done.err
    text = file.read_text()
    assert "SAMPLE DATA" in text
    assert "0.99" in text


def test_a_score_narrows_what_shows_all(plot: Plot, results: Path, tmp_path: Path) -> None:
    file = tmp_path / "figure.json"
    done = plot("best-points", "--score", "jnd_map", "--from", "published", "--output", file)
    assert done.code == 0, done.err
    scores = {row["score"] for rows in json.loads(file.read_text())["datasets"].values() for row in rows}
    assert scores == {"jnd_map"}


def test_another_process_writes_the_same_bytes(results: Path, tmp_path: Path) -> None:
    made = []
    for seed in ("1", "2"):
        file = tmp_path / f"figure{seed}.svg"
        command = [sys.executable, "-m", "lnkit", "plot", "score-macs", "--score", "2afc", "-o", str(file)]
        environment = os.environ | {"PYTHONHASHSEED": seed}
        subprocess.run([*command, "--results", str(results)], check=True, capture_output=True, env=environment)
        made.append(file.read_bytes())
    assert made[0] == made[1]
