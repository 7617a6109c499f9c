"""`lnkit search`, as a user runs it, on the samples."""

from __future__ import annotations

import json
import tomllib

import numpy as np
import pytest

from lnkit.cli import run
from lnkit.cli._search_sweep import words_of_measuring
from lnkit.cli.search import search as command
from lnkit.losses.toml import read_loss
from lnkit.results.folder import ResultsFolder
from lnkit.search.choice import Combination
from lnkit.search.judgments import read_judgments

QUICK = ["--point", "features.3*", "--point", "early", "--point", "mid", "--samples", "20"]
SEARCH = ["search", "--backbone", "squeezenet1_1", "--weights", "random", "--sample", *QUICK]


def facts(capsys, results, *words):
    assert run([*SEARCH, "--results", str(results), "--json", *words]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """The folder in which a search has measured everything; those of the tests only choose."""
    folder = tmp_path_factory.mktemp("results")
    assert run([*SEARCH, "--results", str(folder), "--json"]) == 0
    return folder


def test_it_says_what_was_chosen_on_what_and_whether_that_is_better(capsys, results):
    assert run([*SEARCH, "--results", str(results)]) == 0
    printed = capsys.readouterr()
    assert "125 to choose on, 125 to confirm" in printed.out
    assert "Choice: squeezenet1_1:" in printed.out
    assert "semi_early" in printed.out, "a standard point that no pattern names"
    assert "candidates were tried" in printed.out
    assert "SAMPLE DATA" in printed.err
    assert "1 pass over the data" in printed.err


def test_the_same_command_again_measures_nothing_and_says_the_same(capsys, results, monkeypatch):
    first = facts(capsys, results)
    monkeypatch.setattr("lnkit.evaluation.runner._Runner.run_group", None)  # would fail if it were called
    assert facts(capsys, results) == first


def test_scores_are_those_of_the_records(capsys, results):
    found = facts(capsys, results)
    records, damaged = ResultsFolder(results).load()
    assert not damaged
    stored = {f"{record.loss_network}, spatial": record.scores["2afc"].value for record in records}
    assert set(stored) == {one["loss"] for one in found["all_candidates"]}
    for one in found["all_candidates"]:  # both parts have 125 triplets of one family
        assert (one["development"] + one["confirmation"]) / 2 == pytest.approx(stored[one["loss"]])


def test_a_choice_does_not_depend_on_the_batch_size(capsys, results, tmp_path):
    assert facts(capsys, results) == facts(capsys, tmp_path / "b", "--batch-size", "7")


def test_other_seeds_split_otherwise(capsys, results):
    first, second = facts(capsys, results), facts(capsys, results, "--seed", "1")
    assert first["all_candidates"] != second["all_candidates"]


@pytest.mark.parametrize("weights", ["equal", "nonnegative"])
def test_the_loss_that_is_written_is_read_by_eval_with_its_evidence_inside(capsys, results, tmp_path, weights):
    file = tmp_path / "best.toml"
    found = facts(capsys, results, "--combine", "2", "--weights", weights, "--output", str(file))
    assert str(read_loss(file)) == found["recommended"]
    evidence = tomllib.loads(file.read_text())["evidence"]
    assert evidence["candidates"] == found["candidates"]
    assert evidence["verdict"] == found["verdict"]
    assert len(evidence["standard_points"]) == 4
    assert run(["eval", "--loss", str(file), "--weights", "random", "--sample", "--results", str(results)]) == 0


def test_a_mixture_scores_in_eval_what_it_scored_in_the_search(capsys, results, tmp_path):
    file = tmp_path / "mix.toml"
    file.write_text('[[term]]\nbackbone = "squeezenet1_1"\npoints = {early = 1, mid = 0.25}\ndistance = "spatial"\n')
    found = facts(capsys, results)
    assert found["candidates"] > 2
    folder = ResultsFolder(results)
    arrays = {next(iter(r.key.points)): folder.arrays(r) for r in folder.load()[0]}
    judgments, distances = read_judgments([arrays["early"], arrays["mid"]], "bapps", {})
    mixed = Combination(((0, 1.0), (1, 0.25))).distances(distances)
    expected = judgments.scores(judgments.qualities(mixed), np.ones((1, 250)))[0, 0]
    words = ["--loss", str(file), "--weights", "random", "--sample", "--results", str(results), "--json"]
    assert run(["eval", *words]) == 0
    (record,) = json.loads(capsys.readouterr().out)
    assert record["scores"]["2afc"]["value"] == pytest.approx(expected, abs=1e-12)


def test_two_backbones_can_be_mixed(capsys, results):
    found = facts(capsys, results, "--backbone", "alexnet", "--combine", "2")
    assert {one["loss"].split(":")[0] for one in found["all_candidates"]} == {"squeezenet1_1", "alexnet"}


def test_a_plan_measures_nothing(capsys, tmp_path):
    assert run([*SEARCH, "--results", str(tmp_path / "r"), "--plan", "--distance", "spatial,l1"]) == 0
    assert "2 passes over the data" in capsys.readouterr().out
    assert not (tmp_path / "r").exists()


def test_the_loss_is_scored_on_another_benchmark(capsys, results):
    found = facts(capsys, results, "--transfer", "nights")
    (moved,) = found["transfer"]
    assert moved["benchmark"] == "nights"
    assert found["choice"] in moved["losses"]


def test_a_figure_shows_all_candidates(capsys, results, tmp_path):
    pytest.importorskip("altair")
    facts(capsys, results, "--figure", str(tmp_path / "front.json"))
    drawn = json.loads((tmp_path / "front.json").read_text())
    assert "SAMPLE DATA" in json.dumps(drawn["title"])


def test_tasks_of_a_sweep_measure_what_the_command_names_and_choose_nothing():
    given = [
        "--backbone",
        "pixel",
        "--backbone",
        "bce",
        "--sample",
        "--point",
        "a*",
        "--distance",
        "l1",
        "--combine",
        "3",
    ]
    with command.make_context(
        "search", [*given, "--set", "per_family=5", "--device", "cpu,cpu", "-o", "x.toml"]
    ) as context:
        words = words_of_measuring(context)
    assert words == ["--point", "a*", "--distance", "l1", "--set", "per_family=5", "--sample"]


@pytest.mark.exhaustive
def test_several_devices_measure_a_backbone_each_and_the_choice_is_the_same(capsys, tmp_path):
    both = ["--backbone", "alexnet", "--point", "features.0", "--device"]
    assert facts(capsys, tmp_path / "a", *both, "cpu,cpu") == facts(capsys, tmp_path / "b", *both, "cpu")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--bench", "bapp"], "No benchmark is called 'bapp'"),
        (["--distance", "spatail"], "spatail"),
        (["--macs-below", "1"], "No node is left"),
        (["--weights", "equal", "--weights", "nonnegative"], "one kind of weights"),
        (["--folds", "1"], "2 or more folds"),
        (["--share", "1"], "between 0 and 1"),
        (["--share", "0.001"], "independent items"),
        (["--bench", "similarity_matrix"], "people's judgments of single items"),
        (["--transfer", "superres"], "lnkit eval"),
        (["--budget", "1h"], "leave out --budget"),
        (["--bench", "autoencoder"], "leave out --samples"),
        (["--bench", "iqa"], "Expected one benchmark, got the suite"),
        (["--data", "."], "give one of the two"),
        (["--output", "no/such/folder/x.toml"], "no/such/folder"),
        (["--figure", "x.gif"], "ends with one of"),
    ],
)
def test_wrong_use_is_a_sentence(capsys, results, words, says):
    assert run([*SEARCH, "--results", str(results), *words]) in (1, 2)
    printed = capsys.readouterr()
    assert says in printed.err
    assert "Traceback" not in printed.err
