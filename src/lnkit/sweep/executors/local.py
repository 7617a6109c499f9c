"""The machine itself: one worker on each device, and an end when all tasks are done."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from lnkit.errors import UsageError
from lnkit.progress import Progress
from lnkit.sweep.executor import SweepJob, refuse_unknown, require_done
from lnkit.sweep.supervisor import threads
from lnkit.sweep.worker import DISK_IS_FULL

OPTIONS = {"devices": "such as cuda:0,cuda:1 or cpu,cpu, one process on each; by default all GPUs, else one cpu"}


def start(job: SweepJob, options: Mapping[str, str], progress: Progress) -> str:
    """Run all tasks here; see :class:`lnkit.sweep.executor.Executor`."""
    refuse_unknown("local", options, OPTIONS)
    devices = _devices(options.get("devices", ""))
    # Of all devices, as the bits of a training depend on the threads: they stay the same when few tasks are left.
    share = threads((os.cpu_count() or 1) // len(devices))
    devices = devices[: max(1, job.open)]
    progress.say(f"{len(devices)} {'process' if len(devices) == 1 else 'processes'} on {', '.join(devices)}.")
    stop = threading.Event()
    with ThreadPoolExecutor(len(devices)) as pool:
        workers = [pool.submit(_work, job, number, device, share, stop) for number, device in enumerate(devices)]
        try:
            _wait(workers, stop)
        finally:
            stop.set()
    require_done(job, [worker.result() for worker in workers])
    return ""


def _work(job: SweepJob, number: int, device: str, share: Mapping[str, str], stop: threading.Event) -> int:
    kind, _, index = device.partition(":")
    seen = {"CUDA_VISIBLE_DEVICES": index} if kind == "cuda" and index else {}
    return job.work(f"{kind}-{number}", "cuda:0" if seen else device, {**share, **seen}, stop, waits=True)


def _wait(workers: Sequence[Future[int]], stop: threading.Event) -> None:
    """Wait for all workers; stop them at once when one finds the disk full."""
    open_ = set(workers)
    while open_:
        ended, open_ = wait(open_, timeout=0.5, return_when=FIRST_COMPLETED)  # short, so that Ctrl-C is heard
        if any(worker.exception() or worker.result() == DISK_IS_FULL for worker in ended):
            stop.set()


def _devices(text: str) -> list[str]:
    """Return the named devices, or all GPUs; without one the CPU."""
    if not text or text == "auto":
        return _gpus() or ["cpu"]
    devices = [name.strip() for name in text.split(",")]
    for name in devices:
        kind, colon, index = name.partition(":")
        if kind not in ("cuda", "cpu", "mps") or (colon and not index.isdigit()):
            raise UsageError(f"Expected devices such as cuda:0,cuda:1 or cpu,cpu, got {text!r}.")
    return devices


def _gpus() -> list[str]:
    """Return the GPUs that this process may use, by their names for CUDA_VISIBLE_DEVICES."""
    import torch  # noqa: PLC0415 - slow to import

    visible = [name for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name]
    count = torch.cuda.device_count()
    if not count and torch.backends.mps.is_available():
        return ["mps"]
    return [f"cuda:{visible[number] if number < len(visible) else number}" for number in range(count)]
