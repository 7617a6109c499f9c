"""Checks of a suite: benchmarks that are installed, each with its score."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lnkit.plugins.registry import Registry
from lnkit.specs import SuiteSpec
from lnkit.testing.checks import Check


@dataclass
class SuiteSubject:
    """A suite among all installed benchmarks."""

    spec: SuiteSpec
    registry: Registry

    @property
    def title(self) -> str:
        return f"suite {self.spec.name}"

    @property
    def source(self) -> None:
        """Nothing: it has no function."""

    @property
    def checks(self) -> tuple[Check, ...]:
        return (installed, scored)

    def release(self) -> None:
        """Do nothing: the checks load nothing."""


def installed(subject: SuiteSubject) -> Iterator[str]:
    """One or more of its benchmarks are installed."""
    if not set(subject.spec.benchmarks) & set(subject.registry.benchmarks):
        yield f"No installed plugin provides any of {', '.join(subject.spec.benchmarks)}."


def scored(subject: SuiteSubject) -> Iterator[str]:
    """Each installed benchmark of it has its score."""
    for name in subject.spec.benchmarks:
        benchmark = subject.registry.benchmarks.get(name)
        if benchmark and subject.spec.score not in (score.name for score in benchmark.scores):
            yield f"{name} has no score {subject.spec.score!r}, so the suite leaves it out."
