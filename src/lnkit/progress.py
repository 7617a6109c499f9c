"""Progress of long work, independent of how it is displayed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from importlib import import_module
from typing import Protocol

__all__ = [
    "Advance",
    "Progress",
    "SilentProgress",
]


class Advance(Protocol):
    """Reports finished steps of a task, with an optional short note: ``advance(1, "loss 0.12")``."""

    def __call__(self, steps: int, note: str = "", /) -> None: ...


class Progress(Protocol):
    """Displays progress: bars on the command line, nothing in a library call.

    Example::

        with progress.task("training", total=epochs, unit="epochs") as advance:
            for epoch in range(epochs):
                loss = train_epoch()
                advance(1, f"loss {loss:.3f}")
    """

    def task(self, title: str, total: int | None = None, *, unit: str = "") -> AbstractContextManager[Advance]:
        """Open a task; the context manager gives the function that reports its finished steps.

        Args:
            title: a short phrase, such as "training".
            total: number of steps; None if unknown.
            unit: of the steps: "bytes", or a plural noun such as "images"; "" for a task that counts no steps.
        """
        ...

    def say(self, sentence: str) -> None:
        """Show a sentence that matters now, such as the size of a download."""
        ...


class SilentProgress:
    """A Progress that shows nothing; the default of library calls."""

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        yield lambda steps, note="": None

    def say(self, sentence: str) -> None:
        pass


_displays: list[Progress] = []  # of the command line, while stderr is a terminal


def show_activities(display: Progress | None) -> None:
    """Let a display show the activities of this process; None for nobody."""
    _displays[:] = [] if display is None else [display]


@contextmanager
def activity(title: str) -> Iterator[None]:
    """Show what is being done while nothing is counted, where somebody looks; in a library call nothing happens.

    For code that has no Progress in hand.

    Args:
        title: a short phrase, such as "loading PyTorch".
    """
    if not _displays:
        yield
        return
    with _displays[-1].task(title):
        yield


def load_torch() -> None:
    """Import torch, which takes seconds, as an activity."""
    if "torch" not in sys.modules:
        with activity("loading PyTorch"):
            import_module("torch")
