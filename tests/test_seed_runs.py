"""`lnkit eval --seeds` and `lnkit.evaluate(seeds=...)` with a benchmark that trains; paired differences over seeds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fakeplugins import FakePlugins, fake_plugins
from helpers import make_record
from scipy import stats
from test_analysis_significance import MeanRegistry
from test_training_runs import EVAL, copying, evaluated

import lnkit
from lnkit.analysis.seed_differences import differences_over_seeds, shared_seeds
from lnkit.analysis.significance import StoredRun, paired_differences
from lnkit.cli import run
from lnkit.errors import UsageError
from lnkit.evaluation.seeds import SeedProgress
from lnkit.progress import SilentProgress
from lnkit.results.records import ScoreRecord
from lnkit.results.seeds import means_over_seeds
from lnkit.stats import Sampling
from lnkit.training import loop

Capture = pytest.CaptureFixture[str]
__all__ = ["copying", "fake_plugins"]

SHORT = ["--set", "iterations=12"]


def stored_seeds(folder: Path) -> list[int]:
    return sorted(json.loads(file.read_text())["key"]["seed"] for file in folder.glob("*/result.json"))


# Runs


def test_each_seed_is_a_run_of_its_own(copying: FakePlugins, tmp_path: Path, capsys: Capture) -> None:
    single = evaluated(capsys, *SHORT, "--seed", "1")
    mean = evaluated(capsys, *SHORT, "--seeds", "0,1,4")
    assert stored_seeds(tmp_path / "results") == [0, 1, 4]
    assert not mean["reused"]
    spread = mean["scores"]["error"]["spread"]
    assert spread["seeds"] == [0, 1, 4]
    assert spread["values"][1] == single["scores"]["error"]["value"]
    assert len(set(spread["values"])) == 3
    assert mean["scores"]["error"]["value"] == pytest.approx(np.mean(spread["values"]))
    assert spread["sd"] == pytest.approx(np.std(spread["values"], ddof=1))
    assert mean["scores"]["error"]["interval"] is None  # the benchmark gives no interval over its items
    assert single["scores"]["error"]["signature"].count("|seed:1|") == 1
    assert mean["scores"]["error"]["signature"].count("|mean of seeds:0,1,4|") == 1
    assert set(mean["runs"]) == {
        file.name for file in (tmp_path / "results").iterdir() if not file.name.startswith(".")
    }
    assert evaluated(capsys, *SHORT, "--seeds", "0,1,4")["reused"]
    assert run([*EVAL, *SHORT, "--seeds", "2"]) == 0
    shown = capsys.readouterr()
    assert "2 of 2 results existed before and were reused" in shown.err
    assert "mean over" not in shown.out.splitlines()[0]
    assert "Note: means over the seeds 0, 1; the intervals include" in shown.out
    assert shown.out.count("Results: ") == 2


def test_one_training_names_the_option(copying: FakePlugins, capsys: Capture) -> None:
    assert run([*EVAL, *SHORT]) == 0
    assert (
        "Note: one training does not rank loss networks: its intervals leave out the spread over seeds; --seeds 5"
        in (capsys.readouterr().out)
    )


def test_the_same_command_goes_on_where_it_stopped(
    copying: FakePlugins, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of the second training, it keeps the first and resumes the second."""
    whole = evaluated(capsys, *SHORT, "--seeds", "2", "--results", str(tmp_path / "whole"))
    step, steps = loop._Training._step, []

    def stops(training: Any, batch: Any) -> None:
        if len(steps) == 12 + 7:
            raise lnkit.LnkitError("stopped")
        steps.append(1)
        step(training, batch)

    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    monkeypatch.setattr(loop._Training, "_step", stops)
    assert run([*EVAL, *SHORT, "--seeds", "2"]) == 1
    assert "Error: stopped" in capsys.readouterr().err
    assert stored_seeds(tmp_path / "results") == [0]
    steps.clear()
    assert evaluated(capsys, *SHORT, "--seeds", "2")["scores"] == whole["scores"]
    assert stored_seeds(tmp_path / "results") == [0, 1]
    assert len(steps) == 12 - 7


def test_a_collapse_of_one_training_is_said(copying: FakePlugins, capsys: Capture) -> None:
    record = evaluated(capsys, *SHORT, "--set", "explodes=12", "--seeds", "2", code=1)
    assert record["collapsed"] == ("seed 0: the loss was nan at iteration 12; seed 1: the loss was nan at iteration 12")


def test_data_that_depend_on_the_seed_have_no_mean(copying: FakePlugins, tmp_path: Path, capsys: Capture) -> None:
    file = copying.folder / "copying_plugin.py"
    file.write_text(file.read_text().replace('"ab" * 32', 'f"{context.seed:064d}"'))
    assert run([*EVAL, *SHORT, "--seeds", "2"]) == 1
    assert "The data of copying or the weights of pixel differ from seed to seed" in capsys.readouterr().err
    assert stored_seeds(tmp_path / "results") == [0, 1]


def test_random_weights_are_drawn_once(copying: FakePlugins) -> None:
    """Otherwise the trainings would be of different loss networks, and their spread no spread over seeds."""
    options: dict[str, Any] = {"weights": "random", "sample": True, "overrides": {"iterations": "2"}}
    (mean,) = lnkit.evaluate("squeezenet1_1", "early", "copying", seeds=[3, 4], **options)
    assert len({single.record.key.weights_sha256 for single in mean.runs}) == 1
    (first,) = lnkit.evaluate("squeezenet1_1", "early", "copying", seed=3, **options)
    assert (first.reused, first.record) == (True, mean.runs[0].record)


def test_from_python(copying: FakePlugins, tmp_path: Path) -> None:
    options: dict[str, Any] = {"sample": True, "overrides": {"iterations": "3"}}
    (mean,) = lnkit.evaluate("pixel", "image", "copying", seeds=2, **options)
    assert [single.record.key.seed for single in mean.runs] == [0, 1]
    assert [mean.record] == means_over_seeds(single.record for single in mean.runs)
    assert all((single.folder / "result.json").is_file() for single in mean.runs)
    assert (mean.folder, mean.reused) == (tmp_path / "results", False)
    with pytest.raises(UsageError, match="seed names one training, and seeds names several"):
        lnkit.evaluate("pixel", "image", "copying", seed=0, seeds=2, **options)
    for wrong in (0, 1, "x", (1, 1)):
        with pytest.raises(UsageError, match="Expected --seeds with a number of trainings"):
            lnkit.evaluate("pixel", "image", "copying", seeds=wrong, **options)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--bench", "bapps", "--seeds", "3"], "bapps only measures, and --seeds repeats trainings: leave it out."),
        (["--bench", "delineation", "--seeds", "1,1"], "got '1,1'. The seed 1 is repeated."),
        (["--bench", "delineation", "--seeds", "0"], "`--seed 0` trains once, with this seed."),
        (
            ["--bench", "delineation", "--seed", "0", "--seeds", "3"],
            "--seed names one training, and --seeds names several",
        ),
    ],
)
def test_wrong_usage(arguments: list[str], says: str, capsys: Capture) -> None:
    assert run(["eval", "--backbone", "pixel", "--sample", *arguments]) == 2
    shown = capsys.readouterr()
    assert says in shown.err
    assert shown.out == ""


def test_progress_names_the_seed() -> None:
    titles = []

    class Titles(SilentProgress):
        def task(self, title: str, total: int | None = None, *, unit: str = "") -> Any:
            titles.append(title)
            return super().task(title, total, unit=unit)

    with SeedProgress(Titles(), 3).task("copying with pixel:image", 10) as advance:
        advance(1)
    assert titles == ["copying with pixel:image, seed 3"]


# Differences item by item and seed by seed

TILES = 30


def tiles(backbone: str, seed: int, quality: np.ndarray) -> StoredRun:
    score = ScoreRecord(float(quality.mean()), "percent", True, True, "mean of tiles", "", len(quality))
    record = make_record(backbone=backbone, seed=seed, protocol={}, scores={"quality": score}, trained=True)
    return StoredRun(record, {"quality": quality})


def pairs_of(first: np.ndarray, second: np.ndarray) -> list[tuple[StoredRun, StoredRun]]:
    """Pairs of runs from values (seeds, tiles)."""
    return [(tiles("a", seed, a), tiles("b", seed, b)) for seed, (a, b) in enumerate(zip(first, second, strict=True))]


def test_items_and_seeds_cancel_out() -> None:
    """Tiles and seeds that are hard for both networks leave the difference as it is."""
    rng = np.random.default_rng(0)
    hard = rng.normal(60, 20, TILES) + rng.normal(0, 5, (4, 1))  # of each tile, and of each seed
    changes = 3 + rng.normal(0, 0.5, (4, 1)) + rng.normal(0, 1, (1, TILES))
    pairs = pairs_of(hard, hard + changes)
    found = differences_over_seeds(pairs, MeanRegistry(), sampling=Sampling(4000))  # type: ignore[arg-type]
    row = found.table.iloc[0]
    by_seed = changes.mean(axis=1)
    over_items = 1.96 * changes[0].std() / np.sqrt(TILES)  # the bootstrap's: the same for each seed
    half = np.sqrt(over_items**2 + (stats.t.ppf(0.975, 3) * stats.sem(by_seed)) ** 2)
    assert row.difference == pytest.approx(by_seed.mean())
    assert row.sd == pytest.approx(by_seed.std(ddof=1))
    assert (row.low, row.high) == pytest.approx((by_seed.mean() - half, by_seed.mean() + half), abs=0.15 * half)
    assert (row["first"], row.second) == pytest.approx((hard.mean(), (hard + changes).mean()))
    assert (row.seeds, row.n, row.told_apart) == (4, TILES, True)
    assert not any("one training" in remark for remark in found.remarks)
    assert "4 seeds say little about the spread, so the intervals are wide." in found.remarks


def test_a_difference_within_the_spread_is_none() -> None:
    """By items alone the two differ clearly; from seed to seed the difference changes its sign."""
    rng = np.random.default_rng(1)
    hard = rng.normal(60, 1, (3, TILES))
    changes = np.array([[6.0], [-2.0], [4.0]])
    pairs = pairs_of(hard, hard + changes)
    alone = paired_differences(pairs[0], MeanRegistry(), sampling=Sampling(200))  # type: ignore[arg-type]
    assert alone.table.low[0] > 5
    assert "lnkit eval --seeds 5" in " ".join(alone.remarks)
    row = differences_over_seeds(pairs, MeanRegistry(), sampling=Sampling(200)).table.iloc[0]  # type: ignore[arg-type]
    assert row.told_apart is False
    assert row.low < 0 < row.high


def test_seeds_that_both_have() -> None:
    (first,), (second,), (third,) = (
        means_over_seeds(tiles(name, seed, np.ones(3)).record for seed in seeds)
        for name, seeds in (("a", (0, 1, 2)), ("b", (1, 2, 7)), ("c", (7, 8)))
    )
    assert shared_seeds(first, second) == (1, 2)
    with pytest.raises(UsageError, match=r"got a:mid with 0, 1, 2 and c:mid with 7, 8\. Train both with the same"):
        shared_seeds(first, third)
    with pytest.raises(UsageError, match="name one run of each by its id"):
        shared_seeds(first, tiles("d", 0, np.ones(3)).record)


@pytest.mark.slow
def test_the_sample_of_delineation(tmp_path: Path, capsys: Capture) -> None:
    """Real trainings: both commands that compare say the same, and that of single items is the surer one."""
    names = ["pixel:image", "bce:alone"]
    options = ["--bench", "delineation", "--sample", "--seeds", "2", "--set", "epochs=2"]
    assert run(["eval", *options, "--backbone", "pixel", "--backbone", "bce"]) == 0
    capsys.readouterr()
    assert run(["results", "compare", *names, "--json"]) == 0
    compared = json.loads(capsys.readouterr().out)["differences"]["quality"]
    assert run(["analyze", "difference", *names, "--resamples", "200", "--score", "quality", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["difference"] == pytest.approx(compared["value"])
    assert row["seeds"] == 2
    assert row["told_apart"] is (not row["low"] <= 0 <= row["high"])
    low, high = compared["interval"]
    assert row["high"] - row["low"] <= 1.05 * (high - low)
    assert run(["analyze", "difference", *names, "--resamples", "200"]) == 0
    assert "told apart" in capsys.readouterr().out
