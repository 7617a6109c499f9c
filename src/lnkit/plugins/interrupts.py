"""Interrupts that a person sent (Ctrl-C), told apart from a KeyboardInterrupt that foreign code raised."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

_signal: Any = sys.modules["_signal"]  # always loaded, while the module signal takes milliseconds to import

_received = 0  # global, because signals are


def interrupts_received() -> int:
    """Return how many interrupts `counted_interrupts` has seen in this process."""
    return _received


@contextmanager
def counted_interrupts() -> Iterator[None]:
    """Count the interrupts that arrive inside; each goes on to the handler that was there before.

    A KeyboardInterrupt that arises inside while the count stays the same was raised by code, not sent by a person.
    """
    usual = _signal.getsignal(_signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(usual):
        yield  # only the main thread gets signals, and only a Python function turns one into a KeyboardInterrupt
        return

    def count(number: int, frame: FrameType | None) -> None:
        global _received
        _received += 1
        usual(number, frame)

    _signal.signal(_signal.SIGINT, count)
    try:
        yield
    finally:
        _signal.signal(_signal.SIGINT, usual)
