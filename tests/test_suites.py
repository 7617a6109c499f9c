"""Suites: what a plugin may register, which benchmarks run, the one table, and every wrong request as a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import pytest
from fakeplugins import FakePlugins, fake_plugins

import lnkit
from lnkit.cli import _output as output, run
from lnkit.errors import DataError, PluginError, UnknownNameError, UsageError
from lnkit.plugins.load import default_registry, load_registry
from lnkit.results.folder import ResultsFolder
from lnkit.sweep import plan as plan_sweep, read_study
from lnkit.testing import collect

__all__ = ["fake_plugins"]

Capture = pytest.CaptureFixture[str]

BENCHMARKS = """
    from dataclasses import dataclass

    import lnkit


    @dataclass(frozen=True)
    class Protocol:
        step: int = 1


    def open_data(facts):
        folder = facts.data or facts.cache / "datasets" / "first"
        value = 0.5 if facts.sample else float((folder / "value.txt").read_text())
        return lnkit.BenchmarkData(value, {"value": f"{value:064.5f}"})


    def run(context, data):
        return {
            network: lnkit.Outcome({"srcc": lnkit.Score(data.content), "other": lnkit.Score(0.1)})
            for network in context.networks
        }


    def benchmark(name, variants=("paper",), scores=("srcc", "other"), **more):
        return lnkit.BenchmarkSpec(
            name=name, title=name, version="1", citation="", protocols=dict.fromkeys(variants, Protocol()),
            scores=tuple(lnkit.ScoreSpec(score, "a score", primary=score == "srcc") for score in scores),
            open_data=open_data, run=run, **more,
        )


    FILES = (lnkit.RemoteFile("https://example.org/first.zip", size=2_000_000),)


    @lnkit.hookimpl
    def register_benchmark(register):
        data = lnkit.DatasetSpec("first", "First", FILES, "none")
        form = lnkit.DatasetSpec("fourth", "Fourth", (), "none", homepage="https://example.org/form")
        register(benchmark("first", ("paper", "small"), datasets=(data,)))
        register(benchmark("second"), benchmark("third", scores=("other",)), benchmark("fourth", datasets=(form,)))


    @lnkit.hookimpl
    def register_suite(register):
        names = ("first", "second", "third", "fourth", "absent")
        folders = {"second": ("Second_release2",)}
        register(lnkit.SuiteSpec("all4", "four of them", names, "srcc", folders))
"""
SUITE = """
    import lnkit

    @lnkit.hookimpl
    def register_suite(register):
        register({})
"""
EVAL = ["eval", "--backbone", "pixel", "--bench"]


@pytest.fixture
def sets(fake_plugins: FakePlugins, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A plugin with a suite, and a folder with data of two of its benchmarks, in another case."""
    fake_plugins.add("fake_sets", BENCHMARKS)
    default_registry.cache_clear()
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("LNKIT_RESULTS", str(tmp_path / "results"))
    for name, value in (("FIRST", 0.25), ("second_RELEASE2", 0.75)):
        (tmp_path / "data" / name).mkdir(parents=True)
        (tmp_path / "data" / name / "value.txt").write_text(str(value))
    return tmp_path / "data"


def benchmarks_run(results: Path) -> list[str]:
    return sorted(record.key.benchmark for record in ResultsFolder(results).load()[0])


def test_one_table_of_what_is_there(sets: Path, capsys: Capture) -> None:
    assert run([*EVAL, "all4", "--data", str(sets)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == [
        "all4: srcc of pixel, protocol paper",
        "point  first   second  mean of 2 sets",
        "image  0.2500  0.7500  0.5000",
    ]
    assert [line for line in lines if line.startswith("Left out")] == [
        "Left out: third: has no score srcc",
        "Left out: fourth: from https://example.org/form, as fourth in --data DIR",
        "Left out: absent: no installed plugin provides this benchmark",
    ]
    assert benchmarks_run(sets.parent / "results") == ["first", "second"]


def test_data_in_the_cache_count_too(sets: Path, capsys: Capture) -> None:
    cached = sets.parent / "cache" / "datasets" / "first"
    cached.mkdir(parents=True)
    (cached / "value.txt").write_text("0.125")
    assert run([*EVAL, "all4"]) == 0
    out = capsys.readouterr().out
    assert "point  first\nimage  0.1250\n" in out, "a mean of one set would say nothing"
    assert "Left out: second: as Second_release2 in --data DIR" in out


def test_json_has_the_table_and_the_records(sets: Path, capsys: Capture) -> None:
    assert run([*EVAL, "all4", "--data", str(sets), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (suite,) = found["suites"]
    assert (suite["name"], suite["score"], suite["sets"]) == ("all4", "srcc", ["first", "second"])
    assert suite["values"] == {"pixel:image": {"first": 0.25, "second": 0.75}}
    assert suite["means"] == {"pixel:image": 0.5}
    assert set(suite["left_out"]) == {"third", "fourth", "absent"}
    assert [record["key"]["benchmark"] for record in found["runs"]] == ["first", "second"]


def test_signatures_shows_all_scores_too(sets: Path, capsys: Capture) -> None:
    assert run([*EVAL, "all4", "--data", str(sets), "--bench", "bapps"]) == 2
    assert run([*EVAL, "all4", "--data", str(sets), "--signatures"]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if ", protocol " in line]
    assert titles == ["all4: srcc of pixel, protocol paper", "first, protocol paper", "second, protocol paper"]


def test_other_benchmarks_have_blocks_of_their_own(sets: Path, capsys: Capture) -> None:
    assert run([*EVAL, "bapps", "--bench", "all4", "--sample"]) == 0
    titles = [line for line in capsys.readouterr().out.splitlines() if ", protocol " in line]
    assert titles == ["all4: srcc of pixel, protocol paper, SAMPLE DATA", "bapps, protocol paper, SAMPLE DATA"]


def test_a_set_that_fails_stops_no_other(sets: Path, capsys: Capture) -> None:
    (sets / "FIRST" / "value.txt").write_text("none")
    assert run([*EVAL, "all4", "--data", str(sets)]) == 1
    shown = capsys.readouterr()
    assert "pixel on first: " in shown.err
    assert "point  second\nimage  0.7500\n" in shown.out


def test_loss_networks_with_other_sets_have_no_mean(sets: Path) -> None:
    from lnkit.evaluation.suites import suite_table

    both = lnkit.evaluate("pixel", bench="all4", data=sets)
    one = lnkit.evaluate("bce", bench="first", data=sets / "FIRST")
    assert [finished.record.key.benchmark for finished in both] == ["first", "second"]
    table = suite_table(default_registry().suites["all4"], [finished.record for finished in [*both, *one]])
    assert table.means == {"pixel:image": 0.5}
    assert table.values["bce:alone"] == {"first": 0.25}


def test_one_member_is_a_run_of_that_benchmark(sets: Path, capsys: Capture) -> None:
    assert run([*EVAL, "all4/second", "--data", str(sets)]) == 0
    assert "second, protocol paper" in capsys.readouterr().out
    assert run([*EVAL, "all4/first", "--data", str(sets / "FIRST")]) == 0, "its own folder is taken as it is"
    assert benchmarks_run(sets.parent / "results") == ["first", "second"]
    (again,) = lnkit.evaluate("pixel", bench="all4/second", data=sets)
    assert again.reused


@pytest.mark.parametrize(
    ("options", "code", "says"),
    [
        (["all4/secnd"], 2, "has no benchmark 'secnd'. Did you mean 'all4/second'? It has: first, second"),
        (["all4/absent"], 2, "names the benchmark 'absent', which no installed plugin provides"),
        (["al4"], 2, "No benchmark is called 'al4'. Did you mean 'all4'?"),
        (["all4", "--protocol", "papr"], 2, "has a protocol 'papr'; they have: paper, small. Did you mean 'paper'?"),
        (["all4"], 1, "in the cache, got none. first: `lnkit data fetch first` (2.0 MB); second: as Second_release2"),
        (["all4", "--data", "no/such"], 2, "which is no such folder"),
        (["all4/first", "--data", "no/such"], 2, "which is no such folder"),
        (["all4", "--data", "{data}", "--bench", "bapps"], 2, "--data names the data of one benchmark"),
    ],
)
def test_wrong_requests_are_sentences(options: list[str], code: int, says: str, sets: Path, capsys: Capture) -> None:
    assert run([*EVAL, *(option.format(data=sets) for option in options)]) == code
    assert says in " ".join(capsys.readouterr().err.split())


def test_a_member_without_the_protocol_is_left_out(sets: Path, capsys: Capture) -> None:
    assert run([*EVAL, "all4", "--data", str(sets), "--protocol", "small"]) == 0
    assert "Left out: second, third, fourth: has no protocol small; it has paper" in capsys.readouterr().out


def test_two_folders_of_one_set_are_refused(sets: Path) -> None:
    (sets / "Second").mkdir()
    with pytest.raises(DataError, match=r"one folder with the data of second in .* got Second and second_RELEASE2"):
        lnkit.evaluate("pixel", bench="all4", data=sets)


def test_an_unreadable_folder_is_a_sentence(sets: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    def refuse(_: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "iterdir", refuse)
    assert run([*EVAL, "all4", "--data", str(sets)]) == 1
    assert "(Permission denied). Check its permissions." in " ".join(capsys.readouterr().err.split())


def test_a_study_names_benchmarks_one_by_one(sets: Path) -> None:
    study = sets / "study.toml"
    study.write_text(f'backbones = "pixel"\n[[bench]]\nname = "all4"\ndata = "{sets}"\n')
    with pytest.raises(UsageError, match="line 3: Expected one benchmark, got the suite 'all4': name one or more of"):
        plan_sweep(read_study(study))


def test_it_is_listed(sets: Path, capsys: Capture) -> None:
    assert run(["list-benchmarks"]) == 0
    assert "all4   four of them   srcc   first, second, third, fourth\n" in capsys.readouterr().out
    assert run(["list-benchmarks", "--json"]) == 0
    facts = {fact["name"]: fact["suites"] for fact in json.loads(capsys.readouterr().out)}
    assert (facts["second"], facts["bapps"]) == ({"all4": "srcc"}, {})


def test_a_narrow_terminal_keeps_the_mean(sets: Path, monkeypatch: pytest.MonkeyPatch, capsys: Capture) -> None:
    monkeypatch.setattr(output, "is_terminal", lambda stream: True)
    for columns, left_out in ((34, 0), (22, 1)):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert run([*EVAL, "all4", "--data", str(sets)]) == 0
        lines = click.unstyle(capsys.readouterr().out).splitlines()
        table = lines[lines.index(next(line for line in lines if line.startswith("point"))) :]
        assert "mean" in table[0]
        assert " ".join(table).count("left out: second;") == left_out
        assert all(len(line) <= columns for line in table[:5])


def test_conformance_names_members_without_the_score(sets: Path) -> None:
    results = [case.run() for case in collect("fake_sets") if case.title.startswith("suite")]
    assert [(result.state, "third has no score 'srcc'" in result.message) for result in results] == [
        ("passed", False),
        ("failed", True),
    ]


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ('lnkit.SuiteSpec("bapps", "x", ("nights",), "2afc")', "The suite 'bapps' has the name of a benchmark"),
        ('lnkit.SuiteSpec("a/b", "x", ("bapps",), "2afc")', "name must be without a slash"),
        ('lnkit.SuiteSpec("a", "x", (), "2afc")', "benchmarks must be a tuple of names of benchmarks, at least one"),
        ('lnkit.SuiteSpec("a", "x", ["bapps"], "2afc")', "benchmarks must be a tuple of names of benchmarks, got"),
        ('lnkit.SuiteSpec("a", "x", ("bapps", "bapps"), "2afc")', "benchmarks must be different from each other"),
        ('lnkit.SuiteSpec("a", "x", ("bapps",), "")', "score must be a text that is not empty"),
        ('lnkit.SuiteSpec("a", "x", ("bapps",), "2afc", {"b": ("x",)})', "folders must be folders of its benchmarks"),
        ('lnkit.SuiteSpec("a", "x", ("bapps",), "2afc", {"bapps": "x"})', "folders must be a mapping from benchmarks"),
        ('lnkit.SuiteSpec("a", "x\\x1b[2J", ("bapps",), "2afc")', "title must be a text"),
        ('lnkit.SuiteSpec("all", "x", ("bapps",), "2afc")', "'all'"),
        ('"iqa"', "register expected a SuiteSpec, got str"),
    ],
)
def test_wrong_suites_are_refused(spec: str, says: str, fake_plugins: FakePlugins) -> None:
    fake_plugins.add("fake_suite", SUITE.format(spec))
    with pytest.raises(PluginError, match="fake_suite") as error:
        load_registry(strict=True, only=["fake_suite"])
    assert says in str(error.value)


def test_registered_twice_is_an_error_of_the_second(fake_plugins: FakePlugins) -> None:
    for name in ("fake_one", "fake_two"):
        fake_plugins.add(name, SUITE.format('lnkit.SuiteSpec("mine", "x", ("bapps",), "2afc")'))
    registry: Any = load_registry(only=["fake_one", "fake_two"])
    assert [failure.plugin for failure in registry.failures] == ["fake_two"]
    assert registry.benchmark("mine/bapps").name == "bapps"
    with pytest.raises(UnknownNameError, match="no benchmark 'bap'"):
        registry.benchmark("mine/bap")
