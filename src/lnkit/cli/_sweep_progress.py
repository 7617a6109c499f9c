"""How far a sweep is: a table that renews itself on a terminal, a line for each ended task elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import click

from lnkit.cli._output import is_terminal, note, print_table
from lnkit.escapes import printable

if TYPE_CHECKING:
    from lnkit.sweep.status import SweepStatus, TaskStatus

PAUSE = 2.0  # seconds between two looks
MOST_RUNNING = 8  # tasks that the table on a terminal names


def show_status(status: SweepStatus) -> None:
    """Print the numbers for each benchmark, what runs, and every failure."""
    print_table(
        ["benchmark", "tasks", "done", "running", "failed", "open", "device hours"],
        [*_rows(status), *([_row("together", status.tasks)] if len(_benchmarks(status)) > 1 else [])],
        least=("device hours",),
    )
    running = status.of("running")
    if running:
        print_table(["running", "device", "host"], [_runs(task) for task in running], least=("host",))
    show_failures(status)


def show_failures(status: SweepStatus) -> None:
    """Print a table of the tasks that failed."""
    failed = [task for task in status.tasks if task.failures]
    if failed:
        rows = [
            [task.task.name, len(task.failures), "no" if task.state == "failed" else "yes", task.failures[-1].sentence]
            for task in failed
        ]
        print_table(["failed", "times", "tried again", "why"], rows, least=("tried again", "times"))


@contextmanager
def watching(read: Callable[[], SweepStatus]) -> Iterator[None]:
    """Show how far a sweep is as long as the body runs.

    Args:
        read: Returns how far it is.
    """
    ended, context = threading.Event(), click.get_current_context(silent=True)
    show = _draw if is_terminal(sys.stderr) else _tell

    def look() -> None:
        with context.scope(cleanup=False) if context else nullcontext():  # which knows --quiet
            show(read, ended)

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def watch(read: Callable[[], SweepStatus]) -> None:
    """Show how far a sweep is until no task is open or running."""
    ended = threading.Event()

    def read_until_end() -> SweepStatus:
        status = read()
        if not status.of("open") and not status.of("running"):
            ended.set()
        return status

    (_draw if is_terminal(sys.stderr) else _tell)(read_until_end, ended)


def _draw(read: Callable[[], SweepStatus], ended: threading.Event) -> None:
    """Renew a table on a terminal."""
    from rich.console import Console  # noqa: PLC0415 - only on a terminal
    from rich.live import Live  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    clock = Clock()
    with Live(console=Console(stderr=True), transient=True, auto_refresh=False) as live:
        while not ended.wait(PAUSE if clock.started else 0):
            status = read()
            lines = [clock.line(status), *(f"  {' on '.join(_runs(task)[:2])}" for task in status.of("running"))]
            more = len(lines) - 1 - MOST_RUNNING
            lines = lines[: MOST_RUNNING + 1] + [f"  and {more} more"] * (more > 0)
            live.update(Text("\n".join(map(printable, lines)), no_wrap=True, overflow="ellipsis"), refresh=True)


def _tell(read: Callable[[], SweepStatus], ended: threading.Event) -> None:
    """Print one line for each task that ended since the last look."""
    clock = Clock()
    told: set[str] | None = None
    while True:
        last = ended.wait(PAUSE if told is not None else 0)
        status = read()
        now = {task.task.id: task for task in status.tasks if task.state in ("done", "failed")}
        for id_ in (id_ for id_ in now if told is not None and id_ not in told):
            how = "done" if now[id_].state == "done" else f"failed: {now[id_].failures[-1].sentence}"
            note(f"{now[id_].task.name}: {how}. {clock.line(status)}")
        told = set(now)
        if last or ended.is_set():
            return


class Clock:
    """The rate of a sweep since the first look, and when it will be finished."""

    def __init__(self) -> None:
        self.started: tuple[datetime, int] | None = None

    def line(self, status: SweepStatus, now: datetime | None = None) -> str:
        """Return ``12 of 182 done, 2 running, 1 failed; 31 tasks/h, 5.1 device hours; ends about 18:40``."""
        now, done = now or datetime.now().astimezone(), status.counts["done"]
        self.started = self.started or (now, done)
        since, before = self.started
        hours = (now - since).total_seconds() / 3600
        rate = (done - before) / hours if hours > 0 else 0.0
        counts = [f"{done} of {len(status.tasks)} done", f"{status.counts['running']} running"]
        counts += [f"{status.counts['failed']} failed"] * bool(status.counts["failed"])
        facts = [f"{rate:.3g} tasks/h"] * bool(rate) + [f"{status.device_hours:.1f} device hours"]
        left = status.counts["open"] + status.counts["running"]
        end = [f"ends about {_when(now + timedelta(hours=left / rate), now)}"] if rate and left else []
        return f"{'; '.join([', '.join(counts), ', '.join(facts), *end])}."


def _when(time: datetime, now: datetime) -> str:
    return time.strftime("%H:%M" if time.date() == now.date() else "%Y-%m-%d %H:%M")


def _benchmarks(status: SweepStatus) -> list[str]:
    return list(dict.fromkeys(task.task.group for task in status.tasks))


def _rows(status: SweepStatus) -> list[list[object]]:
    return [_row(bench, [task for task in status.tasks if task.task.group == bench]) for bench in _benchmarks(status)]


def _row(title: str, tasks: list[TaskStatus] | tuple[TaskStatus, ...]) -> list[object]:
    states = [task.state for task in tasks]
    hours = sum(task.seconds for task in tasks) / 3600
    counts = [states.count(state) for state in ("done", "running", "failed", "open")]
    return [title, len(tasks), *counts, f"{hours:.2f}"]


def _runs(task: TaskStatus) -> list[str]:
    assert task.claim is not None, "it runs"
    return [task.task.name, task.claim.device, task.claim.host]
