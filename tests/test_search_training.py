"""What `lnkit search` prints on a benchmark that trains, and a whole search as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from contest import contest, fake_plugins, with_times

from lnkit.cli._search_training import search_training
from lnkit.errors import UsageError
from lnkit.losses.toml import read_loss
from lnkit.results.folder import ResultsFolder
from lnkit.search.halving import TrainingSearchOptions
from lnkit.sweep import Sweep

__all__ = ["contest", "fake_plugins"]
Capture = pytest.CaptureFixture[str]


def here(sweep: Sweep, *_: object) -> str:
    """Run a sweep in this process."""
    sweep.run_shard(0, 1, "cpu")
    return ""


@pytest.fixture
def search(contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that searches among points as the command does."""
    monkeypatch.setattr("lnkit.cli._search_training._run", here)
    with_times(monkeypatch, float)

    def searched(points: str = "cdfg", **options: Any) -> None:
        options = {"budget": "600s", "results": tmp_path / "results", "overrides": {"spread": "5"}} | options
        search_training(TrainingSearchOptions("contest", ("tiny",), points=tuple(points), **options))

    return searched


def test_the_plan_comes_first_and_alone_trains_nothing(search: Any, contest: Path, capsys: Capture) -> None:
    search(plan_only=True)
    shown = capsys.readouterr()
    assert "1      4              32 of 64 iterations  1      4          to come" in shown.out
    assert "2      2              64 of 64 iterations  " in shown.out
    assert "on one device like those of the results in the folder; the budget is 10m." in shown.out
    assert contest.read_text() == ""
    search(plan_only=True, as_json=True)
    plan = json.loads(capsys.readouterr().out)
    assert plan["schedule"]["seconds"] == sum(r["count"] * r["length"] * r["seeds"] for r in plan["schedule"]["rungs"])
    search(plan_only=True, budget="50s")
    assert "The last trainings are shorter than the protocol says (4 of 64 iterations)" in capsys.readouterr().out
    with pytest.raises(UsageError, match="A budget of 1s is too small"):
        search(plan_only=True, budget="1s")


def test_the_result_names_the_choice_and_how_sure_it_is(search: Any, tmp_path: Path, capsys: Capture) -> None:
    output = tmp_path / "best.toml"
    search(output=output)
    out = capsys.readouterr().out
    assert "loss network  32 iterations  64, 3 seeds" in out
    assert "Chosen: tiny:d, of 4 tried. tiny:g is worse than it (test items and seeds)." in out
    assert "quality, higher is better." in out
    assert "On the half of the test items that the choice is made by; the other half confirms it." in out
    assert "Of fewer than 5 loss networks nothing can be said: 32 iterations for 64 iterations, last (2)." in out
    assert "4 loss networks tried in 10 trainings, " in out
    assert str(read_loss(output)) == "tiny:d, squared"
    assert "# Chosen by successive halving on contest/paper among 4 loss networks" in output.read_text()
    search(as_json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["chosen"], told["tried"], told["items_split"]) == ("tiny:d", 4, True)
    assert [rung["length"] for rung in told["rungs"]] == [32, 64]


def test_losers_ties_and_what_cannot_be_told_apart_are_said(search: Any, capsys: Capture) -> None:
    search("ghea", overrides={"collapses": "h", "seeds_spread": "300", "spread": "1"}, seed=3)
    shown = capsys.readouterr()
    assert "Not told apart from it by test items and seeds: " in shown.out
    assert "Warning: tiny:h lost its place: the training with seed 3 collapsed: the loss was nan" in shown.err
    search("abcd", overrides={"items": "4", "lower": "true"})
    assert "On all test items, as they cannot be split in two" in capsys.readouterr().out


def test_a_cut_between_equal_scores_is_said(
    search: Any, contest: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lnkit.search.halving.rounds.mean_ranks", lambda scores, _: dict.fromkeys(scores, 2.0))
    search("abcd")
    assert "Round 1 was cut between equal scores; those named first went on: tiny:a, tiny:b." in capsys.readouterr().out


@pytest.mark.parametrize("wide", [False, True])
def test_the_tables_fit_a_terminal_of_80_columns(
    search: Any, capsys: Capture, monkeypatch: pytest.MonkeyPatch, wide: bool
) -> None:
    monkeypatch.setattr("lnkit.cli._output.is_terminal", lambda stream: True)
    monkeypatch.setenv("COLUMNS", "80")
    search("abcdef" if wide else "dg", budget="900s")
    lines = [line for line in capsys.readouterr().out.splitlines() if "Results: " not in line and "/" not in line]
    assert lines
    assert [line for line in lines if len(line) > 80] == []
    assert not any("left out" in line for line in lines)


# As a user runs it


def _command(results: Path, *more: str) -> list[str]:
    changes = ("mlp_epochs=1", "unlabeled_images=64", "labeled_images=64", "test_images=64")
    return [
        *(sys.executable, "-m", "lnkit", "search", "--bench", "autoencoder", "--sample", "--backbone", "squeezenet1_1"),
        *("--weights", "random", "--budget", "10h", "--device", "cpu", "--results", str(results), "--json"),
        *(word for change in changes for word in ("--set", change)),
        *more,
    ]


def _scores(results: Path) -> dict[str, float]:
    records, damaged = ResultsFolder(results).load()
    assert not damaged
    return {record.id: record.scores["own_accuracy"].value for record in records}


@pytest.mark.exhaustive
def test_an_interrupted_search_of_the_command_goes_on(tmp_path: Path) -> None:
    """After Ctrl-C in the last round, and a kill of the whole process group in the first."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    for number, (records, sign) in enumerate([(2, signal.SIGKILL), (6, signal.SIGINT)]):
        process = subprocess.Popen(
            _command(tmp_path / "a"), env=environment, stdout=subprocess.DEVNULL, start_new_session=True
        )
        while process.poll() is None and len(list((tmp_path / "a").glob("*/result.json"))) < records:
            time.sleep(0.1)
        assert process.poll() is None, "it was still running"
        process.send_signal(sign)
        assert process.wait(120) == (-9, 130)[number]
    told = [
        json.loads(subprocess.run(_command(tmp_path / name), env=environment, check=True, capture_output=True).stdout)
        for name in "ab"
    ]
    assert told[0]["chosen"] == told[1]["chosen"]
    assert _scores(tmp_path / "a") == _scores(tmp_path / "b")
    assert len(_scores(tmp_path / "a")) >= 4 + 2 * 3
