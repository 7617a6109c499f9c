"""A Ray cluster: workers as Ray tasks, on a cluster that is joined or one that is started here."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from lnkit.errors import LnkitError, UsageError
from lnkit.extras import RAY, require
from lnkit.plugins.process_state import preserved
from lnkit.plugins.torch_state import SETTINGS
from lnkit.progress import Progress
from lnkit.sweep.background import BackgroundWork
from lnkit.sweep.claims import Claims
from lnkit.sweep.executor import SweepJob, refuse_unknown, require_done
from lnkit.sweep.supervisor import PATIENCE, threads
from lnkit.sweep.task_list import read_task_list
from lnkit.sweep.worker import DISK_IS_FULL

OPTIONS = {
    "address": "of a running cluster, or auto; by default one is started on this machine",
    "gpus_per_task": "such as 1 or 0.5, or 0 to compute on the CPU; by default 1 if the cluster has GPUs",
    "cpus_per_task": "also the threads of a worker; by default the processors of a node over its workers",
    "parallel": "the number of workers; by default as many as the cluster's GPUs or processors allow",
}
RETRIES = 3  # of a worker whose process or node died
PAUSE = 1.0  # seconds between two looks


class Shape(NamedTuple):
    """How many workers there are, and what each gets."""

    workers: int
    gpus: float
    cpus: int


def start(job: SweepJob, options: Mapping[str, str], progress: Progress) -> str:
    """Run all tasks on Ray, and wait; see :class:`lnkit.sweep.executor.Executor`."""
    refuse_unknown("ray", options, OPTIONS)
    gpus = _gpus(options.get("gpus_per_task"))
    parallel, cpus = (_number(name, options.get(name)) for name in ("parallel", "cpus_per_task"))
    address = options.get("address")
    if not address and "SLURM_JOB_ID" in os.environ:
        raise UsageError(
            "No Ray cluster is started inside a SLURM job, as those of several jobs on a node disturb each other. "
            "Use --on slurm on a login node, or join a cluster with --address."
        )
    require("The executor ray", "ray", RAY)
    with preserved(SETTINGS), _connected(address):  # Ray replaces hooks and signal handlers
        nodes = _nodes()
        shape = shape_of(nodes, gpus, cpus, parallel)
        # Only now, as the bits of a training depend on the threads: they stay the same when few tasks are left.
        shape = shape._replace(workers=min(shape.workers, job.open))
        progress.say(
            f"{_counted(shape.workers, 'worker')} on {_counted(len(nodes), 'node')}, each with "
            f"{_counted(shape.gpus, 'GPU')} and {_counted(shape.cpus, 'processor')}."
        )
        _run_until_nothing_is_held(job, shape, progress)
    return ""


def shape_of(nodes: Sequence[tuple[float, float]], gpus: float | None, cpus: int | None, most: int | None) -> Shape:
    """Return how many workers to start, and what each gets.

    Args:
        nodes: Processors and GPUs of each node.
        gpus: Of each worker; None: 1 where a node has some.
        cpus: Of each worker; None: those of a node over its workers.
        most: Workers; None: as many as there is room for.

    Raises:
        UsageError: No node has room for a worker.
    """
    if gpus is None:
        gpus = 1.0 if any(count for _, count in nodes) else 0.0
    slots = [_slots(node, gpus, cpus) for node in nodes]
    room = sum(slots)
    if not room:
        wish = f"{_counted(gpus, 'GPU')} and {_counted(cpus or 1, 'processor')}"
        have = "; ".join(f"{_counted(gpu, 'GPU')} and {_counted(cpu, 'processor')}" for cpu, gpu in nodes)
        raise UsageError(f"Expected a Ray node with {wish} for a worker; the nodes have: {have}.")
    workers = min(most or room, room)
    if cpus is None:
        # Workers are spread over the nodes; the fullest has this many.
        full = [min(slot, -(-workers * slot // room)) for slot in slots]
        cpus = min(max(1, int(node[0]) // count) for node, count in zip(nodes, full, strict=True) if count)
    return Shape(workers, gpus, cpus)


def _slots(node: tuple[float, float], gpus: float, cpus: int | None) -> int:
    """Return how many workers a node has room for."""
    by_cpus = int(node[0] // (cpus or 1))
    if not gpus:
        return by_cpus
    by_gpus = int(node[1]) * int(1 / gpus + 1e-9) if gpus < 1 else int(node[1] // gpus)
    return min(by_cpus, by_gpus)


def _run_until_nothing_is_held(job: SweepJob, shape: Shape, progress: Progress) -> None:
    """Run workers; again after a node was lost, whose tasks are free only when its claims have aged."""
    listed = read_task_list(job.tasks)
    claims, ids = Claims(listed.results, listed.heartbeat, listed.abandoned), {task.id for task in listed.tasks}
    while True:
        _run_workers(job, shape)
        if not ids & claims.holders().keys():
            return
        progress.say("Tasks are still held by other processes or by a node that was lost. Waiting for them.")
        while ids & claims.holders().keys():
            time.sleep(PAUSE)


def _run_workers(job: SweepJob, shape: Shape) -> None:
    """Start workers and wait for all; stop them at Ctrl-C and when the disk is full."""
    import ray  # noqa: PLC0415 - an extra
    from ray.exceptions import RayError  # noqa: PLC0415

    remote = ray.remote(_work).options(
        num_cpus=shape.cpus, num_gpus=shape.gpus, max_retries=RETRIES, scheduling_strategy="SPREAD"
    )
    device = "cuda:0" if shape.gpus else "cpu"
    open_ = [remote.remote(job, f"ray-{number}", device, shape.cpus) for number in range(shape.workers)]
    codes, errors = [], []
    try:
        while open_:
            ended, open_ = ray.wait(open_, timeout=PAUSE)
            for one in ended:
                try:
                    codes.append(ray.get(one))
                except RayError as error:
                    errors.append(error)
            if DISK_IS_FULL in codes:
                break
    finally:
        for one in open_:
            ray.cancel(one)
        ray.wait(open_, num_returns=len(open_), timeout=PATIENCE + 5) if open_ else None
    require_done(job, codes, f"Ray says: {str(errors[0]).splitlines()[0]}" if errors else "")


def _work(job: SweepJob, name: str, device: str, cpus: int) -> int:
    """Work as a task of Ray, in one of its processes; a cancellation arrives as a KeyboardInterrupt."""
    work = BackgroundWork(job, name, device, threads(cpus))
    try:
        return work.wait()
    finally:
        work.stop()


@contextmanager
def _connected(address: str | None) -> Iterator[None]:
    """Join a cluster, or start one for as long as the body runs."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray  # noqa: PLC0415 - an extra

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address:
        options["address"] = address
    else:
        options |= {"address": "local", "include_dashboard": False}
    try:
        ray.init(**options)
    except (ConnectionError, RuntimeError, ValueError, OSError) as error:
        where = f"the Ray cluster at {address!r}" if address else "Ray on this machine"
        raise LnkitError(f"Could not connect to {where}: {str(error).splitlines()[0]}") from error
    try:
        yield
    finally:
        ray.shutdown()


def _nodes() -> list[tuple[float, float]]:
    import ray  # noqa: PLC0415 - an extra

    listed: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    resources = [node["Resources"] for node in listed if node["Alive"]]
    return [(one.get("CPU", 0.0), one.get("GPU", 0.0)) for one in resources]


def _counted(number: float, noun: str) -> str:
    return f"{number:g} {noun}{'s' * (number != 1)}"


def _gpus(text: str | None) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"0?\.\d{1,4}|[01](\.0)?", text) or (text != "0" and not 0.01 <= float(text) <= 1):
        raise UsageError(f"Expected gpus_per_task from 0 to 1, such as 1, 0.5 or 0, got {text!r}.")
    return float(text)


def _number(option: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not re.fullmatch(r"[1-9]\d{0,5}", text):
        raise UsageError(f"Expected {option} as a whole number from 1, got {text!r}.")
    return int(text)
