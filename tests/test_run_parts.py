"""Runs that are killed between the records of a group, and how long runs took over all of their commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lnkit.cli import run
from lnkit.evaluation.run_clock import ClockedProgress, RunClock
from lnkit.progress import SilentProgress
from lnkit.results import part_store
from lnkit.results.folder import ResultsFolder
from lnkit.results.part_store import FolderPartStore

Capture = pytest.CaptureFixture[str]
GROUP = ["eval", "--backbone", "squeezenet1_1", "--weights", "random", "--point", "early,mid", "--sample", "--json"]
GROUP += ["--set", "per_family=4", "--set", "resamples=10"]


class KilledError(Exception):
    pass


def test_a_run_that_is_killed_between_its_records_goes_on_from_its_parts(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ["--results", str(tmp_path / "whole")]
    assert run([*GROUP, *whole]) == 0
    expected = {record["id"]: record["scores"] for record in json.loads(capsys.readouterr().out)}
    results, write = tmp_path / "killed", ResultsFolder.write

    def once(self: ResultsFolder, *arguments: Any, **options: Any) -> Path:
        if self.load()[0]:
            raise KilledError
        return write(self, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ResultsFolder, "write", once)
        run([*GROUP, "--results", str(results)])
    capsys.readouterr()
    (kept,) = ResultsFolder(results).load()[0]
    parts = {path: path.stat().st_mtime_ns for path in results.glob(".parts/*/*.npz")}
    assert parts
    with monkeypatch.context() as patch:
        patch.setattr(part_store, "write_arrays", lambda *_: pytest.fail("a finished part was made again"))
        assert run([*GROUP, "--results", str(results)]) == 0
    records = json.loads(capsys.readouterr().out)
    assert {record["id"]: record["scores"] for record in records} == expected
    assert {record["id"]: record["reused"] for record in records} == {name: name == kept.id for name in expected}
    assert ResultsFolder(results).find(kept.key) == kept
    assert not list((results / ".parts").iterdir())


def test_parts_of_a_run_that_was_killed_at_its_very_end_are_removed_by_the_next(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(FolderPartStore, "finish", lambda _: None)
        assert run([*GROUP, "--results", str(tmp_path)]) == 0
    assert list(tmp_path.glob(".parts/*/*.npz"))
    assert run([*GROUP, "--results", str(tmp_path)]) == 0
    assert not list((tmp_path / ".parts").iterdir())


def test_parts_that_the_same_run_removes_elsewhere_are_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, touch, made = FolderPartStore(tmp_path / "0123"), Path.touch, list[Path]()

    def late(path: Path) -> None:
        made.append(path)
        if len(made) == 1:
            parts.clear()  # by another process, which has just ended
        touch(path)

    monkeypatch.setattr(Path, "touch", late)
    with parts.in_use(["run"]):
        assert parts.get_or_compute("a", lambda: {"x": np.ones(1)})["x"] == 1
        assert len(made) == 2


def test_the_seconds_of_all_commands_are_summed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    parts = FolderPartStore(tmp_path / "0123")
    clock = RunClock(parts, 90.0)
    with parts.in_use(["run"]):
        parts.get_or_compute("a", lambda: {"x": np.ones(1)})
        now = 130.0
        assert clock.seconds == 40.0
        clock.__exit__(KilledError, KilledError(), None)  # however it ends
    now = 1000.0
    with parts.in_use(["run"]), RunClock(parts, 995.0) as clock:
        assert clock.seconds == 45.0


def test_a_kill_loses_ten_seconds_of_the_duration_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    parts = FolderPartStore(tmp_path / "0123")
    with parts.in_use(["run"]):
        clock = RunClock(parts, 100.0)
        with ClockedProgress(SilentProgress(), clock).task("work") as advance:
            for now in (104.0, 111.0, 117.0):  # noqa: B007 - what the clock reads
                advance(1)
        assert parts.seconds == 11.0
    assert not parts.path.exists(), "there is nothing to resume"


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"seconds": "long"}', '{"seconds": -1.0}', '{"seconds": NaN}', '{"records": 3}']
)
def test_damaged_facts_of_parts_are_passed_over(content: str, tmp_path: Path) -> None:
    parts = FolderPartStore(tmp_path / "0123")
    parts.path.mkdir()
    (parts.path / "run.json").write_text(content)
    assert parts.seconds == 0.0
    parts.get_or_compute("a", lambda: {"x": np.ones(1)})
    assert not parts.is_abandoned(lambda _: True)
    with parts.in_use(["run"]):
        assert json.loads((parts.path / "run.json").read_text()) == {"records": ["run"], "seconds": 0.0}
