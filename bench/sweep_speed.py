"""A sweep: what claims and looking for records cost beside the bare runs of its tasks."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from bench.harness import Ratio, seconds_in_turns
from lnkit import sweep
from lnkit.evaluation.runner import run
from lnkit.plugins.load import default_registry
from lnkit.sweep.study import Study, StudyBenchmark

BACKBONES = ("squeezenet1_1", "alexnet", "resnet18")  # random weights, the sample of `bapps`
OVERHEAD = 1.05  # target: time relative to the bare runs
START_UP = 0.5  # target: most seconds that a further task takes beside its bare run
EMPTY = 10  # tasks of the backbone pixel, which differ in their seed


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure in this process, where torch has been imported."""
    names = BACKBONES[: 1 if quick else None]
    study = Study((StudyBenchmark("bapps", sample=True),), names, weights="random")
    run_bare([study])  # makes the sample, and loads what is loaded once
    seconds = compare([study], 1 if quick else 5)
    yield Ratio(
        f"a sweep of {len(names)} small tasks",
        f"sweep: {seconds['sweep']:.2f} s",
        f"bare runs: {seconds['bare']:.2f} s",
        seconds["sweep"] / seconds["bare"],
        OVERHEAD,
        at_most=True,
    )
    count = 3 if quick else EMPTY
    pixel = Study((StudyBenchmark("bapps", sample=True),), ("pixel",))
    seconds = compare([replace(pixel, seed=seed) for seed in range(count)], 1 if quick else 3)
    each = {way: duration / count for way, duration in seconds.items()}
    yield Ratio(
        f"a further task ({count} tasks)",
        f"sweep: {each['sweep']:.2f} s",
        f"bare run and {START_UP} s: {each['bare'] + START_UP:.2f} s",
        each["sweep"] / (each["bare"] + START_UP),
        1.0,
        at_most=True,
    )


def compare(studies: list[Study], repeats: int) -> dict[str, float]:
    """Return the seconds of the bare runs and of the sweeps of studies."""
    return seconds_in_turns({"bare": lambda: run_bare(studies), "sweep": lambda: run_swept(studies)}, repeats)


def run_bare(studies: list[Study]) -> None:
    """Do the runs of studies one after the other."""

    def work(results: Path) -> None:
        for study in studies:
            for task in sweep.plan(replace(study, results=results)).tasks:
                assert not isinstance(task, sweep.CommandTask), "a study has none"
                run(replace(task.request, device="cpu"), default_registry(), weights_seed=task.weights_seed)

    _in_a_folder(work)


def run_swept(studies: list[Study]) -> None:
    """Sweep over studies."""

    def work(results: Path) -> None:
        for study in studies:
            sweep.plan(replace(study, results=results)).run_shard(0, 1, "cpu")

    _in_a_folder(work)


def _in_a_folder(work: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(prefix="lnkit-bench-") as folder:
        work(Path(folder))
