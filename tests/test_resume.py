"""Interrupted from outside: `kill -9` and Ctrl-C lose nothing that was finished, and the same command goes on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# One pair at a time, so that the run lasts long enough to be interrupted.
COMMAND = ["eval", "--backbone", "squeezenet1_1", "--weights", "random", "--point", "late", "--sample"]
COMMAND += ["--set", "per_family=12", "--batch-size", "1"]


def start(results: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "lnkit", *COMMAND, "--results", str(results), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ.copy(),
    )


def scores(output: str) -> dict[str, float]:
    (record,) = json.loads(output)
    return {name: score["value"] for name, score in record["scores"].items()}


def finished_parts(results: Path) -> list[Path]:
    return sorted(results.glob(".parts/*/*.npz"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, float]:
    """The scores of an uninterrupted run."""
    output, errors = start(tmp_path_factory.mktemp("whole")).communicate(timeout=300)
    assert output, errors
    return scores(output)


@pytest.mark.slow
@pytest.mark.parametrize("blow", [signal.SIGKILL, signal.SIGINT])
def test_the_same_command_goes_on(blow: signal.Signals, whole: dict[str, float], tmp_path: Path) -> None:
    results = tmp_path / "interrupted"
    process = start(results)
    while not finished_parts(results):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(blow)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == (130 if blow is signal.SIGINT else -9)
    assert "Traceback" not in errors
    assert not list(results.glob("*/result.json"))
    kept = {part: part.stat().st_mtime_ns for part in finished_parts(results)}
    assert 0 < len(kept) < 8

    process = start(results)
    while not list(results.glob("bapps_*/result.json")):
        seen = {part: part.stat().st_mtime_ns for part in finished_parts(results)}
        assert all(seen.get(part, time_) == time_ for part, time_ in kept.items()), "a finished part was made again"
        assert process.poll() in (None, 0)
        time.sleep(0.02)
    output, _ = process.communicate(timeout=300)
    assert scores(output) == whole
    assert sorted(path.name for path in results.iterdir() if path.name != ".parts") == [
        path.name for path in results.glob("bapps_*")
    ]


def test_an_interrupt_that_python_drops_ends_the_run_all_the_same() -> None:
    """One that falls into a destructor is only printed there; the next step of the run raises it."""
    code = """
import os, signal, sys
from lnkit.cli._interrupt import Interruptible
from lnkit.plugins.interrupts import counted_interrupts
from lnkit.progress import SilentProgress

class Falls:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        for _ in range(1000): pass

with counted_interrupts(), Interruptible(SilentProgress()).task("work", 2) as advance:
    advance(1)
    Falls()
    print("went on", flush=True)
    advance(1)
    print("finished")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "went on\n"
    assert done.stderr.rstrip().endswith("KeyboardInterrupt")


def test_an_interrupt_of_one_command_does_not_end_the_next() -> None:
    """Several may run in one process, as they do here."""
    code = """
import os, signal
from lnkit.cli._interrupt import Interruptible
from lnkit.plugins.interrupts import counted_interrupts
from lnkit.progress import SilentProgress

try:
    with counted_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
with counted_interrupts(), Interruptible(SilentProgress()).task("work", 1) as advance:
    advance(1)
print("finished")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "interrupted\nfinished\n", done.stderr
