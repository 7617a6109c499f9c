"""Checks of a benchmark, run on its sample: scores as declared, and the same ones however it is run."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch import nn

from lnkit.benchmark import BenchmarkSpec
from lnkit.errors import LnkitError, PluginError, UnknownNameError, UsageError
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import open_data, run
from lnkit.plugins.registry import Registry
from lnkit.progress import Advance, SilentProgress
from lnkit.specs import BackboneSpec, ExtractionPoint
from lnkit.testing.checks import Check, NotChecked, error_message

POINTS = ("fine", "coarse")  # of the tiny backbone; its nodes have the same names
ROUNDING = 1e-5  # relative tolerance of a score; the order of summation depends on the batch size
BATCH_SIZES = (1, 3)  # 3 leaves a smaller last batch

Scores = Mapping[str, Mapping[str, float]]  # point -> score -> value


def build_tiny(pretrained: bool = False) -> nn.Module:
    """Build a backbone of two convolutions, always with random weights."""
    return nn.Sequential(
        OrderedDict(
            stem=nn.Conv2d(3, 8, kernel_size=3, stride=2, padding=1),
            fine=nn.ReLU(),
            body=nn.Conv2d(8, 16, kernel_size=3, stride=2, padding=1),
            coarse=nn.ReLU(),
        )
    )


BACKBONE = BackboneSpec("tiny", "lnkit.testing", build_tiny)


@dataclass
class BenchmarkSubject:
    """A benchmark, which the checks run on its sample with a tiny backbone of random weights."""

    spec: BenchmarkSpec
    registry: Registry

    @property
    def title(self) -> str:
        return f"benchmark {self.spec.name}"

    @property
    def source(self) -> object:
        """The function that runs it."""
        return self.spec.run

    @property
    def checks(self) -> tuple[Check, ...]:
        return BENCHMARK_CHECKS

    @property
    def scores(self) -> Scores:
        """The scores at both points. Raises NotChecked if the benchmark fails."""
        if isinstance(self.scores_or_error, Exception):
            raise NotChecked(error_message(self.scores_or_error)) from self.scores_or_error
        return self.scores_or_error

    @cached_property
    def scores_or_error(self) -> Scores | Exception:
        """The scores of the first run, or the error that it raised."""
        try:
            return self.run()
        except Exception as error:  # plugin code may raise anything
            has_no_sample = isinstance(error, UsageError) and not isinstance(error, UnknownNameError)
            return NotChecked(f"It has no sample. {error}") if has_no_sample else error

    def run(self, points: tuple[str, ...] = POINTS, batch_size: int | None = None) -> Scores:
        """Run the benchmark on its sample as a user would, and discard the results.

        Args:
            points: of the tiny backbone; each is one loss network.
            batch_size: of the run; None for the default.
        """
        with TemporaryDirectory() as folder:
            request = self.request(points, sample=True, results=Path(folder), batch_size=batch_size)
            finished = run(request, self.extended_registry, _Offline())
        return {
            "+".join(result.record.key.points): {name: score.value for name, score in result.record.scores.items()}
            for result in finished
        }

    def request(self, points: tuple[str, ...] = POINTS, **options: Any) -> RunRequest:
        """Return a request to run the benchmark with the tiny backbone."""
        options = {"weights": "random", "device": "cpu", "engine": "eager", **options}
        return RunRequest(BACKBONE.name, ",".join(points), self.spec.name, **options)

    @property
    def extended_registry(self) -> Registry:
        """The registry with the tiny backbone."""
        return self.registry.with_backbone(BACKBONE, {name: ExtractionPoint(name, name) for name in POINTS})

    def release(self) -> None:
        """Free the scores."""
        vars(self).pop("scores_or_error", None)


class _Offline(SilentProgress):
    """Stops a run that starts a download: checks use only the sample that a plugin contains."""

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        if title.startswith("fetching"):
            raise NotChecked(f"It has no sample, but starts {title} instead.")
        yield lambda steps, note="": None


def declared_scores(subject: BenchmarkSubject) -> Iterator[str]:
    """It runs on its sample, and its scores are declared and within their bounds."""
    if isinstance(subject.scores_or_error, NotChecked):
        raise subject.scores_or_error
    if isinstance(subject.scores_or_error, Exception):
        yield error_message(subject.scores_or_error)
        return
    for point, scores in subject.scores.items():
        if not scores:
            yield f"It gives no score at the point {point!r} of a tiny backbone."


def data_folders(subject: BenchmarkSubject) -> Iterator[str]:
    """Without --data and with an empty folder, it opens its data or says in a sentence of its own what it expects."""
    yield from _open_fault(subject, None, "Without --data")
    with TemporaryDirectory() as empty:
        yield from _open_fault(subject, Path(empty), "With an empty folder as --data")


def repeated_scores(subject: BenchmarkSubject) -> Iterator[str]:
    """A second run gives the same scores."""
    for score in _differing(subject.scores, subject.run(), tolerance=0.0):
        yield f"{score} in a second run: draw random numbers from a generator seeded with context.seed."


def any_batch_size(subject: BenchmarkSubject) -> Iterator[str]:
    """Its scores do not depend on the batch size."""
    for size in BATCH_SIZES:
        for score in _differing(subject.scores, subject.run(batch_size=size), ROUNDING):
            yield f"{score} with batches of {size}."


def network_independence(subject: BenchmarkSubject) -> Iterator[str]:
    """The scores of a loss network do not depend on the other loss networks of the run."""
    for point in POINTS:
        for score in _differing({point: subject.scores[point]}, subject.run((point,)), ROUNDING):
            yield f"{score} without the other loss networks."


BENCHMARK_CHECKS: tuple[Check, ...] = (
    declared_scores,
    data_folders,
    repeated_scores,
    any_batch_size,
    network_independence,
)


def _open_fault(subject: BenchmarkSubject, data: Path | None, how: str) -> Iterator[str]:
    """Yield how opening the data fails, unless it succeeds, starts a download, or says what is wrong itself."""
    try:
        open_data(subject.request(data=data), subject.extended_registry, _Offline())
    except PluginError as error:
        if error.__cause__ is not None:  # raised by lnkit about it
            yield f"{how}: {error} Raise lnkit.DataError that says what it expects."
    except LnkitError:
        return


def _differing(expected: Scores, actual: Scores, tolerance: float) -> Iterator[str]:
    """Yield the beginning of a sentence about each score that differs; ``tolerance`` is relative and absolute."""
    for point, scores in expected.items():
        for name, value in scores.items():
            other: Any = actual[point].get(name)
            if other is None or not math.isclose(value, other, rel_tol=tolerance, abs_tol=tolerance):
                yield f"At the point {point!r}, {name} is {value!r}, but {other!r}"
