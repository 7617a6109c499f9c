"""What is asked about a benchmark: scores as declared, and the same ones however it is run. Its sample is run on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from lnkit.benchmark import BenchmarkSpec
from lnkit.errors import UnknownNameError, UsageError
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import run
from lnkit.plugins.registry import Registry
from lnkit.progress import Advance, SilentProgress
from lnkit.specs import BackboneSpec, ExtractionPoint
from lnkit.testing.findings import Check, NotChecked, raised
from lnkit.testing.tiny import build

BACKBONE = BackboneSpec("tiny", "lnkit.testing", build)
POINTS = ("fine", "coarse")  # of it; its nodes have the same names
ROUNDING = 1e-5  # of a score; batches of different sizes are computed in different orders
BATCHES = (1, 3)  # items at a time, of which 3 leaves a rest

Scores = Mapping[str, Mapping[str, float]]  # point -> score -> value


@dataclass
class BenchmarkThing:
    """A benchmark, run on its sample with a tiny backbone of random weights."""

    spec: BenchmarkSpec
    registry: Registry

    @property
    def title(self) -> str:
        return f"benchmark {self.spec.name}"

    @property
    def checks(self) -> tuple[Check, ...]:
        return BENCHMARKS

    @property
    def scores(self) -> Scores:
        """The scores at both points. Raises NotChecked where the benchmark does not run."""
        if isinstance(self.attempt, Exception):
            raise NotChecked(raised(self.attempt)) from self.attempt
        return self.attempt

    @cached_property
    def attempt(self) -> Scores | Exception:
        """What came of the first run; a failure is kept too."""
        try:
            return self.run()
        except Exception as error:  # the plugin's code runs in here
            cannot_be_asked = isinstance(error, UsageError) and not isinstance(error, UnknownNameError)
            return NotChecked(f"It has no sample. {error}") if cannot_be_asked else error

    def run(self, points: tuple[str, ...] = POINTS, batch_size: int | None = None) -> Scores:
        """Run the benchmark on its sample as a user would, without keeping the result."""
        with TemporaryDirectory() as folder:
            request = RunRequest(
                BACKBONE.name,
                ",".join(points),
                self.spec.name,
                weights="random",
                sample=True,
                results=Path(folder),
                device="cpu",
                engine="eager",
                batch_size=batch_size,
            )
            registry = self.registry.with_backbone(BACKBONE, {name: ExtractionPoint(name, name) for name in POINTS})
            finished = run(request, registry, _Offline())
        return {
            "+".join(one.record.key.points): {name: score.value for name, score in one.record.scores.items()}
            for one in finished
        }

    def release(self) -> None:
        """Forget the scores."""
        vars(self).pop("attempt", None)


class _Offline(SilentProgress):
    """Ends a run that begins to fetch data: checks use what a plugin brings along."""

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        if title.startswith("fetching"):
            raise NotChecked(f"It has no sample: asked for one, it begins {title}.")
        yield lambda steps, note="": None


def declared_scores(thing: BenchmarkThing) -> Iterator[str]:
    """It runs on its sample, and its scores are declared and within their bounds."""
    if isinstance(thing.attempt, NotChecked):
        raise thing.attempt
    if isinstance(thing.attempt, Exception):
        yield raised(thing.attempt)
        return
    for point, scores in thing.scores.items():
        if not scores:
            yield f"It gives no score at the point {point!r} of a tiny backbone."


def repeated_scores(thing: BenchmarkThing) -> Iterator[str]:
    """Run again, it gives the same scores."""
    for score in _differing(thing.scores, thing.run(), tolerance=0.0):
        yield f"{score} when it is run again: draw what is random from a generator seeded with context.seed."


def any_batch_size(thing: BenchmarkThing) -> Iterator[str]:
    """Its scores are the same whatever the batch size."""
    for size in BATCHES:
        for score in _differing(thing.scores, thing.run(batch_size=size), ROUNDING):
            yield f"{score} with batches of {size}."


def any_company(thing: BenchmarkThing) -> Iterator[str]:
    """A loss network's scores are the same alone and among others."""
    for point in POINTS:
        for score in _differing({point: thing.scores[point]}, thing.run((point,)), ROUNDING):
            yield f"{score} when no other loss network runs along."


BENCHMARKS: tuple[Check, ...] = (declared_scores, repeated_scores, any_batch_size, any_company)


def _differing(usual: Scores, came: Scores, tolerance: float) -> Iterator[str]:
    """Name each score that is not the same in both."""
    for point, scores in usual.items():
        for name, value in scores.items():
            other: Any = came[point].get(name)
            if other is None or not math.isclose(value, other, rel_tol=tolerance, abs_tol=tolerance):
                yield f"At the point {point!r}, {name} is {value!r}, but {other!r}"
