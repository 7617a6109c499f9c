"""How long a run took, the times of interrupted commands included."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from lnkit.progress import Advance, Progress
from lnkit.results.part_store import FolderPartStore

STORE_EVERY = 10.0  # seconds; as much as a kill can make the time too short


class RunClock:
    """Counts the seconds of a run, and stores them with its parts."""

    def __init__(self, parts: FolderPartStore, started: float) -> None:
        """Count on from what earlier commands took; ``started`` is the ``time.monotonic()`` of this one's start."""
        self._parts, self._started = parts, started
        self._before, self._stored = parts.seconds, time.monotonic()

    @property
    def seconds(self) -> float:
        """The duration so far."""
        return self._before + time.monotonic() - self._started

    def tick(self) -> None:
        """Store the duration if that is due."""
        if time.monotonic() - self._stored > STORE_EVERY:
            self._stored = time.monotonic()
            self._parts.store_seconds(self.seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._parts.store_seconds(self.seconds)


class ClockedProgress:
    """Progress of a run whose clock ticks with every step."""

    def __init__(self, progress: Progress, clock: RunClock) -> None:
        self._progress, self._clock = progress, clock

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        """Open a task; see Progress."""
        with self._progress.task(title, total, unit=unit) as advance:

            def step(count: int, note: str = "", /) -> None:
                advance(count, note)
                self._clock.tick()

            yield step

    def say(self, sentence: str) -> None:
        """Show a sentence; see Progress."""
        self._progress.say(sentence)
