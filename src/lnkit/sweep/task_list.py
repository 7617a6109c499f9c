"""The tasks of a sweep as a file, from which its workers read them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lnkit.data.atomic import atomic_write_text
from lnkit.data.stored_files import read_json
from lnkit.errors import DataError
from lnkit.sweep.claims import ABANDONED, HEARTBEAT, SWEEP_FOLDER
from lnkit.sweep.tasks import AnyTask, from_plain, to_plain

FORM = 1  # raised when an older worker could misread the file


@dataclass(frozen=True, slots=True)
class TaskList:
    """Tasks in the order in which they begin, and the folder of their records."""

    results: Path
    tasks: tuple[AnyTask, ...]
    heartbeat: float = HEARTBEAT
    abandoned: float = ABANDONED

    def part(self, index: int, count: int) -> Sequence[AnyTask]:
        """Return every ``count``-th task: as the longest come first, parts take about as long."""
        return self.tasks[index::count]


def write_task_list(tasks: TaskList) -> Path:
    """Write the file into the results folder, and return it; the same tasks in another order replace it."""
    plain = {
        "form": FORM,
        "results": str(tasks.results.absolute()),
        "heartbeat": tasks.heartbeat,
        "abandoned": tasks.abandoned,
        "tasks": [to_plain(task) for task in tasks.tasks],
    }
    same = "\n".join(sorted(task.id for task in tasks.tasks))
    folder = tasks.results / SWEEP_FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"tasks-{hashlib.sha256(same.encode()).hexdigest()[:12]}.json"
    atomic_write_text(file, json.dumps(plain, indent=1))
    return file


def read_task_list(file: Path) -> TaskList:
    """Read the file.

    Raises:
        DataError: It is missing, or no list of tasks.
    """
    plain = read_json(file)
    try:
        if plain["form"] != FORM:
            raise DataError(f"{file} was written by another version of lnkit. Start the sweep again.")
        tasks = tuple(from_plain(task) for task in plain["tasks"])
        return TaskList(Path(plain["results"]), tasks, plain["heartbeat"], plain["abandoned"])
    except (KeyError, TypeError) as error:
        raise DataError(f"{file} holds no list of tasks. Start the sweep again.") from error
