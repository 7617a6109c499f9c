"""Successive halving over trainings: the rule, the plan by a budget, resuming, and what the result says."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise, product
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from contest import contest, fake_plugins, search_in, with_times
from scipy.stats import spearmanr

from lnkit.errors import LnkitError, UsageError
from lnkit.evaluation import RunRequest, run
from lnkit.plugins.load import default_registry
from lnkit.search.halving import HalvingSearch, SearchOutcome, TrainingSearchOptions
from lnkit.search.halving.budget import duration, read_budget
from lnkit.search.halving.outcome import MIXED, NOT_TOLD_APART, WORSE
from lnkit.search.halving.schedule import (
    SEEDS,
    all_schedules,
    halved_counts,
    halved_lengths,
    longest_schedule,
    shortest_schedule,
)
from lnkit.search.halving.scores import half_of, mean_ranks
from lnkit.search.halving.times import Line, TrainingTimes, line_through
from lnkit.sweep import Sweep

__all__ = ["contest", "fake_plugins"]


def here(sweep: Sweep) -> str:
    """Run a sweep in this process."""
    sweep.run_shard(0, 1, "cpu")
    return ""


def trainings(log: Path) -> list[tuple[str, int, int]]:
    """Return the point, length and seed of each training that was begun."""
    return [(line["point"], line["iterations"], line["seed"]) for line in map(json.loads, log.read_text().splitlines())]


def points(outcome: SearchOutcome) -> list[str]:
    """Return the points of each round, the best first."""
    return ["".join(name.removeprefix("tiny:") for name in result.trainings) for result in outcome.rungs]


# The rule


def test_each_round_keeps_the_better_half_by_its_own_scores(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lines of points cross: by the paper's rule d comes first, and h, the best of all, never shows it."""
    starts = dict(zip("abcdefgh", (10, 20, 30, 40, 50, 60, 70, 5), strict=True))
    gains = dict(zip("abcdefgh", (0, 0, 0, 90, 0, 0, 0, 150), strict=True))
    alive, length, expected = list("abcdefgh"), 16, []
    while True:  # Jamieson and Talwalkar 2016, Figure 3, with trainings that double from round to round
        alive.sort(key=lambda point: -(starts[point] + gains[point] * length / 64))
        expected.append("".join(alive))
        if len(alive) == 2:
            break
        alive, length = alive[: len(alive) // 2], 2 * length
    with_times(monkeypatch, float)
    outcome = search_in(tmp_path).run(here)
    assert [result.rung.length for result in outcome.rungs] == [16, 32, 64]
    assert points(outcome) == expected == ["gdfehcba", "dgfe", "dg"]
    assert outcome.final is not None
    assert outcome.final.chosen == "tiny:d"
    assert Counter(trainings(contest)) == Counter(
        [(point, 16, 0) for point in "abcdefgh"]
        + [(point, 32, 0) for point in "gdfe"]
        + [(point, 64, seed) for point in "dg" for seed in range(1, 4)]
    ), "each training once, and the last ones with seeds that no short one had"


def test_of_a_score_where_lower_is_better_the_lowest_go_on(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float)
    outcome = search_in(tmp_path, overrides={"lower": "true"}).run(here)
    assert outcome.higher_is_better == {"error": False}
    assert points(outcome) == ["abchefdg", "abch", "ab"]


@pytest.mark.parametrize(("candidates", "full"), list(product((2, 3, 5, 8, 28), (1, 7, 10, 800))))
def test_the_longest_plan_that_fits_is_found(candidates: int, full: int) -> None:
    """Against a search through all plans that knows nothing of how they are made."""
    counts = halved_counts(candidates)
    assert counts[0] == candidates
    assert counts[-1] == 2
    assert all(after == max(2, before // 2) for before, after in pairwise(counts))
    every = set()
    for m, seeds in product(range(11), SEEDS):
        last = ceil(full / 2**m)
        cost, before = 2 * seeds * (3 + last), 0
        for back, count in enumerate(counts[:-1]):
            length = ceil(full / 2 ** min(m + len(counts) - 1 - back, 10))
            cost += count * (3 + length) * (length > before)
            before = max(before, length)
        every.add((last, seeds, cost))
    for budget in {cost for _, _, cost in every} | {1, 1e9}:
        fitting = [(last, seeds, cost) for last, seeds, cost in every if cost <= budget]
        found = longest_schedule(counts, full, lambda n, length: n * (3 + length), budget)
        if not fitting:
            assert found is None
            continue
        assert found is not None
        assert (found.rungs[-1].length, found.rungs[-1].seeds, found.seconds) == max(fitting)
    assert shortest_schedule(counts, full, lambda n, length: n * (3 + length)).seconds == min(c for *_, c in every)


def test_later_rounds_are_longer_than_the_one_before() -> None:
    for schedule in all_schedules([4, 2], 64, lambda n, length: float(n * length), longer_than=8):
        lengths = [rung.length for rung in schedule.rungs]
        assert lengths[0] > 8 or lengths == [8]
        assert lengths == sorted(lengths)
    assert halved_lengths(64) == [64, 32, 16, 8, 4, 2, 1]


# The budget


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("4h", 14400), ("1d", 86400), ("1H30m", 5400)]
)
def test_a_budget_is_read(text: str, seconds: float) -> None:
    assert read_budget(text) == seconds
    assert read_budget(duration(seconds)) == seconds


@pytest.mark.parametrize("text", ["", "4", "h", "-1h", "0s", "4 hours", "nan", "1e9h", "4h,"])
def test_another_budget_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"Expected a budget (of more than nothing|such as 90s, 30m, 4h)"):
        read_budget(text)


def test_a_smaller_budget_shortens_the_trainings(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float, SEEDS)
    whole, half = (search_in(tmp_path, budget=budget).plan().schedule for budget in ("896s", "640s"))
    assert whole is not None
    assert half is not None
    assert whole.seconds == 8 * 16 + 4 * 32 + 2 * 5 * 64 == 896
    assert [(rung.length, rung.seeds) for rung in half.rungs] == [(16, 1), (32, 1), (64, 3)]
    with pytest.raises(UsageError) as refused:
        search_in(tmp_path, budget="10s").plan()
    assert str(refused.value) == (
        "A budget of 10s is too small for 8 loss networks: the shortest search takes about 14s (8 of 1 iteration and "
        "6 of 1 iteration; 0s of it done). Give --budget 15s or more, or search among 4 loss networks."
    )
    assert trainings(contest) == [], "a plan trains nothing"
    assert list(tmp_path.iterdir()) == [contest.parent]


def test_unknown_times_are_measured_by_short_trainings(contest: Path, tmp_path: Path) -> None:
    """Ever longer ones of one loss network, until a longer one takes longer; then the budget is planned by them."""

    def slow_down() -> None:
        for file in (tmp_path / "r").glob("*/result.json"):
            record = json.loads(file.read_text())
            record["seconds"] = 10.0 + record["key"]["protocol"]["iterations"]
            file.write_text(json.dumps(record))

    def timed(sweep: Sweep) -> str:
        here(sweep)
        slow_down()
        return ""

    run(RunRequest("tiny", "g", "contest", results=tmp_path / "r", device="cpu"), default_registry())
    slow_down()
    contest.write_text("")  # one length alone does not tell what a unit takes
    search = search_in(tmp_path / "r", points=("a", "d", "g"), budget="400s")
    assert not search.plan().times_are_known
    outcome = search.run(timed)
    begun = trainings(contest)
    assert begun[:2] == [("a", 1, 0), ("a", 4, 0)]
    (file,) = (tmp_path / "r" / ".sweep").glob("halving-*.json")
    trials = json.loads(file.read_text())["trials"]
    assert trials == [["tiny:a", 1], ["tiny:a", 4]], "14 s are 1.25 times 11 s, and show what a unit takes"
    assert [(rung.rung.count, rung.rung.length, rung.rung.seeds) for rung in outcome.rungs] == [(3, 16, 1), (2, 32, 3)]
    assert outcome.spent == 11 + 14 + 3 * 26 + 6 * 42
    assert len(set(begun)) == len(begun) == 2 + 3 + 6
    assert search.plan().done[-1].last


@pytest.mark.exhaustive
def test_what_another_budget_had_finished_is_used(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The short rounds stay as they are, and the last trainings become longer."""
    with_times(monkeypatch, float)
    first = search_in(tmp_path, budget="110s").run(here)
    second = search_in(tmp_path, budget="1000s").run(here)
    assert first.rungs[-1].rung.length < second.rungs[-1].rung.length == 64
    assert second.rungs[0].rung == first.rungs[0].rung
    assert Counter(trainings(contest)).most_common(1)[0][1] == 1
    count = len(trainings(contest))
    assert search_in(tmp_path, budget="1000s").run(here).to_plain() == second.to_plain()
    assert len(trainings(contest)) == count


def test_a_budget_that_ends_early_confirms_nothing(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float)
    search = search_in(tmp_path, budget="1000s")
    spent = iter([0.0, 0.0, 990.0])
    monkeypatch.setattr("lnkit.search.halving.rounds.Rounds.spent", property(lambda rounds: next(spent, 990.0)))
    outcome = search.run(here)
    assert outcome.final is None
    assert outcome.would_fit is not None
    assert outcome.would_fit > 1000
    assert points(outcome)[0][:4] == "gdfe"


def test_times_are_a_line_through_what_was_measured() -> None:
    assert line_through({2: 14.0, 10: 30.0}) == Line(10.0, 2.0)
    assert line_through({5: 20.0}).at(10) == 40, "too long rather than too short"
    assert line_through({1: 20.0, 5: 10.0}).at(10) == 10, "noise makes no training shorter"
    times = TrainingTimes({"x": {2: 14.0, 10: 30.0}, "y": {2: 28.0}}, {"x": 1e9, "z": 3e9})
    assert times.seconds("x", 10) == 30
    assert times.seconds("y", 10) == 60, "twice as long as x where both were measured"
    assert times.seconds("z", 10) == 10 + 3 * 20, "its share of the length grows with the multiply-adds"
    assert times.longest(["x", "y", "z"], 2, 10) == 130


# Going on after an interrupt


def test_a_search_goes_on_after_a_kill_with_the_same_records_and_choice(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float)
    noisy = {"spread": "20", "seeds_spread": "5"}
    whole = search_in(tmp_path / "whole", overrides=noisy).run(here)
    contest.write_text("")
    rounds = 0

    def killed(sweep: Sweep) -> str:
        nonlocal rounds
        rounds += 1
        if rounds == 2:
            sweep.run_shard(0, 2, "cpu")  # half of the trainings of the second round
            raise KeyboardInterrupt
        return here(sweep)

    with pytest.raises(KeyboardInterrupt):
        search_in(tmp_path / "killed", overrides=noisy).run(killed)
    begun = len(trainings(contest))
    assert begun == 8 + 2
    with_times(monkeypatch, lambda length: 64.0 if length == 64 else 500.0)  # what was planned stays as it was
    plan = search_in(tmp_path / "killed", overrides=noisy).plan()
    assert [rung.length for rung in plan.done] == [16]
    assert plan.schedule is not None
    assert plan.schedule.rungs[0].length == 32
    again = search_in(tmp_path / "killed", overrides=noisy).run(here)
    assert Counter(trainings(contest)).most_common(1)[0][1] == 1, "nothing is trained twice"

    def told(outcome: SearchOutcome) -> dict[str, Any]:
        def timeless(value: Any) -> Any:
            if isinstance(value, dict):
                return {k: timeless(v) for k, v in value.items() if "seconds" not in k and k != "results"}
            return [timeless(item) for item in value] if isinstance(value, list | tuple) else value

        return dict(timeless(outcome.to_plain()))

    assert told(again) == told(whole)


def test_trainings_that_run_elsewhere_end_the_command(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float)
    few = {"points": ("c", "d", "g"), "budget": "100s"}
    outcome = search_in(tmp_path, **few).run(lambda sweep: "3 jobs were submitted.")
    assert (outcome.submitted, outcome.final) == ("3 jobs were submitted.", None)
    assert search_in(tmp_path, **few).run(here).final is not None
    with pytest.raises(LnkitError, match="Some trainings have not ended"):
        search_in(tmp_path, seed=9).run(lambda sweep: "")


def test_a_damaged_file_of_the_search_is_a_sentence(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float)
    few = {"points": ("d", "g"), "budget": "100s"}
    search_in(tmp_path, **few).run(here)
    (file,) = (tmp_path / ".sweep").glob("halving-*.json")
    file.write_text('{"form": 1}')
    with pytest.raises(LnkitError, match="is damaged"):
        search_in(tmp_path, **few).run(here)
    file.unlink()
    count = len(trainings(contest))
    assert search_in(tmp_path, **few).run(here).final is not None
    assert len(trainings(contest)) == count


# What goes wrong


def test_collapsed_and_failed_trainings_lose_their_place(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float)
    outcome = search_in(tmp_path, overrides={"collapses": "g", "fails": "d"}).run(here)
    assert points(outcome) == ["fehcba", "hfec", "hf"]
    assert outcome.lost == {
        "tiny:g": "the training with seed 0 collapsed: the loss was nan at iteration 3",
        "tiny:d": "the training with seed 0 failed: d cannot be trained.",
    }
    assert Counter(trainings(contest))[("d", 16, 0)] == 2, "a failure is tried again, once"


def test_if_every_training_fails_the_search_does(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = search_in(tmp_path, overrides={"fails": "abcdefgh"})
    with pytest.raises(LnkitError, match="Every training failed or collapsed: tiny:a: the training with seed 0 failed"):
        search.run(here)
    with_times(monkeypatch, float)
    search = search_in(tmp_path / "2", overrides={"collapses": "abcdefgh"})
    with pytest.raises(LnkitError, match="Every training failed or collapsed: tiny:a: the training with seed 0 coll"):
        search.run(here)


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"points": ("a",)}, "Expected two loss networks or more to search among, got tiny:a alone"),
        ({"bench": "glance"}, "glance only measures"),
        (
            {"length": "seed"},
            "Expected a whole number of contest's protocol as the length .* such as iterations, .*'seed'",
        ),
        ({"overrides": {"iterations": "0"}}, "Expected iterations of 1 or more as the length of a training, got 0"),
        ({"backbones": ("tinny",)}, "Did you mean 'tiny'"),
        ({"sample": True, "data": Path()}, "give one of the two"),
        ({"weights": "file.pth", "backbones": ("tiny", "pixel")}, "Expected the file of each backbone as --weights"),
        ({"backbones": ()}, "Expected backbones to search among"),
        ({"budget": "soon"}, "Expected a budget such as"),
    ],
)
def test_wrong_options_are_sentences(contest: Path, tmp_path: Path, changes: dict[str, Any], sentence: str) -> None:
    options = TrainingSearchOptions("contest", ("tiny",), budget="1h", results=tmp_path)
    with pytest.raises(UsageError, match=sentence):
        HalvingSearch(replace(options, **changes))


# The result


def test_halves_share_no_item_and_are_the_same_for_every_training() -> None:
    arrays = {"x/value": np.arange(41), "x/other": np.arange(41) * 2, "few": np.arange(3)}
    by, confirming = (half_of(arrays, confirming) for confirming in (False, True))
    assert len(by["x/value"]) == 20
    assert sorted([*by["x/value"], *confirming["x/value"]]) == list(range(41))
    assert (by["x/other"] == 2 * by["x/value"]).all()
    assert (by["few"] == confirming["few"]).all()
    assert (half_of({"x/value": np.arange(41) + 7}, confirming=False)["x/value"] == by["x/value"] + 7).all()


def test_the_choice_is_by_one_half_and_the_scores_by_the_other(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_times(monkeypatch, float)
    search = search_in(tmp_path, overrides={"spread": "30"})
    outcome = search.run(here)
    assert outcome.is_split
    assert outcome.final is not None
    last = outcome.rungs[-1]
    row = outcome.final.rows[0]
    runs = last.trainings[outcome.final.chosen]
    halves = [half_of(search.results.arrays(run.record), confirming=True)["quality"] for run in runs]
    assert row.mean == pytest.approx(np.mean([half.mean() for half in halves]))
    assert row.sd == pytest.approx(np.std([half.mean() for half in halves], ddof=1))
    assert row.mean != pytest.approx(np.mean([run.record.scores["quality"].value for run in runs]))


@pytest.mark.parametrize(("bench", "over_items"), [("contest", True), ("unscored", False)])
def test_seeds_tell_apart_what_differs_and_nothing_else(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bench: str, over_items: bool
) -> None:
    with_times(monkeypatch, float, (5,))
    verdicts = []
    for spread, name in ((1.0, "little"), (400.0, "much")):
        changes = {"spread": "1", "seeds_spread": str(spread)}
        outcome = search_in(tmp_path / name, bench=bench, overrides=changes, points=("d", "g")).run(here)
        assert outcome.final is not None
        assert outcome.final.over_items is over_items is outcome.is_split
        verdicts += outcome.final.verdicts.values()
    assert verdicts == [WORSE, NOT_TOLD_APART]
    assert MIXED not in verdicts


def test_mean_ranks_follow_the_direction_of_each_score() -> None:
    scores = {"a": {"psnr": 20.0, "error": 3.0}, "b": {"psnr": 30.0, "error": 2.0}, "c": {"psnr": 25.0, "error": 1.0}}
    assert mean_ranks(scores, {"psnr": True, "error": False}) == {"a": 3.0, "b": 1.5, "c": 1.5}


def test_short_trainings_and_measured_scores_are_judged_as_predictors(
    contest: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(RunRequest("tiny", bench="glance", results=tmp_path, device="cpu"), default_registry())
    with_times(monkeypatch, float)
    outcome = search_in(tmp_path).run(here)
    told = {(one.proxy.partition("@")[0], one.target): one for one in outcome.predictions}
    assert list(told) == [
        ("glance/paper", "16 iterations"),
        ("glance/paper", "32 iterations"),
        ("16 iterations", "32 iterations"),
        ("glance/paper", "64 iterations, last"),
        ("16 iterations", "64 iterations, last"),
        ("32 iterations", "64 iterations, last"),
    ]
    starts = np.array([10, 20, 30, 40, 50, 60, 70, 5])
    confirmed = starts + np.array([0, 0, 0, 90, 0, 0, 0, 150]) / 4
    first = told[("glance/paper", "16 iterations")]
    assert (first.n, first.spearman) == (8, pytest.approx(spearmanr(starts, confirmed).statistic))
    assert told[("16 iterations", "32 iterations")].n == 4
    last = told[("32 iterations", "64 iterations, last")]
    assert (last.n, last.verdict, last.note) == (2, "cannot tell", "fewer than 3 pairs")
