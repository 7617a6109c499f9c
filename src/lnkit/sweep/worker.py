"""A worker: one process that runs the open tasks of a sweep one after the other, on one device.

``python -m lnkit.sweep.worker`` is started by executors. Its standard input is held open by the process that started
it, and it ends when that process does.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.data.atomic import DISK_FULL
from lnkit.errors import LnkitError
from lnkit.evaluation.request import ResolvedRequest, resolve
from lnkit.evaluation.runner import run
from lnkit.plugins.failures import sentence_of
from lnkit.progress import Progress, SilentProgress
from lnkit.sweep.claims import Claims, Failure, own_claim
from lnkit.sweep.command_tasks import CommandTask
from lnkit.sweep.finished import FinishedTasks
from lnkit.sweep.task_list import TaskList, read_task_list
from lnkit.sweep.tasks import AnyTask

if TYPE_CHECKING:
    from lnkit.plugins.registry import Registry

DONE, FAILED, DISK_IS_FULL, INTERRUPTED = 0, 1, 3, 130  # exit codes
PATIENCE = 15.0  # seconds from an interrupt to the end
PAUSE = 1.0  # seconds between two looks for an open task

logger = logging.getLogger("lnkit")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker runs."""

    name: str  # of the worker within the sweep
    device: str = "auto"
    shard: tuple[int, int] = (0, 1)  # this one of so many parts of the tasks
    waits: bool = False  # until what other processes run is finished, or open again


class DiskFullError(LnkitError):
    """The disk is full, so no task can be run."""


class Worker:
    """Runs tasks that nobody else runs."""

    def __init__(self, tasks: TaskList, place: Place, registry: Registry, progress: Progress | None = None) -> None:
        self.place, self.registry, self.progress = place, registry, progress or SilentProgress()
        self.claims = Claims(tasks.results, tasks.heartbeat, tasks.abandoned)
        self.finished = FinishedTasks(tasks.results)
        self.tasks = [
            (task, None if isinstance(task, CommandTask) else resolve(task.request, registry))
            for task in tasks.part(*place.shard)
        ]
        self.done: set[str] = set()  # ids
        self.failed: set[str] = set()  # ids of tasks that this worker failed at

    def work(self) -> None:
        """Run open tasks until none is left that this process may run.

        Raises:
            DiskFullError: The disk is full.
        """
        while True:
            if (claimed := self._claim_next()) is not None:
                self._run(*claimed)
            elif self.place.waits and self.claims.holders().keys() & {task.id for task, _ in self.tasks}:
                time.sleep(PAUSE)
            else:
                return

    def _claim_next(self) -> tuple[AnyTask, ResolvedRequest | None] | None:
        """Claim the first open task; those that this process failed at come last, so that another may try them."""
        self.finished.refresh()
        given_up = set(filter(self.claims.is_given_up, self.claims.failed_ids()))
        for again in (False, True):
            for task, resolved in self.tasks:
                if task.id in self.done or (task.id in self.failed) != again or task.id in given_up:
                    continue
                if self.finished.records(task, resolved) is not None:
                    self.done.add(task.id)
                elif self.claims.acquire(task.id, own_claim(task.name, self.place.device, self.place.name)):
                    return task, resolved
        return None

    def _run(self, task: AnyTask, resolved: ResolvedRequest | None) -> None:
        with self.claims.kept(task.id):
            self.finished.refresh()
            # The process that held the claim before may have finished the task, or failed at it for the last time.
            if self.finished.records(task, resolved) is not None or self.claims.is_given_up(task.id):
                return
            logger.info("%s: begins", task.name)
            try:
                self._do(task)
            except Exception as error:
                if is_disk_full(error):
                    raise DiskFullError(
                        "The disk is full. Free some space, then run the same command again."
                    ) from error
                self.failed.add(task.id)
                failure = self._failure(task, error)
                self.claims.add_failure(task.id, failure)
                logger.warning("%s: %s", task.name, failure.sentence)
            else:
                self.done.add(task.id)
                logger.info("%s: done", task.name)

    def _do(self, task: AnyTask) -> None:
        if isinstance(task, CommandTask):
            task.run(self.place.device, self.claims.folder)
            return
        request = replace(task.request, device=self.place.device, force=False)
        run(request, self.registry, self.progress, weights_seed=task.weights_seed)

    def _failure(self, task: AnyTask, error: Exception) -> Failure:
        claim = own_claim(task.name, self.place.device, self.place.name)
        return Failure(
            task.name,
            str(error) if isinstance(error, LnkitError) else sentence_of(error),
            "".join(traceback.format_exception(error)),
            claim.host,
            claim.device,
        )


def is_disk_full(error: BaseException | None) -> bool:
    """Whether an error, or the one that it came from, is a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return True
        error = error.__cause__ or error.__context__
    return False


def end_with_the_starter() -> None:
    """Let this process end when its standard input does: the process that started it holds the other end."""

    def wait() -> None:
        os.read(0, 1)  # returns at the end of the input: nobody writes
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(PATIENCE)
        os._exit(INTERRUPTED)  # an interrupt can be lost in code that is not Python; nothing is left half-written

    threading.Thread(target=wait, daemon=True).start()


def command(tasks: Path, place: Place) -> list[str]:
    """Return the words that start a worker."""
    return [sys.executable, "-m", "lnkit.sweep.worker", str(tasks), json.dumps(asdict(place))]


def main(arguments: Sequence[str]) -> int:
    """Work as the process of :func:`command`; return its exit code."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%Y-%m-%d %H:%M:%S")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell lets processes in the background ignore it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))  # a training ends its step first
    end_with_the_starter()
    from lnkit.plugins.load import default_registry  # noqa: PLC0415 - after the watch over the starter

    file, place = Path(arguments[0]), json.loads(arguments[1])
    place = Place(place["name"], place["device"], tuple(place["shard"]), place["waits"])
    try:
        Worker(read_task_list(file), place, default_registry()).work()
    except DiskFullError as error:
        logger.error("%s", error)
        return DISK_IS_FULL
    except LnkitError as error:
        logger.error("%s", error)
        return FAILED
    except KeyboardInterrupt:
        return INTERRUPTED
    return DONE


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
