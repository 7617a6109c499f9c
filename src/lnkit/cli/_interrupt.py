"""A Ctrl-C that cannot be lost: Python drops one that arrives in a destructor or in a callback from C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lnkit.progress import Advance, Progress

_seen = False  # global, because signals are


def listen() -> None:
    """Remember from now on that Ctrl-C was pressed, besides raising KeyboardInterrupt."""
    global _seen
    _seen = False
    signal.signal(signal.SIGINT, _remember)


def _remember(_number: int, _frame: FrameType | None) -> None:
    global _seen
    _seen = True
    raise KeyboardInterrupt


class Interruptible:
    """Progress that raises a dropped interrupt at the next step."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        with self.progress.task(title, total, unit=unit) as advance:

            def step(steps: int, note: str = "", /) -> None:
                if _seen:
                    raise KeyboardInterrupt
                advance(steps, note)

            yield step

    def say(self, sentence: str) -> None:
        self.progress.say(sentence)
