"""Ctrl-C that waits for the end of a step, so that what is kept is never half a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Hold an interrupt back until the block is left; a second one is not held back."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield  # signals go to the main thread; where somebody else deals with them, they still do
        return
    holder = _Holder(usual)
    signal.signal(signal.SIGINT, holder)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    holder.release()


class _Holder:
    """Takes the first interrupt, and hands it on when asked."""

    def __init__(self, usual: Callable[[int, FrameType | None], object]) -> None:
        self._usual = usual
        self._came = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._came:
            self._usual(number, frame)
        self._came = True

    def release(self) -> None:
        if self._came:
            self._usual(signal.SIGINT, None)
