"""Keeps a worker process going: reports what it died of, and starts another as long as tasks are open."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from lnkit.sweep.claims import Claims, Failure
from lnkit.sweep.task_list import read_task_list
from lnkit.sweep.worker import DISK_IS_FULL, DONE, FAILED, Place, command

LOGS = "logs"  # folder of the output of workers, in the folder of the sweep
PATIENCE = 20.0  # seconds that a worker gets to stop

# Variables of launchers of one training on several processes. A task is one process, and plugins read these.
OF_LAUNCHERS = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK")
PREFIXES_OF_LAUNCHERS = ("LOCAL_", "ROLE_", "TORCHELASTIC_", "OMPI_", "PMI_", "PMIX_", "ACCELERATE_")


def supervise(
    tasks: Path,
    place: Place,
    changes: Mapping[str, str] | None = None,
    stop: threading.Event | None = None,
) -> int:
    """Run workers one after the other until no task is open, and return the exit code of the last.

    A worker that dies at a task (a crash in a plugin, the killer of processes that take too much memory) leaves a
    failure of that task, and another worker goes on with the others.

    Args:
        tasks: The file of the tasks.
        place: Where the workers run; each gets a name of its own.
        changes: Of the environment: variable -> value.
        stop: Once set, the running worker is stopped, and no other is started.
    """
    stop = stop or threading.Event()
    listed = read_task_list(tasks)
    claims = Claims(listed.results)
    while True:
        one = replace(place, name=f"{place.name}-{uuid.uuid4().hex[:8]}")
        code = _run_worker(command(tasks, one), claims.folder / LOGS / f"{one.name}.log", changes or {}, stop)
        left = claims.release_those_of(one.name)
        if stop.is_set():
            return code
        for id_, claim in left:
            sentence = f"The process that ran it {_end_of(code)}. Its output: {claims.folder / LOGS / one.name}.log"
            claims.add_failure(id_, Failure(claim.task, sentence, "", claim.host, claim.device))
        if not left:  # it ended by itself, or at once
            return code if code in (DONE, DISK_IS_FULL) else FAILED


def environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker: without the variables of launchers, with the changes."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in OF_LAUNCHERS and not name.startswith(PREFIXES_OF_LAUNCHERS)
    }
    return kept | dict(changes)


def threads(number: int) -> dict[str, str]:
    """Return the variables that give a process so many threads."""
    return {name: str(max(1, number)) for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def _run_worker(words: list[str], log: Path, changes: Mapping[str, str], stop: threading.Event) -> int:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,  # stays open as long as this process lives
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(changes),
            start_new_session=True,  # a Ctrl-C reaches it through this process, once
        )
    with process:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(0.2)
            if stop.is_set():
                return _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> int:
    process.send_signal(signal.SIGINT)
    try:
        return process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _end_of(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
    reasons = {"SIGKILL": ", as the system does when memory runs out", "SIGSEGV": ", a crash in compiled code"}
    return f"was ended by {name}{reasons.get(name, '')}"
