"""What dead processes leave is told apart from what living ones use, and removed; locks on any file system."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from filelock import SoftFileLock

from lnkit.data import leftovers
from lnkit.data.atomic import atomic_write_text
from lnkit.data.leftovers import FORGOTTEN, clear_leftovers, is_leftover, tmp_name
from lnkit.data.storage import clear_locks, locked
from lnkit.progress import SilentProgress
from lnkit.results.part_store import FolderPartStore, clear_abandoned


def name_of_the_dead() -> str:
    """The temporary name of a process that has ended."""
    code = "from lnkit.data.leftovers import tmp_name; print(tmp_name())"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def test_only_leftovers_of_the_dead_are_removed(tmp_path: Path) -> None:
    mine, dead = tmp_name(), name_of_the_dead()
    elsewhere = tmp_name().replace(f"new-{tmp_name()[4:12]}", "new-0123abcd")
    for name in (mine, dead, elsewhere, "new-1", "notes"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text("content")
    (tmp_path / f".{dead}").write_text("content")
    clear_leftovers(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {mine, elsewhere, "new-1", "notes"}


def test_of_another_machine_only_age_tells(tmp_path: Path) -> None:
    elsewhere = tmp_path / tmp_name().replace(f"new-{tmp_name()[4:12]}", "new-0123abcd")
    elsewhere.write_text("content")
    assert not is_leftover(elsewhere)
    old = time.time() - FORGOTTEN - 60
    os.utime(elsewhere, (old, old))
    assert is_leftover(elsewhere)


def test_a_process_number_that_was_given_again_is_no_owner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / tmp_name()
    path.touch()
    assert not is_leftover(path)
    if leftovers._start(os.getpid()) == "0":
        pytest.skip("this system does not say when a process started")
    monkeypatch.setattr(leftovers, "_start", lambda _pid: "17")
    assert is_leftover(path)


def test_a_process_that_nobody_waited_for_is_dead(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, tmp_name().encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        path = tmp_path / stream.read()
    path.touch()
    deadline = time.monotonic() + 10
    while not is_leftover(path) and time.monotonic() < deadline:
        time.sleep(0.01)
    if leftovers._start(os.getpid()) != "0":
        assert is_leftover(path)
    os.waitpid(child, 0)
    assert is_leftover(path)


def test_a_write_removes_what_killed_writes_left_beside_it(tmp_path: Path) -> None:
    code = f"""
import os
from pathlib import Path
from lnkit.data.atomic import atomic_write
with atomic_write(Path({str(tmp_path / "a.txt")!r})) as tmp:
    tmp.write_text("half")
    os._exit(9)
"""
    for _ in range(3):
        subprocess.run([sys.executable, "-c", code], check=False)
    assert len(list(tmp_path.iterdir())) == 1, "each write clears what the one before left"
    atomic_write_text(tmp_path / "a.txt", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_names_of_any_length_can_be_written(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / ("x" * 255), "text")
    assert (tmp_path / ("x" * 255)).read_text() == "text"


def test_parts_are_removed_once_all_their_records_are_there_and_nobody_uses_them(tmp_path: Path) -> None:
    parts = FolderPartStore(tmp_path / ".parts" / "0123")
    with parts.in_use(["run_a", "run_b"]):
        parts.get_or_compute("a", lambda: {"x": np.ones(1)})
        (tmp_path / "run_a").mkdir()
        (tmp_path / "run_b").mkdir()
        clear_abandoned(tmp_path)
        assert parts.path.is_dir(), "they are in use"
    (tmp_path / "run_b").rmdir()
    clear_abandoned(tmp_path)
    assert parts.path.is_dir(), "one record is missing"
    (tmp_path / "run_b").mkdir()
    (parts.path / f".{name_of_the_dead()}").touch()
    clear_abandoned(tmp_path)
    assert not parts.path.exists()
    parts.path.mkdir()
    (parts.path / "run.json").write_text('{"records": ["run_c"], "seconds": 1.0}')
    (parts.path / f".{name_of_the_dead()}").touch()
    clear_abandoned(tmp_path)
    assert not parts.path.exists(), "its run was killed before it had made anything"


def test_parts_that_another_process_uses_stay_at_the_end_of_a_run(tmp_path: Path) -> None:
    parts = FolderPartStore(tmp_path / "0123")
    with parts.in_use(["run"]):
        parts.get_or_compute("a", lambda: {"x": np.ones(1)})
        with parts.in_use(["run"]):
            pass
        parts.finish()
        assert parts.path.is_dir()
    parts.finish()
    assert not parts.path.exists()


def test_a_part_is_stored_although_its_folder_goes_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process may end the same run at any moment."""
    import lnkit.results.part_store as module

    parts, write, calls = FolderPartStore(tmp_path / "0123"), module.write_arrays, []

    def interrupted(file: Path, arrays: object) -> None:
        calls.append(file)
        if len(calls) < 3:
            parts.clear()
        write(file, arrays)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "write_arrays", interrupted)
    assert parts.get_or_compute("a", lambda: {"x": [1.0]})["x"] == [1.0]
    assert len(calls) == 3
    assert [path.name for path in parts.path.iterdir()] == ["a.npz"]


WITHOUT = (errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS)


@pytest.fixture(params=WITHOUT, ids=errno.errorcode.get)
def without_flock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system such as Lustre or NFS without locks."""

    def flock(_descriptor: int, _operation: int) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)


class Sentences(SilentProgress):
    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


@pytest.mark.usefixtures("without_flock")
def test_a_lock_works_without_flock(tmp_path: Path) -> None:
    with locked(tmp_path / "data", "packing", SilentProgress()):
        second = SoftFileLock(tmp_path / ".data.lock-owner")
        with pytest.raises(TimeoutError):
            second.acquire(timeout=0)
    assert not (tmp_path / ".data.lock-owner").exists()


HOLDER = """
import fcntl, time, sys
from pathlib import Path
from lnkit.data.storage import clear_locks, locked
from lnkit.progress import SilentProgress

def flock(_descriptor, _operation):
    raise OSError(37, "No locks available")

fcntl.flock = flock
with locked(Path(sys.argv[1]), "packing", SilentProgress()):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.mark.usefixtures("without_flock")
def test_a_lock_without_flock_is_waited_for_and_taken_from_the_dead(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"

    def kill() -> None:
        holder.kill()
        holder.communicate()

    progress, killer = Sentences(), threading.Timer(0.5, kill)
    started = time.monotonic()
    killer.start()
    with locked(tmp_path / "data", "packing", progress):
        assert time.monotonic() - started > 0.4
    killer.join()
    assert progress.said == [
        f"Waiting for another process that is packing. If none is running, delete {tmp_path / '.data.lock-owner'}."
    ]
    assert not (tmp_path / ".data.lock-owner").exists()


def test_locks_that_nobody_holds_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".dead.lock").touch()
    with locked(tmp_path / "data", "packing", SilentProgress()):
        in_a_child(lambda: clear_locks(tmp_path))
        assert (tmp_path / ".data.lock").exists()
    assert not (tmp_path / ".dead.lock").exists()


@pytest.mark.usefixtures("without_flock")
def test_locks_of_the_dead_are_removed_without_flock(tmp_path: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(tmp_path / "data")], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    clear_locks(tmp_path)
    assert (tmp_path / ".data.lock-owner").exists()
    holder.kill()
    holder.communicate()
    for _ in range(2):  # the first removes it or takes it over
        clear_locks(tmp_path)
    assert not (tmp_path / ".data.lock-owner").exists()


def in_a_child(action: Callable[[], object]) -> None:
    """A process of its own: locks are shared within one."""
    child = os.fork()
    if child == 0:
        try:
            action()
        finally:
            os._exit(0)
    os.waitpid(child, 0)
