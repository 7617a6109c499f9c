"""Two processes on one card: both end, with the scores of one that runs alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.gpu.results import Row
from bench.gpu.settings import Settings

TIMEOUT = 120.0  # seconds
BACKBONE = "resnet50"

Scores = dict[str, float]


def check(settings: Settings) -> Iterator[Row]:
    """Run `bapps` on its sample in one process, then in two at the same time."""
    backbone = settings.size(BACKBONE, "squeezenet1_1")
    folder = settings.folder / "two-processes"
    (alone,) = run_at_once(backbone, settings.device, [folder / "alone"])
    together = run_at_once(backbone, settings.device, [folder / "first", folder / "second"])
    differing = [index + 1 for index, scores in enumerate(together) if scores != alone]
    problem = f"process {' and '.join(map(str, differing))} of 2 gave other scores than one alone" if differing else ""
    yield Row(f"bapps, {backbone}", {"processes": len(together), **alone}, problem)


def run_at_once(backbone: str, device: str, folders: list[Path]) -> list[Scores]:
    """Start one process for each folder of results, and return the scores of each.

    Raises:
        RuntimeError: A process failed.
    """
    processes = [_start(backbone, device, folder) for folder in folders]
    try:
        return [_scores(process) for process in processes]
    finally:
        for process in processes:
            process.kill()


def _start(backbone: str, device: str, results: Path) -> subprocess.Popen[str]:
    network = ["--backbone", backbone, "--point", "late", "--weights", "random"]
    where = ["--device", device, "--results", str(results)]
    command = [sys.executable, "-m", "lnkit", "eval", *network, "--bench", "bapps", "--sample", *where, "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def _scores(process: subprocess.Popen[str]) -> Scores:
    try:
        output, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError(f"lnkit eval took more than {TIMEOUT:.0f} seconds") from error
    if process.returncode:
        raise RuntimeError(f"lnkit eval ended with {process.returncode}: {errors.strip()[-300:]}")
    (record,) = json.loads(output)
    return {name: float(score["value"]) for name, score in record["scores"].items() if score["primary"]}
