"""`lnkit eval` with several benchmarks: what it checks first, what it shows, and what a failure stops."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from lnkit.cli import run
from lnkit.distances.comparer import ImageComparer
from lnkit.errors import DataError
from lnkit.results.folder import ResultsFolder

Capture = pytest.CaptureFixture[str]

BOTH = ["eval", "--backbone", "pixel", "--sample", "--bench", "bapps", "--bench", "tid2013"]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results folder of the test."""
    return tmp_path / "results"


def benchmarks_of(results: Path) -> list[str]:
    return sorted(record.key.benchmark for record in ResultsFolder(results).load()[0])


def test_every_benchmark_has_a_block_and_a_record(results: Path, capsys: Capture) -> None:
    assert run([*BOTH, "--bench", "bapps"]) == 0
    out = capsys.readouterr().out
    titles = [line for line in out.splitlines() if ", protocol " in line]
    assert titles == ["bapps, protocol paper, SAMPLE DATA", "tid2013, protocol native, SAMPLE DATA"]
    assert benchmarks_of(results) == ["bapps", "tid2013"]
    assert run([*BOTH, "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [record["key"]["benchmark"] for record in listed] == ["bapps", "tid2013"]
    assert all(record["reused"] for record in listed)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--set", "parts=2afc"], "--bench tid2013: The protocol of 'tid2013' has no field 'parts'"),
        (["--protocol", "reference"], "--bench tid2013: Benchmark 'tid2013' has no protocol 'reference'"),
        (["--seeds", "3"], "--bench bapps: bapps only measures"),
        (["--bench", "tid20133"], "No benchmark is called 'tid20133'. Did you mean 'tid2013' or 'tid2008'?"),
        (["--point", "imag"], "Did you mean 'image'"),
        (["--backbone", "alexnt"], "Did you mean 'alexnet'"),
        (["--device", "tpu"], "device 'tpu'"),
    ],
)
def test_what_one_of_them_does_not_take_is_refused_before_anything_runs(
    options: list[str], says: str, results: Path, capsys: Capture
) -> None:
    assert run([*BOTH, *options]) == 2
    captured = capsys.readouterr()
    assert says in captured.err
    assert captured.out == ""
    assert benchmarks_of(results) == []


def test_an_option_of_one_benchmark_is_refused_with_the_way_on(results: Path, capsys: Capture) -> None:
    assert run([*BOTH, "--set", "parts=2afc"]) == 2
    assert "run bapps and tid2013 in commands of their own" in capsys.readouterr().err
    assert run([*BOTH[:3], *BOTH[4:], "--data", "."]) == 2
    assert "--data names the data of one benchmark, got bapps and tid2013" in capsys.readouterr().err


def test_one_failing_benchmark_does_not_stop_the_others(
    results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(*_: Any, **__: Any) -> None:
        raise DataError("No data.")

    monkeypatch.setattr("lnkit_bapps.data.open_data", missing)
    assert run(BOTH) == 1
    captured = capsys.readouterr()
    assert "Warning: pixel on bapps: No data." in captured.err
    assert "tid2013, protocol native" in captured.out
    assert benchmarks_of(results) == ["tid2013"]


def test_after_an_interrupt_only_the_rest_runs(results: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    real, stop = ImageComparer.compare, True

    def interrupted(self: ImageComparer, *images: Any, **options: Any) -> Any:
        if stop and benchmarks_of(results):  # bapps is done
            signal.raise_signal(signal.SIGINT)
        return real(self, *images, **options)

    monkeypatch.setattr(ImageComparer, "compare", interrupted)
    assert run(BOTH) == 130
    assert benchmarks_of(results) == ["bapps"]
    capsys.readouterr()
    stop = False
    assert run([*BOTH, "--json"]) == 0
    assert [record["reused"] for record in json.loads(capsys.readouterr().out)] == [True, False]
