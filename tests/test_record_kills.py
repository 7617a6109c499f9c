"""Records are there, whole, at every moment: under kills, full disks and several writers, on any file system."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from helpers import make_record
from kill_at_event import BORNE, FAILED, at_every_event, until_event

import lnkit.data.atomic
from lnkit.results.editions import ReplacedError
from lnkit.results.folder import ResultsFolder

OLD, NEW = make_record(0.7, files=("distances.npz", "a/b.txt")), make_record(0.8, files=("distances.npz", "a/b.txt"))


def content(value: float) -> dict[str, np.ndarray]:
    return {"2afc/cnn/d0": np.full(3, value), "2afc/cnn/judge": np.ones(3)}


def write(results: Path, value: float, *, replace: bool = False) -> None:
    source = results.parent / f"{value}-{os.getpid()}.txt"  # of one writer alone
    source.write_text(str(value))
    ResultsFolder(results).write({0.7: OLD, 0.8: NEW}[value], content(value), {"a/b.txt": source}, replace=replace)


def stored_value(results: Path) -> float:
    """The score of the one record, whose arrays and files must be of the same writing."""
    folder = ResultsFolder(results)
    (record,), damaged = folder.load()
    assert not damaged
    value = record.scores["2afc"].value
    assert folder.find(record.key) == record
    assert folder.arrays(record)["2afc/cnn/d0"].tolist() == [value] * 3
    assert (folder.folder_of(record) / "a" / "b.txt").read_text() == str(value)
    return value


@pytest.fixture(autouse=True)
def quick_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here."""
    monkeypatch.setattr(os, "fsync", lambda _descriptor: None)


@pytest.fixture(params=["exchange", "no exchange"])
def system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A file system that exchanges two folders in one step, where this one can, and one that cannot, such as NFS."""
    if request.param == "no exchange":
        monkeypatch.setattr(lnkit.data.atomic, "_exchange_call", lambda: lambda _first, _second: errno.EINVAL)
    return str(request.param)


def leftovers(results: Path) -> list[str]:
    return [str(path.relative_to(results)) for path in results.rglob("*") if path.name.startswith((".new-", "new-"))]


@pytest.mark.usefixtures("system")
def test_a_kill_while_a_record_is_replaced_loses_nothing(tmp_path: Path) -> None:
    seen = set()

    def check(results: Path) -> None:
        seen.add(stored_value(results))
        ResultsFolder(results).clear_leftovers([OLD.id])
        assert not leftovers(results)
        assert sorted(path.name for path in results.iterdir()) == [".parts", OLD.id]
        write(results, 0.7, replace=True)  # the next writer goes on from whatever the kill left
        assert stored_value(results) == 0.7
        assert len(list((results / OLD.id).rglob("result.json"))) == 1

    kills = at_every_event(
        tmp_path, lambda results: write(results, 0.7), lambda results: write(results, 0.8, replace=True), check
    )
    assert kills > 10
    assert seen == {0.7, 0.8}


def test_a_kill_while_a_record_is_written_leaves_all_of_it_or_nothing(tmp_path: Path) -> None:
    seen = set()

    def check(results: Path) -> None:
        records, damaged = ResultsFolder(results).load()
        assert not damaged
        seen.add(len(records))
        assert not records or stored_value(results) == 0.7
        ResultsFolder(results).clear_leftovers([OLD.id])
        assert not leftovers(results)
        write(results, 0.7)
        assert stored_value(results) == 0.7

    assert at_every_event(tmp_path, lambda _: None, lambda results: write(results, 0.7), check) > 8
    assert seen == {0, 1}


@pytest.mark.usefixtures("system")
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES])
def test_a_disk_that_fails_at_any_step_loses_nothing(tmp_path: Path, error: int) -> None:
    codes = []
    for number in range(1, 1000):
        results = tmp_path / str(number)
        write(results, 0.7)
        codes.append(until_event(number, results, lambda: write(results, 0.8, replace=True), error))  # noqa: B023
        assert codes[-1] in {0, FAILED, BORNE}
        value = stored_value(results)
        assert value == 0.8 or codes[-1] == FAILED
        ResultsFolder(results).clear_leftovers([OLD.id])
        assert not leftovers(results)
        if codes[-1] == 0:
            break
    assert codes.count(FAILED) > 8


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EROFS])
def test_a_disk_that_fails_at_any_step_leaves_nothing_half_written(tmp_path: Path, error: int) -> None:
    for number in range(1, 1000):
        results = tmp_path / str(number)
        code = until_event(number, results, lambda: write(results, 0.7), error)  # noqa: B023 - at once
        assert code in {0, FAILED, BORNE}
        records, damaged = ResultsFolder(results).load()
        assert not damaged
        assert not records or stored_value(results) == 0.7
        assert not leftovers(results) or code == BORNE
        if code == 0:
            assert number > 8
            return


def race(results: Path, reads: int, *, writers: int = 3) -> list[int]:
    """Replace one record from several processes until this one has read it so often; return their exit codes."""
    write(results, 0.8)
    write(results, 0.7, replace=True)
    enough = results.with_name("enough")
    children = []
    for number in range(writers):
        child = os.fork()
        if child == 0:
            code = 1
            try:
                while not enough.exists():
                    write(results, (0.7, 0.8)[number % 2], replace=True)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    try:
        for _ in range(reads):
            folder = ResultsFolder(results)
            (record,), damaged = folder.load()
            assert not damaged
            found = folder.find(record.key)
            assert found is not None
            with suppress(ReplacedError):  # of another edition than the record, which is said and never mixed
                assert folder.arrays(found)["2afc/cnn/d0"].tolist() == [found.scores["2afc"].value] * 3
    finally:
        enough.touch()
    return [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]


@pytest.mark.usefixtures("system")
def test_several_writers_replace_one_record_under_the_eyes_of_a_reader(tmp_path: Path) -> None:
    results = tmp_path / "results"
    assert race(results, 60) == [0, 0, 0]
    assert stored_value(results) in {0.7, 0.8}
    ResultsFolder(results).clear_leftovers([OLD.id])
    assert not leftovers(results)
    assert len(list((results / OLD.id).rglob("result.json"))) == 1


@pytest.mark.exhaustive
@pytest.mark.usefixtures("system")
def test_many_replacements_by_many_writers(tmp_path: Path) -> None:
    assert set(race(tmp_path / "results", 600, writers=5)) == {0}
