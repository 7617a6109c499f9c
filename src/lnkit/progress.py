"""How long work says where it is, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

Advance = Callable[[int], None]


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
        yield lambda steps: None

    def say(self, sentence: str) -> None:
        pass
