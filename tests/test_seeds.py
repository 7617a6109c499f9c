"""Means over seeds: their intervals against numpy and scipy, their coverage, and what commands make of them."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from helpers import make_record
from scipy import stats

from lnkit.analysis.collect import ScoreSet, Selection, gather
from lnkit.analysis.published.position import positions
from lnkit.analysis.recommend.recommend import recommendations
from lnkit.analysis.score_rows import ScoreRow
from lnkit.analysis.uncertainty import not_told_apart, told_apart
from lnkit.cli import cli, run
from lnkit.errors import UsageError
from lnkit.evaluation.seeds import seed_list
from lnkit.report.page import build_report
from lnkit.results import ResultsFolder, RunRecord, ScoreRecord, SeedSpread, means_over_seeds, scores_frame
from lnkit.results.seeds import listed, seed_notes
from lnkit.results.spread import ScoreEstimate, difference, estimate_of, mean_of_trainings, student_t

Capture = pytest.CaptureFixture[str]

# As five trainings of a benchmark might end: they spread by three points of quality, and the items leave +-4 open.
FIVE = {0: 67.9, 1: 71.2, 2: 64.4, 3: 66.0, 4: 69.5}


def trained(value: float, seed: int, half: float | None = 4.0, **changes: Any) -> RunRecord:
    """A record of one training of `delineation`."""
    score = ScoreRecord(
        value=value,
        unit="percent",
        higher_is_better=True,
        primary=True,
        aggregation="mean of images",
        signature=f"quality|net:mid|delineation.1/paper|mean of images|seed:{seed}|data:ab|fp32|lnkit 0.1.0",
        n=49,
        interval=None if half is None else (value - half, value + half),
        bounds=(0.0, 100.0),
    )
    facts = {"benchmark": "delineation", "backbone": "net", "scores": {"quality": score}, "trained": True, "seed": seed}
    return make_record(**{**facts, **changes})


def trainings(values: dict[int, float] | None = None, shift: float = 0.0, **changes: Any) -> list[RunRecord]:
    return [trained(value + shift, seed, **changes) for seed, value in (values or FIVE).items()]


def write(folder: Path, *records: RunRecord) -> Path:
    for record in records:
        ResultsFolder(folder).write(record, {})
    return folder


def mean_of(*records: RunRecord) -> RunRecord:
    (mean,) = means_over_seeds(records)
    return mean


def spread_of(score: ScoreRecord) -> SeedSpread:
    assert score.spread is not None
    return score.spread


# The interval


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 8, 9, 30, 99])
def test_students_t_is_scipys(freedom: int) -> None:
    assert student_t(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), rel=1e-12)


def test_the_spread_alone_is_the_t_interval_of_scipy() -> None:
    """Where every item gave the same value, items leave nothing open."""
    values = list(FIVE.values())
    mean = mean_of_trainings(values, [(value, value) for value in values], list(FIVE))
    expected = stats.t.interval(0.95, 4, np.mean(values), stats.sem(values))
    assert mean.value == pytest.approx(np.mean(values))
    assert mean.interval == pytest.approx(expected)
    assert mean.spread is not None
    assert mean.spread.sd == pytest.approx(np.std(values, ddof=1))
    assert mean.spread.over_items == pytest.approx((np.mean(values),) * 2)


def test_items_and_seeds_are_combined_side_by_side() -> None:
    """MOVER of Zou and Donner 2008: the squared distances add up, below and above the mean each for itself."""
    values, below, above = np.array([70.0, 74.0, 66.0]), np.array([3.0, 4.0, 5.0]), np.array([1.0, 2.0, 3.0])
    ends = [(low, high) for low, high in zip(values - below, values + above, strict=True)]
    mean = mean_of_trainings(values.tolist(), ends, (0, 1, 2))
    by_seeds = stats.t.ppf(0.975, 2) * stats.sem(values)
    lower, upper = (np.sqrt(np.mean(side**2) + by_seeds**2) for side in (below, above))
    assert mean.interval == pytest.approx((70 - lower, 70 + upper))
    assert mean.spread is not None
    assert mean.spread.over_items == pytest.approx((70 - np.sqrt((9 + 16 + 25) / 3), 70 + np.sqrt((1 + 4 + 9) / 3)))


def test_equal_trainings_leave_the_interval_over_items() -> None:
    mean = mean_of_trainings([5.0, 5.0], [(4.0, 7.0), (4.0, 7.0)], (0, 1))
    assert mean.interval == pytest.approx((4.0, 7.0))


def test_an_interval_ends_where_the_score_does() -> None:
    mean = mean_of_trainings([97.0, 93.0], [(90.0, 99.0), (88.0, 96.0)], (0, 1), (0.0, 100.0))
    assert mean.interval is not None
    assert mean.interval[1] == 100.0
    assert mean.interval[0] < 95 - stats.t.ppf(0.975, 1) * 2


def test_without_intervals_over_items_there_is_a_spread_and_no_interval() -> None:
    mean = mean_of_trainings([5.0, 7.0], [(4.0, 6.0), None], (0, 1))
    assert (mean.value, mean.interval) == (6.0, None)
    assert mean.spread is not None
    assert (mean.spread.sd, mean.spread.over_items) == (pytest.approx(np.sqrt(2)), None)


SIMULATIONS = 800
# seeds, items, and the standard deviations of trainings, of items, and of an item from training to training
SITUATIONS = [(2, 14, 1.0, 0.0, 0.0), (3, 49, 0.3, 1.0, 0.1), (3, 14, 0.0, 1.0, 0.0), (5, 1000, 0.3, 3.0, 0.3),
              (5, 49, 0.1, 1.0, 1.0)]  # fmt: skip


def simulated(rng: np.random.Generator, seeds: int, a: float, items: np.ndarray, e: float) -> np.ndarray:
    """Values (seeds, items) of one loss network whose true mean is 0."""
    return rng.normal(0, a, (seeds, 1)) + items + rng.normal(0, e, (seeds, len(items)))


def mean_of_values(values: np.ndarray) -> ScoreEstimate:
    means, n = values.mean(axis=1), values.shape[1]
    half = stats.t.ppf(0.975, n - 1) * values.std(axis=1, ddof=1) / np.sqrt(n)
    ends = list(zip((means - half).tolist(), (means + half).tolist(), strict=True))
    return mean_of_trainings(means.tolist(), ends, range(len(values)))


@pytest.mark.parametrize(("seeds", "n", "a", "b", "e"), SITUATIONS)
def test_coverage(seeds: int, n: int, a: float, b: float, e: float) -> None:
    """95 % intervals contain the truth in 93 % of the cases or more; of equal networks 7 % or less are told apart."""
    rng = np.random.default_rng(0)
    covered = apart = paired = 0
    for _ in range(SIMULATIONS):
        items = rng.normal(0, b, n)
        first, second = (simulated(rng, seeds, a, items, e) for _ in range(2))
        mean, other = mean_of_values(first), mean_of_values(second)
        assert mean.interval is not None
        covered += mean.interval[0] <= 0 <= mean.interval[1]
        apart += bool(difference(mean, other).told_apart)
        by_item = mean_of_values(second - first).interval
        assert by_item is not None
        paired += not by_item[0] <= 0 <= by_item[1]
    assert covered / SIMULATIONS >= 0.93
    assert apart / SIMULATIONS <= 0.07
    assert paired / SIMULATIONS <= 0.07


# Differences


def test_the_same_seeds_are_compared_seed_by_seed() -> None:
    """What a seed does to both loss networks cancels out."""
    noise = np.random.default_rng(1).normal(0, 0.5, 5)
    better = {seed: value + 6 + shift for (seed, value), shift in zip(FIVE.items(), noise, strict=True)}
    first, second = (
        estimate_of(mean_of(*trainings(values, half=1.0)).scores["quality"], trained=True) for values in (FIVE, better)
    )
    change = difference(first, second)
    seeds = stats.t.ppf(0.975, 4) * stats.sem(6 + noise)
    half = np.sqrt(1 + 1 + seeds**2)
    assert change.value == pytest.approx(6 + noise.mean())
    assert change.interval == pytest.approx((change.value - half, change.value + half))
    assert change.told_apart
    apart = difference(first._replace(spread=None), second._replace(spread=None)).interval
    assert apart is not None
    assert change.interval is not None
    assert apart[1] - apart[0] > change.interval[1] - change.interval[0]


def test_other_seeds_are_independent() -> None:
    first = mean_of(*trainings({0: 60.0, 1: 62.0}, half=1.0)).scores["quality"]
    second = mean_of(*trainings({0: 64.0, 2: 66.0}, half=1.0)).scores["quality"]
    change = difference(*(estimate_of(score, trained=True) for score in (first, second)))
    half = np.sqrt(1 + (stats.t.ppf(0.975, 1) * stats.sem([60.0, 62.0])) ** 2)  # of each of the two
    assert change.interval == pytest.approx((4 - np.sqrt(2) * half, 4 + np.sqrt(2) * half))
    assert change.told_apart is False


def test_one_training_tells_nothing_apart() -> None:
    one = estimate_of(trained(90.0, 0).scores["quality"], trained=True)
    other = estimate_of(trained(10.0, 0).scores["quality"], trained=True)
    assert difference(one, other) == (-80.0, None)
    assert difference(one, other).told_apart is None
    measured = make_record().scores["2afc"]
    assert estimate_of(measured, trained=False).interval == measured.interval


# The record of the mean


def test_trainings_that_differ_in_their_seed_become_one_record() -> None:
    runs = trainings(notes=("partial: 5 tiles",))
    mean = mean_of(*reversed(runs))
    score = mean.scores["quality"]
    assert score.value == pytest.approx(np.mean(list(FIVE.values())))
    assert (spread_of(score).seeds, spread_of(score).values) == (tuple(FIVE), tuple(FIVE.values()))
    assert spread_of(score).sd == pytest.approx(np.std(list(FIVE.values()), ddof=1))
    assert (score.n, score.aggregation) == (49, "mean of images")
    assert "|mean of images|mean of seeds:0,1,2,3,4|data:ab|" in score.signature
    assert mean.runs == {run.id: run.key.seed for run in runs}
    assert (mean.seeds, mean.key.seed, mean.seconds) == ((0, 1, 2, 3, 4), None, 5.0)
    assert mean.notes == ("partial: 5 tiles",)
    assert mean.id not in mean.runs


def test_other_runs_are_left_alone() -> None:
    others = [
        make_record(),
        make_record(seed=1),  # nothing was trained
        trained(60.0, 0, variant="quick"),
        trained(60.0, 1, precision="bf16"),
        trained(60.0, 2, backbone="other"),
    ]
    assert means_over_seeds(others) == others
    assert [len(record.seeds) for record in means_over_seeds([others[2], *trainings(), *others[3:]])] == [1, 5, 1, 1]


def test_what_only_some_trainings_have() -> None:
    collapsed = trained(0.0, 2, collapsed="the loss was nan at iteration 7", scores={}, notes=("resumed elsewhere",))
    mean = mean_of(trained(60.0, 0), trained(62.0, 1), collapsed)
    assert spread_of(mean.scores["quality"]).seeds == (0, 1)
    assert mean.collapsed == "seed 2: the loss was nan at iteration 7"
    assert mean.notes == ("net:mid, seed 2: resumed elsewhere",)
    alone = mean_of(trained(60.0, 0), collapsed)
    assert alone.scores["quality"].spread is None
    assert estimate_of(alone.scores["quality"], trained=True).interval is None


def test_what_a_reader_must_know() -> None:
    (one,) = seed_notes(trained(60.0, 3))
    assert "one training does not rank loss networks" in one
    assert "--seeds 5" in one
    assert seed_notes(make_record()) == []
    few = " ".join(seed_notes(mean_of(trained(60.0, 0), trained(62.0, 7))))
    assert "the seeds 0, 7" in few
    assert "2 seeds say little about the spread" in few
    assert "say little" not in " ".join(seed_notes(mean_of(*trainings())))
    assert (listed((0, 1, 5)), listed(range(12))) == ("0, 1, 5", "0 to 11")


# Names of seeds


@pytest.mark.parametrize(
    ("given", "seeds"),
    [("3", (0, 1, 2)), (2, (0, 1)), ("0,1,5", (0, 1, 5)), ("7, 3", (7, 3)), ([4, 2], (4, 2)), (range(2), (0, 1))],
)
def test_seeds(given: Any, seeds: tuple[int, ...]) -> None:
    assert seed_list(given) == seeds


@pytest.mark.parametrize(
    "given", ["0", "1", "x", "", "1,1", "0,1,0", "1,x", "0,-1", "-3", "1,", "101", "2.5", "--5", "9" * 5000, 1, [3], []]
)
def test_wrong_seeds(given: Any) -> None:
    with pytest.raises(
        UsageError, match=r"Expected --seeds with a number of trainings from 2 to 100, or a list of dif"
    ):
        seed_list(given)


def test_a_large_number_is_rather_one_seed() -> None:
    with pytest.raises(UsageError, match=r"`--seed 20260101` trains once, with this seed\."):
        seed_list("20260101")


# Commands


def printed(*arguments: str) -> str:
    done = CliRunner().invoke(cli, list(arguments), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Five trainings of two loss networks, two points apart: less than the spread."""
    return write(tmp_path / "results", *trainings(), *trainings({s: FIVE[4 - s] for s in FIVE}, 2.0, backbone="other"))


def test_list_shows_the_mean_or_each_training(two: Path, capsys: Capture) -> None:
    assert run(["results", "list"]) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert "seeds" in header
    assert len(rows) == 2
    assert all("0, 1, 2, 3, 4" in row for row in rows)
    assert f"quality {np.mean(list(FIVE.values())):.4f}" in rows[0]
    assert run(["results", "list", "--each-seed"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1 + 10
    assert run(["results", "list", "--json"]) == 0
    mean, _ = json.loads(capsys.readouterr().out)
    assert mean["scores"]["quality"]["spread"]["values"] == list(FIVE.values())
    assert mean["runs"] == {record.id: record.key.seed for record in trainings()}


def test_one_training_each_with_the_usual_seed_needs_no_column(tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path / "results", trained(60.0, 0), make_record(seed=3))
    assert run(["results", "list"]) == 0
    assert "seeds" not in capsys.readouterr().out


def test_show_names_the_mean_and_its_trainings(two: Path, capsys: Capture) -> None:
    mean = mean_of(*trainings())
    for name in ("net:mid", mean.id, mean.key.digest()[:12], "delineation_net_mid"):
        assert run(["results", "show", name]) == 0
        out = capsys.readouterr().out
        assert out.startswith(mean.id)
        low, high = mean.scores["quality"].interval or (0, 0)
        assert f"{mean.scores['quality'].value:.4f} [{low:.4f}, {high:.4f}]" in out
        assert f"{np.std(list(FIVE.values()), ddof=1):.4f}" in out
        assert f"Seed 3: {trainings()[3].id}" in out
    single = trainings()[3]
    for name in (single.id, single.key.digest()[:12]):
        assert run(["results", "show", name]) == 0
        out = capsys.readouterr().out
        assert out.startswith(single.id)
        assert "Note: one training does not rank loss networks" in out


def test_a_mean_has_no_arrays(two: Path, capsys: Capture) -> None:
    assert run(["results", "rescore", "net:mid"]) == 2
    assert f"is a mean over seeds; name one of its runs: {trainings()[0].id}, " in capsys.readouterr().err


def test_export(two: Path) -> None:
    frame = pd.read_csv(io.StringIO(printed("results", "export"))).set_index("backbone")
    assert frame.loc["net", ["value", "sd", "seeds"]].tolist() == pytest.approx(
        [np.mean(list(FIVE.values())), np.std(list(FIVE.values()), ddof=1), 5]
    )
    assert frame.seed.isna().all()
    each = pd.read_csv(io.StringIO(printed("results", "export", "--each-seed", "--backbone", "net")))
    assert dict(zip(each.seed, each.value, strict=True)) == FIVE
    assert (each.seeds == 1).all()
    assert each.sd.isna().all()
    assert scores_frame([make_record()])[["seeds", "seed"]].to_numpy().tolist() == [[1, 0]]


def test_a_table_for_papers_marks_no_difference_within_the_spread(tmp_path: Path, two: Path) -> None:
    wide = ("results", "export", "--wide", "--format", "markdown")
    sd = f"{np.std(list(FIVE.values()), ddof=1):.4f}"
    assert printed(*wide).splitlines() == [
        "| loss network | weights | quality | quality sd |",
        "| --- | --- | --- | --- |",
        f"| net:mid | IMAGENET1K_V1 | 67.8000 | {sd} |",
        f"| other:mid | IMAGENET1K_V1 | 69.8000 | {sd} |",
    ]
    write(two, *trainings(shift=25.0, backbone="best"), *trainings({0: 80.0}, backbone="once"))
    marked = [line.split(" | ")[2] for line in printed(*wide).splitlines()[2:]]
    assert marked == ["**92.8000**", "67.8000", "<u>80.0000</u>", "69.8000"]
    write(two, *trainings(shift=24.0, backbone="close"))
    lines = {line.split(" | ")[0]: line.split(" | ")[2] for line in printed(*wide).splitlines()[2:]}
    assert (lines["| best:mid"], lines["| close:mid"]) == ("**92.8000**", "**91.8000**")


def test_compare(two: Path, capsys: Capture) -> None:
    assert run(["results", "compare", "net:mid", "other:mid"]) == 0
    shown = capsys.readouterr()
    _, header, row = shown.out.splitlines()
    assert header.split()[-2:] == ["told", "apart"]
    change = np.array(list(FIVE.values())[::-1]) + 2 - list(FIVE.values())
    half = np.sqrt(2 * 4.0**2 + (stats.t.ppf(0.975, 4) * stats.sem(change)) ** 2)
    assert row.split() == ["quality", "67.8000", "69.8000", "+2.0000", f"[{2 - half:+.4f},", f"{2 + half:+.4f}]", "no"]
    assert "over items and over seeds" in shown.err
    write(two, *trainings(shift=20.0, backbone="best"))
    assert run(["results", "compare", "net:mid", "best:mid"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("yes")
    single = [trainings()[0].id, trainings(shift=2.0, backbone="other")[0].id]
    write(two, trainings(shift=30.0, backbone="single")[0])
    assert run(["results", "compare", single[0], "single:mid", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)["differences"]["quality"]
    assert (facts["value"], facts["interval"], facts["told_apart"]) == (pytest.approx(30.0), None, None)


def test_what_is_not_trained_is_compared_as_before(tmp_path: Path, capsys: Capture) -> None:
    write(tmp_path / "results", make_record(), make_record(0.6, backbone="vgg16"))
    assert run(["results", "compare", "squeezenet1_1:mid", "vgg16:mid"]) == 0
    shown = capsys.readouterr()
    assert "told apart" not in shown.out
    assert shown.err == ""


# Analyses


def gathered(folder: Path) -> ScoreSet:
    return gather(folder, "own", Selection())


def test_gathered_scores_are_means_with_intervals(two: Path) -> None:
    found = gathered(two)
    row = found.rows[0]
    score = mean_of(*trainings()).scores["quality"]
    assert (row.value, (row.low, row.high), row.spread) == (score.value, score.interval, score.spread)
    assert (row.seed, row.trained, row.source) == (None, True, " ".join(record.id for record in trainings()))
    frame = found.frame()
    assert frame[["seeds", "sd"]].to_numpy().tolist() == [[5, spread_of(score).sd]] * 2
    assert len(found.records) == 10
    assert found.remarks == ["2 results: means over the seeds 0, 1, 2, 3, 4, with intervals over items and seeds."]
    once = gathered(write(two.parent / "once", trained(60.0, 0)))
    assert once.frame().seeds.tolist() == [1]
    assert "1 result of single trainings: one training does not rank loss networks" in once.remarks[0]


def test_recommend_takes_no_difference_within_the_spread_for_one(two: Path) -> None:
    write(two, *trainings(shift=-30.0, backbone="worst"))
    (result,) = recommendations(gathered(two), ["delineation"])
    assert (result.answer, result.rivals) == ("other:mid", ("net:mid",))
    said = " ".join(result.by_setting[0].explanation)
    assert "other:mid is ahead of net:mid, the next, by 2: no more than the uncertainty" in said
    assert "The intervals include the spread over the seeds 0, 1, 2, 3, 4, as well as that over items." in said
    assert "rank loss networks" not in said


def test_recommend_knows_nothing_from_single_trainings(tmp_path: Path) -> None:
    write(tmp_path, *(trained(90.0 - 30 * i, 0, backbone=f"net{i}") for i in range(3)))
    (result,) = recommendations(gathered(tmp_path), ["delineation"])
    assert (result.answer, result.rivals) == ("net0:mid", ("net1:mid", "net2:mid"))
    said = " ".join(result.by_setting[0].explanation)
    assert "their uncertainty is unknown" in said
    assert "Trained once: net0:mid, net1:mid and net2:mid. One training does not rank loss networks" in said
    assert "--seeds 5" in said


def test_few_seeds_are_said(tmp_path: Path) -> None:
    write(tmp_path, *(run for name in "ab" for run in trainings({0: 60.0, 1: 61.0}, backbone=name)))
    (result,) = recommendations(gathered(tmp_path), ["delineation"])
    assert "over the seeds 0, 1, which are few, as well" in " ".join(result.by_setting[0].explanation)


def test_the_position_among_the_published_ones(tmp_path: Path) -> None:
    runs = trainings(variant="reference")
    (position,) = positions(gather(write(tmp_path, *runs)), "net")
    score = mean_of(*runs).scores["quality"]
    assert (position.low, position.high) == score.interval
    mean = mean_of(*runs)
    for name in (mean.id, mean.key.digest()[:8], runs[2].id):
        assert positions(gather(tmp_path), name) == [position]
    remarks = " ".join(position.remarks)
    assert f"mean over the seeds 0, 1, 2, 3, 4, with a standard deviation of {spread_of(score).sd:.2g}" in remarks
    (alone,) = positions(gather(write(tmp_path / "one", runs[0])), "net")
    assert "One training does not rank loss networks" in " ".join(alone.remarks)


def test_told_apart() -> None:
    def published(value: float, unit: str = "dB") -> ScoreRow:
        return ScoreRow(
            "published", "published", "Table VI", "superres", "published", "x4", "a", "mid", "a:mid", "A", "W", value,
            unit=unit,
        )  # fmt: skip

    assert told_apart(published(26.5), published(26.4)) is False
    assert told_apart(published(26.5), published(26.3)) is True
    assert told_apart(published(26.5, "seconds"), published(26.3, "seconds")) is None
    own = [published(value)._replace(origin="own", low=value - 3, high=value + 3) for value in (60.0, 64.0, 70.0)]
    assert told_apart(own[0], own[1]) is False  # 4 is less than 3 times the root of 2
    assert told_apart(own[1], own[2]) is True
    assert not_told_apart(own[1], own) == [own[0]]
    assert not_told_apart(own[1], [row._replace(trained=True) for row in own])[0].value == 70.0


def cells(page: str, section: str) -> list[dict[str, str]]:
    """Return the rows of the first table of a section of the report."""
    table = page.partition(f'id="{section}"')[2].partition("</table>")[0]
    lines = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", line) for line in table.split("<tr>")[1:]]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def test_the_report(two: Path) -> None:
    write(two, *trainings(shift=-30.0, backbone="worst"))
    page = build_report(gathered(two))
    (row,) = cells(page, "best")
    assert (row["best loss network"], row["not told apart from"]) == ("other:mid", "net:mid")
    (of_net,) = [row for row in cells(page, "scores") if row["loss network"] == "net:mid"]
    low, high = mean_of(*trainings()).scores["quality"].interval or (0, 0)
    assert of_net["95 % interval"] == f"{low:.4f} to {high:.4f}"
    assert (of_net["seeds"], of_net["sd over seeds"]) == ("5", f"{np.std(list(FIVE.values()), ddof=1):.4f}")
    assert "3 results: means over the seeds 0, 1, 2, 3, 4" in page


def test_reproduction_says_how_many_seeds(tmp_path: Path) -> None:
    from lnkit.report.reproduction import reproduce

    late = {"points": {"late": "x"}, "backbone": "vgg16", "variant": "reference"}
    for folder, records, reason in (("a", trainings(**late), "mean of 5 seeds"),
                                    ("b", trainings(**late)[:1], "one training, one seed")):  # fmt: skip
        parts = reproduce(gather(write(tmp_path / folder, *records)))
        (line,) = next(part for part in parts if part.title.startswith("Table X:")).lines
        assert reason in line.why


def test_replaced_intervals_do_not_leak() -> None:
    """A mean of runs that are no seeds of one training has no interval, and nothing is told apart by it."""
    old, new = trained(60.0, 0), trained(62.0, 1, plugins={"backbone": "lnkit 0.2.0"})
    assert len(means_over_seeds([old, new])) == 2
    from lnkit.analysis.score_rows import from_records, merge_repeats

    (row,), _ = merge_repeats(from_records(means_over_seeds([old, new])))
    assert (row.low, row.high, row.spread) == (None, None, None)
    assert told_apart(row, row._replace(value=10.0)) is None


def test_records_without_seeds_are_unchanged() -> None:
    record = replace(make_record(), trained=True)
    assert means_over_seeds([record]) == [record]
