"""How long work says where it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Called with the number of steps done, and a few words on how it goes: ``advance(1, "loss 0.12")``."""

    def __call__(self, steps: int, note: str = "", /) -> None: ...


class Progress(Protocol):
    """A listener; the command line draws bars, a library call hears nothing."""

    def task(self, title: str, total: int | None = None, *, unit: str = "") -> AbstractContextManager[Advance]:
        """Open a task of ``total`` steps (None: unknown) and call what it gives with steps done.

        ``unit`` is "bytes" or a plural noun.
        """
        ...

    def say(self, sentence: str) -> None:
        """Tell the user one thing that matters now, such as the size of a download."""
        ...


class SilentProgress:
    """Listens and says nothing."""

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        yield lambda steps, note="": None

    def say(self, sentence: str) -> None:
        pass
