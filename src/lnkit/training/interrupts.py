"""Defer Ctrl-C to the end of a step, so that no checkpoint holds half a step."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def defer_interrupts() -> Iterator[None]:
    """Deliver an interrupt when the block ends; a second one is delivered at once."""
    usual = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield  # only the main thread gets signals; a handler that is no Python function stays in place
        return
    deferred = _DeferredHandler(usual)
    signal.signal(signal.SIGINT, deferred)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    deferred.deliver()


class _DeferredHandler:
    """Records the first interrupt, to be delivered later."""

    def __init__(self, usual: Callable[[int, FrameType | None], object]) -> None:
        self._usual = usual
        self._pending = False

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if self._pending:
            self._usual(number, frame)
        self._pending = True

    def deliver(self) -> None:
        if self._pending:
            self._usual(signal.SIGINT, None)
