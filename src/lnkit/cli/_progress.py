"""Progress bars on a terminal; elsewhere only messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from lnkit.cli._interrupt import Interruptible
from lnkit.cli._output import is_terminal, note, settings
from lnkit.escapes import printable
from lnkit.progress import Advance, SilentProgress, load_torch, show_activities

if TYPE_CHECKING:
    import rich.progress

GAPS = 5  # columns of terminal between the parts of a line, and the shortest bar
FEWEST = 16  # letters of a title


def make_progress() -> Interruptible:
    """Return a progress display: bars if stderr is a terminal and ``--quiet`` is not given, else only messages.

    Example:
        >>> with make_progress().task("Comparing", 4000, unit="pairs") as advance:
        ...     advance(1000, "0.12 s each")
    """
    bars = BarProgress() if is_terminal(sys.stderr) and not settings().quiet else None
    show_activities(bars)
    return Interruptible(bars or MessageProgress())


def show_loading() -> None:
    """Import torch, and say so on a terminal; for commands that need it and count nothing."""
    make_progress()
    load_torch()


class MessageProgress(SilentProgress):
    """Draws no bars, but prints messages such as the size of a download."""

    def say(self, sentence: str) -> None:
        note(sentence)


class BarProgress:
    """One bar per task, with rate and time left, on stderr.

    A task that counts nothing is a line with its seconds, and hides while a task within it is open.
    """

    def __init__(self) -> None:
        self._open: list[tuple[rich.progress.TaskID, bool]] = []  # bars, the innermost last; whether each counts
        self._display: rich.progress.Progress | None = None

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        """Open a bar; the display appears with the first bar and ends with the last."""
        if self._display is None:
            self._display = _make_display()
            self._display.start()
        display = self._display
        counts = total is not None or bool(unit)
        self._show_last(not counts, visible=False)
        bar = display.add_task(printable(title), total=total, unit=(unit or "steps") if counts else "", note="")
        self._open.append((bar, counts))

        def advance(steps: int, note: str = "", /) -> None:
            display.update(bar, advance=steps, note=printable(note))

        try:
            yield advance
        finally:
            display.remove_task(bar)
            self._open.remove((bar, counts))
            self._show_last(True, visible=True)
            if not self._open:
                display.stop()
                self._display = None

    def _show_last(self, always: bool, *, visible: bool) -> None:
        """Show or hide the innermost bar, always or only if it counts nothing."""
        if self._display is not None and self._open and (always or not self._open[-1][1]):
            self._display.update(self._open[-1][0], visible=visible)

    def say(self, sentence: str) -> None:
        if self._display is not None:
            self._display.console.print(printable(sentence), markup=False, highlight=False)
        else:
            note(sentence)


def _make_display() -> rich.progress.Progress:
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TimeRemainingColumn  # noqa: PLC0415
    from rich.table import Column  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Done(ProgressColumn):
        """``1,024 of 36,344 pairs, 310/s, loss 0.12``, or the same in MB."""

        def render(self, task: Task) -> Text:
            if not task.fields["unit"]:
                return Text(f"{task.elapsed or 0:.0f} s")
            scale, unit = (1e6, "MB") if task.fields["unit"] == "bytes" else (1, task.fields["unit"])
            total = f" of {task.total / scale:,.0f}" if task.total is not None else ""
            rate = f", {task.speed / scale:,.1f}/s" if task.speed else ""
            note = f", {task.fields['note']}" if task.fields["note"] else ""
            return Text(f"{task.completed / scale:,.0f}{total} {unit}{rate}{note}")

    class Left(TimeRemainingColumn):
        """The time left, where that can be known."""

        def render(self, task: Task) -> Text:
            return Text() if task.total is None else super().render(task)

    class Title(ProgressColumn):
        """The title, cut where the numbers need the room."""

        def render(self, task: Task) -> Text:
            room = console.width - len(done.render(task)) - len(left.render(task)) - GAPS
            text = Text(task.description, no_wrap=True)
            text.truncate(max(room, FEWEST), overflow="ellipsis")
            return text

    console = Console(stderr=True)
    done, left = (column(table_column=Column(no_wrap=True)) for column in (Done, Left))
    return Progress(Title(), BarColumn(bar_width=None), done, left, console=console, transient=True, expand=True)
