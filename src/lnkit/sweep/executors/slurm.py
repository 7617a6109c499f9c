"""A SLURM cluster, through submitit: jobs in arrays, each of which is one worker.

A job is queued again after its time limit and after a preemption. Its worker then releases its task, and the training
goes on from its last state wherever the task is taken up.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, NamedTuple

from lnkit.errors import DataError, LnkitError, UsageError
from lnkit.extras import SLURM, require
from lnkit.progress import Progress
from lnkit.sweep.background import BackgroundWork
from lnkit.sweep.executor import SweepJob, refuse_unknown
from lnkit.sweep.executors.slurm_options import OPTIONS, JobOptions, job_options
from lnkit.sweep.supervisor import threads
from lnkit.sweep.task_list import read_task_list
from lnkit.sweep.worker import DISK_IS_FULL, DONE

if TYPE_CHECKING:
    import submitit

FOLDER = "slurm"  # of submitit's files and the output of jobs, in the folder of the sweep
COMMANDS = ("sbatch", "squeue", "scontrol", "srun")
SECONDS = 60  # that a command of SLURM may take
NAME = "lnkit-"  # begins the names of jobs; the rest is that of the file of the tasks


class QueuedJob(NamedTuple):
    """A job that SLURM knows and that has not ended."""

    array: str  # "12" of the job 12_3
    state: str  # "PENDING"
    reason: str  # "Resources"


def start(job: SweepJob, options: Mapping[str, str], progress: Progress) -> str:
    """Submit jobs, unless enough are queued, and say so; see :class:`lnkit.sweep.executor.Executor`."""
    refuse_unknown("slurm", {name: "" for name in options if not name.startswith("slurm_")}, OPTIONS)
    wanted = job_options(options)
    require("The executor slurm", "slurm", SLURM)
    _require_commands()
    if "%" in str(job.folder):
        raise UsageError(f"Expected a results folder without % in its path, as SLURM reads it, got {job.folder}.")
    queued = queued_jobs(job)
    count = min(wanted.parallel, job.open) - len(queued)
    if count <= 0:
        return f"Nothing was submitted: {_described(queued)}."
    arrays = _submit(job, wanted, count, progress)
    before = f"{_described(queued)}. " if queued else ""
    return f"{before}Submitted {_jobs(count)} to SLURM ({_ids(arrays)}). Their output: {job.folder / FOLDER}."


def queued_jobs(job: SweepJob) -> list[QueuedJob]:
    """Return the jobs that are queued or run for the tasks of a sweep."""
    ids = {task.id for task in read_task_list(job.tasks).tasks}
    covers: dict[str, bool] = {}  # name of a job -> whether it does these tasks
    found = []
    listed = _ask("squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%j|%i|%T|%r")
    for line in listed.splitlines():
        name, id_, state, reason = (line.strip().split("|") + [""] * 3)[:4]
        if name not in covers:
            covers[name] = name.startswith(NAME) and _does(job.folder / f"{name.removeprefix(NAME)}.json", ids)
        if covers[name] and state != "COMPLETING":
            found.append(QueuedJob(id_.partition("_")[0], state, reason))
    return found


def _does(tasks: Path, ids: set[str]) -> bool:
    """Whether the workers of a file of tasks do tasks; the same tasks may be in another order there."""
    try:
        return ids <= {task.id for task in read_task_list(tasks).tasks}
    except DataError:  # a job of another folder or of something else
        return False


def _submit(job: SweepJob, wanted: JobOptions, count: int, progress: Progress) -> list[str]:
    """Submit jobs in arrays as large as the cluster allows, and return the ids of the arrays."""
    import submitit  # noqa: PLC0415 - an extra
    from submitit.core.utils import FailedSubmissionError, UncompletedJobError  # noqa: PLC0415

    most = max(1, _most_in_an_array())
    arrays: list[str] = []
    folder = job.folder / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    executor = submitit.SlurmExecutor(folder, max_num_timeout=wanted.requeues)
    parameters = {"job_name": NAME + job.tasks.stem, **wanted.parameters}
    with _outside_of_a_job(), redirect_stderr(io.StringIO()):  # the error below says what submitit prints
        try:
            executor.update_parameters(**parameters)
            while count > 0:
                size = min(count, most)
                executor.update_parameters(array_parallelism=size)
                submitted = executor.submit_array([SlurmWorker(job, wanted.device) for _ in range(size)])
                arrays.append(str(submitted[0].job_id).partition("_")[0])
                count -= size
        except (UncompletedJobError, FailedSubmissionError, OSError, ValueError, TypeError) as error:
            if arrays:
                progress.say(f"Some jobs were submitted before ({_ids(arrays)}).")
            raise UsageError(f"SLURM refused the job: {_sentence(str(error))}.") from error
    return arrays


@contextmanager
def _outside_of_a_job() -> Iterator[None]:
    """Hide the variables of a job that this process runs in, as sbatch reads them as options."""
    import submitit  # noqa: PLC0415 - an extra

    if "SLURM_JOB_ID" not in os.environ:
        yield
        return
    configuration = {name: os.environ[name] for name in ("SLURM_CONF",) if name in os.environ}
    with submitit.helpers.clean_env():
        os.environ.update(configuration)
        yield


class SlurmWorker:
    """What a job does. submitit stores it, calls it there, and calls ``checkpoint`` before the job is queued again."""

    def __init__(self, job: SweepJob, device: str) -> None:
        self.job, self.device = job, device
        self._work: BackgroundWork | None = None

    def __call__(self) -> None:
        """Work until no task is open."""
        import submitit  # noqa: PLC0415 - an extra

        self._requeuing = signal.Signals[f"SIG{submitit.JobEnvironment.USR_SIG}"]  # submitit requeues when it comes
        signal.signal(signal.SIGTERM, self._on_termination)
        cpus = os.environ.get("SLURM_CPUS_PER_TASK") or os.environ.get("SLURM_CPUS_ON_NODE") or "1"
        changes = {"HF_HUB_OFFLINE": os.environ.get("HF_HUB_OFFLINE", "1"), **threads(int(cpus))}
        name = f"slurm-{submitit.JobEnvironment().job_id}"
        # SLURM sends both to every process of a job. The worker is stopped by its starter alone, between two steps.
        blocked = (self._requeuing, signal.SIGTERM)
        self._work = BackgroundWork(self.job, name, self.device, changes, blocked)
        code = self._work.wait()
        if code == DISK_IS_FULL:
            raise LnkitError("The disk is full. Free some space, then run the same command again.")
        if code != DONE:
            raise LnkitError(f"The worker did not do its work. What it printed lies in {self.job.folder / 'logs'}.")

    def checkpoint(self) -> submitit.helpers.DelayedSubmission:
        """Release the task, and return what the job does after it was queued again."""
        import submitit  # noqa: PLC0415 - an extra

        self._release()
        return submitit.helpers.DelayedSubmission(SlurmWorker(self.job, self.device))

    def _release(self) -> None:
        if self._work is not None:
            self._work.stop()

    def _on_termination(self, number: int, frame: FrameType | None) -> None:
        """Queue a preempted job again, as clusters may send no other signal; end one that was cancelled."""
        shown = _ask("scontrol", "show", "job", os.environ["SLURM_JOB_ID"])
        if "JobState=RUNNING" in shown:
            signal.raise_signal(self._requeuing)
        else:
            self._release()


def _most_in_an_array() -> int:
    found = re.search(r"^MaxArraySize\s*=\s*(\d+)", _ask("scontrol", "show", "config"), re.MULTILINE)
    return int(found[1]) if found else 1


def _require_commands() -> None:
    absent = [name for name in COMMANDS if shutil.which(name) is None]
    if absent:
        raise UsageError(
            f"The executor slurm needs SLURM's {', '.join(absent)}, which this machine does not have. Run the command "
            "on a login node of the cluster, or use another executor."
        )


def _ask(*words: str) -> str:
    """Return what a command of SLURM prints."""
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=SECONDS)
    except subprocess.TimeoutExpired as error:
        raise LnkitError(f"SLURM did not answer {words[0]} within {SECONDS} seconds. Try again later.") from error
    if done.returncode:
        raise LnkitError(f"SLURM's {words[0]} failed: {_sentence(done.stderr)}. Is the cluster up?")
    return done.stdout


def _sentence(text: str) -> str:
    """Return what the commands of SLURM said, in one line."""
    lines = [re.sub(r"^\w+: (error|fatal): ", "", line).strip() for line in text.splitlines()]
    return "; ".join(dict.fromkeys(line.rstrip(".") for line in lines if line)) or "no reason was given"


def _described(jobs: list[QueuedJob]) -> str:
    """Return ``8 jobs of this study are queued already (12: 5 running, 3 pending, SLURM's reason: Resources)``."""
    counts = Counter((one.array, one.state.lower()) for one in jobs)
    arrays = [
        f"{array}: {', '.join(f'{count} {state}' for (of, state), count in counts.items() if of == array)}"
        for array in dict.fromkeys(one.array for one in jobs)
    ]
    reasons = sorted({one.reason for one in jobs if one.state == "PENDING"} - {"None", ""})
    why = f", SLURM's reason: {', '.join(reasons)}" if reasons else ""
    verb = "is" if len(jobs) == 1 else "are"
    return f"{_jobs(len(jobs))} of this study {verb} queued already ({'; '.join(arrays)}{why})"


def _jobs(count: int) -> str:
    return "1 job" if count == 1 else f"{count} jobs"


def _ids(arrays: list[str]) -> str:
    return f"{'id' if len(arrays) == 1 else 'ids'} {', '.join(arrays)}"
