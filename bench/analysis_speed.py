"""Time of analyses: ranks and correlations of 10,000 records, a report of 224, a recommendation."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.harness import Ratio, seconds_in_turns
from bench.startup import ENVIRONMENT, LNKIT
from lnkit.analysis.published.frames import read_rows
from lnkit.results.folder import ResultsFolder
from lnkit.results.records import RunKey, RunRecord, ScoreRecord

MANY, FEW = 10_000, 1_000  # records; the second with --quick
MANY_SECONDS = 5.0  # target for 10,000 records
REPORT_SECONDS = 10.0  # target for 56 loss networks on 4 benchmarks
RECOMMEND_RATIO = 1.5  # target relative to `lnkit --help`; reading the tables takes time


def measure(quick: bool = False) -> list[Ratio]:
    """Measure the time of analyses."""
    return [*_many(FEW if quick else MANY), _report(), _recommend(5 if quick else 11)]


def _many(count: int) -> Iterator[Ratio]:
    with _results(_made_up(count)) as folder:
        commands = {
            "load and rank": ("analyze", "ranks"),
            "load and correlate": ("analyze", "correlations"),
        }
        ways = {
            name: partial(_lnkit, *words, "--from", "own", "--json", folder=folder) for name, words in commands.items()
        }
        seconds = seconds_in_turns({**ways, "json": partial(_read, folder)}, repeats=1)
    for name in commands:
        allowed = MANY_SECONDS * count / MANY
        yield _limit(f"{name} {count:,} records", seconds[name], allowed, f"json.loads alone: {seconds['json']:.1f} s")


def _report() -> Ratio:
    with _results(_as_published()) as folder:
        file = folder / "report.html"
        ways = {"report": lambda: _lnkit("report", "--from", "own", "--output", str(file), folder=folder)}
        seconds = seconds_in_turns(ways, repeats=1)["report"]
        size = file.stat().st_size
    return _limit("lnkit report of 224 records", seconds, REPORT_SECONDS, f"{size / 1e6:.1f} MB")


def _recommend(repeats: int) -> Ratio:
    with tempfile.TemporaryDirectory() as folder:
        words = ("recommend", "--task", "superres", "--macs-below", "2e9")
        ways = {
            name: partial(_lnkit, *w, folder=Path(folder)) for name, w in (("recommend", words), ("help", ("--help",)))
        }
        seconds = seconds_in_turns(ways, repeats)
    return Ratio(
        "lnkit recommend",
        f"{1000 * seconds['recommend']:.0f} ms",
        f"lnkit --help: {1000 * seconds['help']:.0f} ms",
        seconds["recommend"] / seconds["help"],
        RECOMMEND_RATIO,
        at_most=True,
    )


def _limit(subject: str, seconds: float, target: float, note: str) -> Ratio:
    return Ratio(subject, f"{seconds:.1f} s", f"target: {target:.1f} s", seconds / target, 1.0, at_most=True, note=note)


@contextmanager
def _results(records: Iterator[RunRecord]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        folder = ResultsFolder(Path(place))
        for record in records:
            folder.write(record, {})
        yield folder.path


def _as_published() -> Iterator[RunRecord]:
    """Yield the published study as records: 56 loss networks on 4 benchmarks."""
    scores: dict[tuple[str, str, str], dict[str, float]] = {}
    for row in read_rows("performance_scores"):
        key = (row["benchmark"], row["backbone"], row["point"])
        scores.setdefault(key, {})[row["score"]] = float(row["value"])
    for (benchmark, backbone, point), values in scores.items():
        yield _record(benchmark, backbone, point, values)


def _made_up(count: int) -> Iterator[RunRecord]:
    """Yield records with twelve scores each that correlate with their attributes."""
    draw = random.Random(0)
    for i in range(count):
        cost = draw.lognormvariate(20, 1)
        values = {f"x4_psnr_{k}": 20 + cost**0.1 + draw.gauss(0, 1) for k in range(12)}
        record = _record("superres", f"net{i // 4}", f"point{i % 4}", values)
        yield replace(record, attributes={"macs": cost, "point_macs": cost / 2, "parameters": draw.random()})


def _record(benchmark: str, backbone: str, point: str, values: dict[str, float]) -> RunRecord:
    key = RunKey(
        benchmark=benchmark,
        benchmark_version="1",
        variant="paper",
        protocol={"distance": "spatial"},
        backbone=backbone,
        points={point: "features"},
        weights_sha256="ab" * 32,
        data={"made up": "cd" * 32},
        seed=0,
        precision="fp32",
        plugins={"backbone": "bench", "benchmark": "bench"},
    )
    return RunRecord(
        key=key,
        scores={
            name: ScoreRecord(value, "dB", True, True, "mean of images", f"{name}|{backbone}:{point}")
            for name, value in values.items()
        },
        weights="made up",
        weights_source="made up",
        family="made up",
        own_distance=False,
        sample=False,
        deviations=(),
        notes=(),
        environment={},
        created="2026-01-01T00:00:00+00:00",
        seconds=0.0,
    )


def _read(folder: Path) -> None:
    for file in folder.glob("*/result.json"):
        json.loads(file.read_text())


def _lnkit(*words: str, folder: Path) -> None:
    environment = {**ENVIRONMENT, "LNKIT_RESULTS": str(folder)}
    done = subprocess.run((LNKIT, *words), check=False, capture_output=True, text=True, env=environment)
    if done.returncode:
        sys.exit(done.stderr)
