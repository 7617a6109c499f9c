"""Paired differences: simulated runs with a known answer, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from helpers import make_record
from scipy import stats

from lnkit import ScoreSpec
from lnkit.analysis.paired_items import Part, draw, groups_by, parts_of, take
from lnkit.analysis.significance import StoredRun, paired_differences
from lnkit.errors import DataError, UsageError
from lnkit.plugins.load import load_registry
from lnkit.results.records import ScoreRecord
from lnkit.stats import Sampling

BAPPS = load_registry(only=())
PROTOCOL = {"distance": "spatial", "resolution": 64, "resamples": 1000}
FEW = Sampling(resamples=500)


def kept(point: str, arrays: dict[str, Any], **changes: Any) -> StoredRun:
    return StoredRun(make_record(points={point: "x"}, protocol=PROTOCOL, **changes), arrays)


def triplets(rng: np.random.Generator, n: int, skill: float, judge: np.ndarray | None = None) -> dict[str, np.ndarray]:
    """Unanimous judgments, of which a loss network gets the share ``skill`` right."""
    judge = np.ones(n) if judge is None else judge
    right = rng.random(n) < skill
    return {"judge": judge, "d0": np.where(right, 1.0, 0.0), "d1": np.where(right, 0.0, 1.0)}


def named(family: str, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {f"2afc/{family}/{name}": array for name, array in arrays.items()}


def test_the_difference_of_means_has_the_standard_error_of_paired_items() -> None:
    rng = np.random.default_rng(0)
    first, second = triplets(rng, 900, 0.7), triplets(rng, 900, 0.75)
    found = paired_differences(
        (kept("early", named("cnn", first)), kept("late", named("cnn", second))), BAPPS, sampling=Sampling(4000)
    )
    row = found.table.iloc[0]
    gained = (second["d1"] < second["d0"]).astype(float) - (first["d1"] < first["d0"])
    error = gained.std(ddof=1) / np.sqrt(900)
    assert row.difference == pytest.approx(gained.mean())
    assert (row.low, row.high) == pytest.approx((gained.mean() - 1.96 * error, gained.mean() + 1.96 * error), abs=0.004)
    assert row.p == pytest.approx(stats.ttest_1samp(gained, 0).pvalue, abs=0.02)
    assert (row["first"], row.second) == pytest.approx(
        (np.mean(first["d1"] < first["d0"]), np.mean(second["d1"] < second["d0"]))
    )
    assert row.resamples == 4000


@pytest.mark.parametrize("n", [14, 49])
def test_p_is_that_of_the_paired_t_test(n: int) -> None:
    rng = np.random.default_rng(9)
    first, second = rng.random(n), rng.random(n)
    expected = stats.ttest_rel(second, first)
    row = paired_differences(
        (tiles("early", first), tiles("late", second)), MeanRegistry(), sampling=Sampling(8000)  # type: ignore[arg-type]
    ).table.iloc[0]  # fmt: skip
    assert row.p == pytest.approx(expected.pvalue, abs=0.015)
    interval = expected.confidence_interval()
    assert (row.low, row.high) == pytest.approx(
        (interval.low, interval.high), abs=0.03 * (interval.high - interval.low)
    )


def test_families_of_different_size_have_satterthwaites_freedom() -> None:
    """The mean change of 14 and of 300 triplets is tested as Welch tests a difference of two means."""
    rng = np.random.default_rng(10)
    sizes = {"cnn": 14, "deblur": 300}
    arrays = [
        named("cnn", triplets(rng, 14, skill)) | named("deblur", triplets(rng, 300, skill)) for skill in (0.4, 0.7)
    ]
    gains = [
        (arrays[1][f"2afc/{f}/d1"] < arrays[1][f"2afc/{f}/d0"]) * 1.0
        - (arrays[0][f"2afc/{f}/d1"] < arrays[0][f"2afc/{f}/d0"])
        for f in sizes
    ]
    welch = stats.ttest_ind(gains[0], -gains[1], equal_var=False)
    half = welch.confidence_interval().high - (gains[0].mean() + gains[1].mean())
    row = paired_differences(
        (kept("early", arrays[0]), kept("late", arrays[1])), BAPPS, sampling=Sampling(4000)
    ).table.iloc[0]
    assert row.difference == pytest.approx((gains[0].mean() + gains[1].mean()) / 2)
    assert row.high - row.difference == pytest.approx(half / 2, rel=0.06)
    assert row.p == pytest.approx(welch.pvalue, abs=0.02)


def test_pairing_makes_small_differences_visible() -> None:
    rng = np.random.default_rng(1)
    first = triplets(rng, 1000, 0.6)
    better = {name: array.copy() for name, array in first.items()}
    wrong = np.flatnonzero(first["d1"] > first["d0"])[:20]  # 2 % of the items, all of them to the better
    better["d0"][wrong], better["d1"][wrong] = 1.0, 0.0
    row = paired_differences(
        (kept("early", named("cnn", first)), kept("late", named("cnn", better))), BAPPS
    ).table.iloc[0]
    assert row.difference == pytest.approx(0.02)
    assert row.low > 0
    assert row.p == pytest.approx(2 / 2001)  # no resample without one of the 20: the smallest there is


def test_runs_that_agree_item_by_item_do_not_differ() -> None:
    arrays = named("cnn", triplets(np.random.default_rng(2), 50, 0.6))
    row = paired_differences((kept("early", arrays), kept("late", arrays)), BAPPS, sampling=FEW).table.iloc[0]
    assert (row.difference, row.low, row.high, row.p) == (0, 0, 0, 1)


def test_p_is_small_as_often_as_it_should_be() -> None:
    rng = np.random.default_rng(3)
    p = [
        paired_differences(
            (kept("early", named("cnn", triplets(rng, 60, 0.7))), kept("late", named("cnn", triplets(rng, 60, 0.7)))),
            BAPPS,
            sampling=Sampling(100),
        ).table.p[0]
        for _ in range(40)
    ]
    assert 0 <= np.mean(np.array(p) < 0.05) < 0.2
    assert 0.3 < np.mean(p) < 0.7


def test_families_are_drawn_apart_and_what_a_score_does_not_need_is_not_scored() -> None:
    rng = np.random.default_rng(4)
    arrays = [named("cnn", triplets(rng, 40, s)) | named("deblur", triplets(rng, 400, s)) for s in (0.6, 0.7)]
    for one in arrays:
        one |= {"jnd/cnn/same": np.ones(30), "jnd/cnn/d": rng.random(30)}
    runs = (kept("early", arrays[0]), kept("late", arrays[1]))
    whole = paired_differences(runs, BAPPS, sampling=Sampling(3000)).table.iloc[0]
    gains = [
        (arrays[1][f"2afc/{f}/d1"] < arrays[1][f"2afc/{f}/d0"]) * 1.0
        - (arrays[0][f"2afc/{f}/d1"] < arrays[0][f"2afc/{f}/d0"])
        for f in ("cnn", "deblur")
    ]
    error = np.sqrt(sum(g.var(ddof=1) / len(g) for g in gains)) / 2
    assert whole.high - whole.low == pytest.approx(2 * 1.96 * error, rel=0.1)
    from lnkit.analysis.significance import _needed, _scorer, _without_bootstrap

    rescorer = _without_bootstrap(runs[0].record, BAPPS)

    assert _needed(arrays[0], {}, _scorer(rescorer, ["2afc"])) == {
        Part("2afc/cnn", 40), Part("2afc/deblur", 400)
    }  # fmt: skip
    assert _needed(arrays[0], {}, _scorer(rescorer, ["2afc/cnn"])) == {Part("2afc/cnn", 40)}


@dataclass(frozen=True)
class Simple:
    """A protocol without a bootstrap."""


class MeanRegistry:
    """One benchmark whose score is the mean of what was kept, as one that trains has."""

    def __init__(self, trains: bool = True) -> None:
        self.trains, self.version, self.name = trains, "1", "mean"
        self.protocols = {"paper": Simple()}
        self.providers: dict[tuple[str, str], Any] = {}
        self.scores = (ScoreSpec("quality", "of tiles", lower=-1e9, upper=1e9),)

    def benchmark(self, name: str) -> Any:
        return self

    def rescore(self, arrays: Any, protocol: Any, seed: int) -> Any:
        from lnkit import Outcome, Score

        return Outcome({"quality": Score(float(np.mean(arrays["quality"])))} if arrays["quality"].sum() else {})


def tiles(point: str, quality: np.ndarray, interval: tuple[float, float] | None = None, **more: Any) -> StoredRun:
    score = ScoreRecord(quality.mean(), "percent", True, True, "mean of tiles", "", len(quality), interval)
    record = make_record(points={point: "x"}, protocol={}, scores={"quality": score})
    return StoredRun(record, {"quality": quality, **more})


def test_items_that_belong_together_are_drawn_together() -> None:
    rng = np.random.default_rng(5)
    references = np.repeat([f"i{i}" for i in range(30)], 10)
    effect = np.repeat(rng.normal(size=30), 10)
    runs = (tiles("early", np.ones(300), reference=references), tiles("late", 1 + effect, reference=references))
    single, grouped = (
        paired_differences(runs, MeanRegistry(), sampling=Sampling(2000), together=together).table.iloc[0]  # type: ignore[arg-type]
        for together in ("", "reference")
    )
    assert (grouped.high - grouped.low) / (single.high - single.low) == pytest.approx(np.sqrt(10), rel=0.15)
    with pytest.raises(UsageError, match=r"store no array 'image' over the items\. They have: quality, reference"):
        paired_differences(runs, MeanRegistry(), together="image")  # type: ignore[arg-type]


def test_what_a_reader_must_know_is_said() -> None:
    rng = np.random.default_rng(6)
    runs = (tiles("early", rng.random(12), (0.0, 0.9)), tiles("late", rng.random(12)))
    remarks = " ".join(paired_differences(runs, MeanRegistry(), sampling=FEW).remarks)  # type: ignore[arg-type]
    assert "quality: the benchmark's own interval is 0.9000 wide" in remarks
    assert "hold only if the differences are not skewed: quality (12)" in remarks
    assert "Each run is one training" in remarks
    runs = (
        tiles("early", rng.random(12), (0.0, 0.9), tile=np.arange(12)),
        tiles("late", rng.random(12), tile=np.arange(12)),
    )
    remarks = " ".join(paired_differences(runs, MeanRegistry(), sampling=FEW, together="tile").remarks)  # type: ignore[arg-type]
    assert "own interval" not in remarks
    many = (tiles("early", rng.random(40)), tiles("late", rng.random(40)))
    assert paired_differences(many, MeanRegistry(trains=False), sampling=FEW).remarks == []  # type: ignore[arg-type]
    hit = np.zeros(30)
    hit[0] = 1
    found = paired_differences((tiles("early", hit), tiles("late", hit)), MeanRegistry(trains=False), sampling=FEW)  # type: ignore[arg-type]
    assert 250 < found.table.resamples[0] < 400  # 1 - 1/e of them
    assert "quality is undefined in" in found.remarks[0]


def test_the_same_seed_gives_the_same_answer_and_resamples_are_counted() -> None:
    rng = np.random.default_rng(7)
    runs = (kept("early", named("cnn", triplets(rng, 80, 0.6))), kept("late", named("cnn", triplets(rng, 80, 0.7))))
    steps: list[int] = []
    first = paired_differences(runs, BAPPS, sampling=FEW, advance=steps.append).table
    assert sum(steps) == 500
    assert first.equals(paired_differences(runs, BAPPS, sampling=FEW).table)
    assert not first.equals(paired_differences(runs, BAPPS, sampling=replace(FEW, seed=1)).table)


def test_runs_that_cannot_be_compared_are_refused() -> None:
    arrays = named("cnn", triplets(np.random.default_rng(8), 20, 0.6))
    early, late = kept("early", arrays), kept("late", arrays)
    other = kept("late", arrays, data={"2afc/cnn": "ee" * 32})
    with pytest.raises(UsageError, match=r"do not measure the same thing\. They differ in data"):
        paired_differences((early, other), BAPPS)
    with pytest.raises(UsageError, match=r"Expected two different runs, got .* twice"):
        paired_differences((early, early), BAPPS)
    with pytest.raises(UsageError, match=r"no score '2afd' in common. Did you mean '2afc'"):
        paired_differences((early, late), BAPPS, scores=["2afd"])
    shorter = StoredRun(late.record, {name: array[:-1] for name, array in arrays.items()})
    for broken in (shorter, StoredRun(late.record, {}), StoredRun(late.record, {**arrays, "more": np.ones(3)})):
        with pytest.raises(DataError, match="did not store values of the same items"):
            paired_differences((early, broken), BAPPS)
    scalar = {"2afc/cnn/d0": np.array(1.0)}
    with pytest.raises(DataError, match="did not store values of the same items"):
        paired_differences((StoredRun(early.record, scalar), StoredRun(late.record, scalar)), BAPPS)
    foreign = {"2afc/cnn/other": np.ones(4)}
    with pytest.raises(DataError, match="do not have the form"):
        paired_differences((StoredRun(early.record, foreign), StoredRun(late.record, foreign)), BAPPS)
    apart = replace(late.record, scores={})
    with pytest.raises(UsageError, match="have no score in common"):
        paired_differences((early, StoredRun(apart, arrays)), BAPPS)


def test_items_are_drawn_part_by_part() -> None:
    arrays = {"b/x": np.arange(5), "b/y": np.arange(5) * 10, "a/x": np.arange(3), "z": np.array(["p", "q", "p", "q"])}
    assert parts_of(arrays) == [Part("", 4), Part("a", 3), Part("b", 5)]
    sample = take(arrays, draw(arrays, {}, np.random.default_rng(0)))
    assert np.array_equal(sample["b/y"], sample["b/x"] * 10)
    assert [len(array) for array in sample.values()] == [5, 5, 3, 4]
    groups = groups_by(arrays, "z")
    assert [rows.tolist() for rows in groups[Part("", 4)]] == [[0, 2], [1, 3]]
    assert groups_by(arrays, "") == {}
