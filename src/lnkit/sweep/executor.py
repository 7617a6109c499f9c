"""What an executor gets: the work of a sweep that is to be done somewhere."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lnkit._text_paths import text_paths
from lnkit.errors import LnkitError, UsageError, did_you_mean, near_names
from lnkit.progress import Progress
from lnkit.sweep.supervisor import LOGS, supervise
from lnkit.sweep.worker import DISK_IS_FULL, DONE, Place


@text_paths
@dataclass(frozen=True, slots=True)
class SweepJob:
    """Open tasks, which any number of workers may do together wherever the folder of the results is seen."""

    tasks: Path  # the file of the tasks, in the folder of the results
    open: int  # number of tasks that are neither finished nor given up
    folder: Path  # for files of the executor

    def work(
        self,
        name: str,
        device: str,
        changes: Mapping[str, str] | None = None,
        stop: threading.Event | None = None,
        *,
        waits: bool = False,
    ) -> int:
        """Do tasks in processes of their own until none is open; call this on the machine that shall do them.

        Args:
            name: Of the worker, such as "gpu-0".
            device: "cuda:0", "cpu"; the processes see what the environment lets them see.
            changes: Of their environment: {"CUDA_VISIBLE_DEVICES": "1"}.
            stop: Once set, they stop; unfinished tasks go on when the sweep is run again.
            waits: Whether to wait for what other workers run, and to do it if these die.

        Returns:
            0 if no task is open, 3 if the disk is full, 1 if workers do not start.
        """
        return supervise(self.tasks, Place(name, device, waits=waits), changes, stop)


class Executor(Protocol):
    """Starts workers; :class:`lnkit.ExecutorSpec` names one."""

    def __call__(self, job: SweepJob, options: Mapping[str, str], progress: Progress) -> str:
        """Start workers, and wait for them or not.

        Args:
            job: What to do.
            options: As the user gave them: {"partition": "gpu"}.
            progress: For what is worth saying at once.

        Returns:
            "" after all workers ended; else, after they were handed to a cluster, a sentence that says so.

        Raises:
            UsageError: An option is unknown or has a wrong value; a package is missing.
            LnkitError: Workers could not be started, or the disk is full.
        """
        ...


def require_done(job: SweepJob, codes: Collection[int], reason: str = "") -> None:
    """Raise an error unless workers did their work.

    Args:
        job: Of the workers.
        codes: Their exit codes, from :meth:`SweepJob.work`.
        reason: A sentence on why none of them worked, if one is known.

    Raises:
        LnkitError: The disk is full, or no worker could work.
    """
    if DISK_IS_FULL in codes:
        raise LnkitError("The disk is full: all workers stopped. Free some space, then run the same command again.")
    if DONE not in codes:
        said = f" {reason}" if reason else ""
        raise LnkitError(f"No worker could do its work. What they printed lies in {job.folder / LOGS}.{said}")


def refuse_unknown(executor: str, options: Mapping[str, str], known: Mapping[str, str]) -> None:
    """Refuse options that an executor does not have.

    Args:
        executor: Its name.
        options: As the user gave them.
        known: Option -> what it means.

    Raises:
        UsageError: An option is unknown.
    """
    for name in options:
        if name not in known:
            listed = "; ".join(f"{option}, {meaning}" for option, meaning in known.items())
            hint = did_you_mean(near_names(name, known))
            raise UsageError(f"The executor {executor} has no option {name!r}.{hint} It has: {listed or 'none'}.")
