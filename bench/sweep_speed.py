"""A sweep: what claims and records cost beside the bare runs, and how long a worker takes between two tasks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.harness import Ratio
from lnkit import sweep
from lnkit.evaluation.runner import run
from lnkit.plugins.load import default_registry
from lnkit.sweep.study import Study, StudyBenchmark

BACKBONES = ("squeezenet1_1", "alexnet", "resnet18")  # random weights, the sample of `bapps`
OVERHEAD = 1.05  # target: time relative to the bare runs
START_UP = 0.5  # target: seconds of a task that has next to nothing to do
EMPTY = 20  # tasks of the backbone pixel, which differ in their seed


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure in this process, where torch has been imported."""
    names = BACKBONES[: 1 if quick else None]
    study = Study((StudyBenchmark("bapps", sample=True),), names, weights="random")
    run_bare(study)  # makes the sample, and loads what is loaded once
    repeats = 1 if quick else 3
    bare = min(run_bare(study) for _ in range(repeats))
    swept = min(run_swept([study]) for _ in range(repeats))
    yield Ratio(
        f"a sweep of {len(names)} small tasks",
        f"sweep: {swept:.2f} s",
        f"bare runs: {bare:.2f} s",
        swept / bare,
        OVERHEAD,
        at_most=True,
    )
    count = 3 if quick else EMPTY
    empty = Study((StudyBenchmark("bapps", sample=True),), ("pixel",))
    seconds = run_swept([replace(empty, seed=seed) for seed in range(count)]) / count
    yield Ratio(
        "a further task, its small run included",
        f"{seconds:.2f} s",
        f"{START_UP} s",
        seconds / START_UP,
        1.0,
        at_most=True,
    )


def run_bare(study: Study) -> float:
    """Return the seconds of the runs of a study, one after the other."""

    def work(results: Path) -> None:
        for task in sweep.plan(replace(study, results=results)).tasks:
            assert not isinstance(task, sweep.CommandTask), "a study has none"
            run(replace(task.request, device="cpu"), default_registry(), weights_seed=task.weights_seed)

    return _seconds(work)


def run_swept(studies: list[Study]) -> float:
    """Return the seconds of the sweeps of studies."""

    def work(results: Path) -> None:
        for study in studies:
            sweep.plan(replace(study, results=results)).run_shard(0, 1, "cpu")

    return _seconds(work)


def _seconds(work: Callable[[Path], None]) -> float:
    with tempfile.TemporaryDirectory(prefix="lnkit-bench-") as folder:
        before = time.perf_counter()
        work(Path(folder))
        return time.perf_counter() - before
