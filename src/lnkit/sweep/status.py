"""How far a sweep is, read from the folder of its results alone; any machine that sees it may ask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from lnkit.results.records import RunRecord
from lnkit.sweep.claims import Claim, Claims, Failure
from lnkit.sweep.costs import Cost
from lnkit.sweep.tasks import AnyTask

State = Literal["done", "running", "failed", "open"]
STATES: Mapping[State, str] = {
    "done": "all records are there",
    "running": "a live process does it",
    "failed": "it failed twice; `--failed` tries it again",
    "open": "nobody does it",
}


@dataclass(frozen=True, slots=True)
class TaskStatus:
    """How far one task is."""

    task: AnyTask
    state: State
    cost: Cost
    records: tuple[RunRecord, ...] = ()
    claim: Claim | None = None
    failures: tuple[Failure, ...] = ()

    @property
    def seconds(self) -> float:
        """Duration of a finished task: its loss networks were measured in one run, or trained with in one."""
        return max((record.seconds for record in self.records), default=0.0)


@dataclass(frozen=True, slots=True)
class SweepStatus:
    """How far all tasks are, in the order in which they begin."""

    tasks: tuple[TaskStatus, ...]

    def of(self, state: State) -> list[TaskStatus]:
        """Return the tasks in a state."""
        return [task for task in self.tasks if task.state == state]

    @property
    def counts(self) -> dict[State, int]:
        """The number of tasks in each state."""
        return {state: len(self.of(state)) for state in STATES}

    @property
    def device_hours(self) -> float:
        """Hours that the finished tasks took, together."""
        return sum(task.seconds for task in self.tasks) / 3600

    @property
    def seconds_left(self) -> float | None:
        """Seconds of all tasks that are not finished, one after the other; None if nothing is known of one."""
        left = [task.cost.seconds for task in self.tasks if task.state in ("open", "running")]
        known = [seconds for seconds in left if seconds is not None]
        return sum(known) if len(known) == len(left) else None


def read_status(
    tasks: Sequence[AnyTask], costs: Sequence[Cost], records: Sequence[list[RunRecord] | None], claims: Claims
) -> SweepStatus:
    """Return how far tasks are.

    Args:
        tasks: All tasks.
        costs: Of each.
        records: Of each; None where one is missing.
        claims: Of the folder.
    """
    holders, failed = claims.holders(), claims.failed_ids()
    found = []
    for task, cost, own in zip(tasks, costs, records, strict=True):
        failures = tuple(claims.failures_of(task.id)) if task.id in failed and own is None else ()
        claim = holders.get(task.id)
        state: State = "open"
        if own is not None:
            state = "done"
        elif claim is not None:
            state = "running"
        elif failures and claims.is_given_up(task.id):
            state = "failed"
        found.append(TaskStatus(task, state, cost, tuple(own or ()), claim if own is None else None, failures))
    return SweepStatus(tuple(found))
