"""Progress bars on a terminal; elsewhere only messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lnkit.cli._interrupt import Interruptible
from lnkit.cli._output import is_terminal, note, settings
from lnkit.escapes import printable
from lnkit.progress import Advance, SilentProgress

if TYPE_CHECKING:
    import rich.progress


def make_progress() -> Interruptible:
    """Return a progress display: bars if stderr is a terminal and ``--quiet`` is not given, else only messages.

    Example:
        >>> with make_progress().task("Comparing", 4000, unit="pairs") as advance:
        ...     advance(1000, "0.12 s each")
    """
    return Interruptible(BarProgress() if is_terminal(sys.stderr) and not settings().quiet else MessageProgress())


class MessageProgress(SilentProgress):
    """Draws no bars, but prints messages such as the size of a download."""

    def say(self, sentence: str) -> None:
        note(sentence)


class BarProgress:
    """One bar per task, with rate and time left, on stderr."""

    def __init__(self) -> None:
        self._open = 0
        self._display: rich.progress.Progress | None = None

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        """Open a bar; the display appears with the first bar and ends with the last."""
        if self._display is None:
            self._display = _make_display()
            self._display.start()
        display = self._display
        self._open += 1
        bar = display.add_task(printable(title), total=total, unit=unit or "steps", note="")

        def advance(steps: int, note: str = "", /) -> None:
            display.update(bar, advance=steps, note=printable(note))

        try:
            yield advance
        finally:
            display.remove_task(bar)
            self._open -= 1
            if self._open == 0:
                display.stop()
                self._display = None

    def say(self, sentence: str) -> None:
        if self._display is not None:
            self._display.console.print(printable(sentence), markup=False, highlight=False)
        else:
            note(sentence)


def _make_display() -> rich.progress.Progress:
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Done(ProgressColumn):
        """``1,024 of 36,344 pairs, 310/s, loss 0.12``, or the same in MB."""

        def render(self, task: Task) -> Text:
            scale, unit = (1e6, "MB") if task.fields["unit"] == "bytes" else (1, task.fields["unit"])
            total = f" of {task.total / scale:,.0f}" if task.total is not None else ""
            rate = f", {task.speed / scale:,.1f}/s" if task.speed else ""
            note = f", {task.fields['note']}" if task.fields["note"] else ""
            return Text(f"{task.completed / scale:,.0f}{total} {unit}{rate}{note}")

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), Done(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True), transient=True)
