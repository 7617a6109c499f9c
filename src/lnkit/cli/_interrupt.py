"""A Ctrl-C that cannot be lost: Python drops one that arrives in a destructor or in a callback from C."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lnkit.plugins.interrupts import interrupts_received
from lnkit.progress import Advance, Progress


class Interruptible:
    """Progress that raises a dropped interrupt at the next step."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._before = interrupts_received()

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        with self.progress.task(title, total, unit=unit) as advance:

            def step(steps: int, note: str = "", /) -> None:
                if interrupts_received() > self._before:
                    raise KeyboardInterrupt
                advance(steps, note)

            yield step

    def say(self, sentence: str) -> None:
        self.progress.say(sentence)
