"""Studies for tests of executors, and the comparison of what they leave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from lnkit import sweep
from lnkit.results.folder import ResultsFolder
from lnkit.sweep.claims import SWEEP_FOLDER
from lnkit.sweep.study import Study, StudyBenchmark
from lnkit.sweep.supervisor import threads

MEASURED = (StudyBenchmark("bapps", sample=True),)


def one(results: Path) -> sweep.Sweep:
    """Return a sweep of one task that takes a second."""
    return sweep.plan(Study(MEASURED, ("pixel",), results=results))


def three(results: Path) -> sweep.Sweep:
    """Return a sweep of three tasks that measure."""
    return sweep.plan(Study(MEASURED, ("pixel", "alexnet", "squeezenet1_1"), weights="random", results=results))


def training(results: Path, epochs: int = 20) -> sweep.Sweep:
    """Return a sweep of one training, which takes about a second for an epoch."""
    trained = (StudyBenchmark("delineation", sample=True, overrides={"epochs": str(epochs)}),)
    return sweep.plan(Study(trained, ("squeezenet1_1",), points="early", weights="random", results=results))


def run_here(opened: sweep.Sweep) -> dict[str, object]:
    """Run a sweep by one worker here, with one thread as the other executors are told, and return its records.

    The bits of a training depend on the number of threads.
    """
    job = sweep.SweepJob(opened.write(), len(opened.tasks), opened.results / SWEEP_FOLDER)
    assert job.work("here", "cpu", threads(1)) == 0
    return records(opened.results)


def records(results: Path) -> dict[str, object]:
    """Return the scores and the bytes of the arrays of every record."""
    loaded, damaged = ResultsFolder(results).load()
    assert not damaged
    return {record.id: (_scores(record.scores), _arrays(results / record.id)) for record in loaded}


def _scores(scores: Mapping[str, object]) -> dict[str, str]:
    return {name: repr(score) for name, score in scores.items()}


def _arrays(folder: Path) -> dict[str, bytes]:
    import numpy as np

    arrays: dict[str, bytes] = {}
    for file in sorted(folder.rglob("*.npz")):
        with np.load(file) as stored:
            arrays |= {f"{file.name}/{name}": stored[name].tobytes() for name in stored.files}
    assert arrays
    return arrays


def worker_process(results: Path) -> int:
    """Return the number of a process that holds a task, or 0."""
    for file in (results / SWEEP_FOLDER).glob("*.claim"):
        try:
            return int(json.loads(file.read_text(encoding="utf-8"))["owner"].split("-")[2])
        except (OSError, ValueError):
            continue
    return 0


def in_training(results: Path) -> bool:
    """Whether a training has begun, and has not ended."""
    return bool(worker_process(results)) and any((results / ".parts").rglob("*"))


def checkpoints(results: Path) -> list[str]:
    """Return the checkpoints of unfinished trainings."""
    return [file.parent.name for file in (results / ".parts").rglob("checkpoints/*/state.json")]


def wait_until(true: Callable[[], object], seconds: float = 240) -> None:
    """Wait until something is so."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)
