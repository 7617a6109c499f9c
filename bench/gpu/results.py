"""Rows of a check, and the result of a whole check."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from bench.gpu.settings import Settings

Figures = Mapping[str, float | int | str]
State = Literal["passed", "failed", "cut short", "not run"]

OUT_OF_TIME = "out of time"


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that was checked or measured."""

    subject: str  # "vgg16:late"
    figures: Figures = field(default_factory=dict)  # {"error": 2e-7}
    problem: str = ""  # why the check fails; "" if it does not
    skipped: str = ""  # why this was not checked; "" if it was


Check = Callable[[Settings], Iterator[Row]]


@dataclass(slots=True)
class CheckResult:
    """The rows of a check, and how it ended."""

    name: str
    state: State = "not run"
    reason: str = ""  # of a state other than "passed"
    seconds: float = 0.0
    rows: list[Row] = field(default_factory=list)
