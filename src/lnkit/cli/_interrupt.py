"""Ctrl-C that cannot get lost: Python drops one that falls into a destructor or into a callback from C."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from lnkit.progress import Advance, Progress

_seen = False  # of the whole process, as signals are


def listen() -> None:
    """From here on, remember that Ctrl-C was pressed, besides raising KeyboardInterrupt as Python does."""
    global _seen
    _seen = False
    signal.signal(signal.SIGINT, _note)


def _note(_number: int, _frame: FrameType | None) -> None:
    global _seen
    _seen = True
    raise KeyboardInterrupt


class Interruptible:
    """Progress that raises, at the next step, an interrupt that was dropped."""

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
