"""A pool of devices: the trainings of a sweep run on it as separate processes, one at a time on each device."""

from __future__ import annotations

import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import lnkit
from lnkit.progress import Progress

LOG = "train.log"  # output of a training, in the folder of its run


def run_trainings(
    commands: Mapping[str, Sequence[str]], folders: Mapping[str, Path], devices: Sequence[str], progress: Progress
) -> None:
    """Run `lnkit earlystop train` for each value; finished trainings take no time.

    An interrupt stops all of them; each is resumed when the sweep is started again.

    Args:
        commands: value -> words after `lnkit earlystop train`.
        folders: value -> folder of its run.
        devices: names; one training at a time on each.
        progress: shows the finished trainings.

    Raises:
        lnkit.LnkitError: trainings failed. The others are finished first, and the message names every failure.
    """
    pool = _DevicePool(devices)
    failed: dict[str, str] = {}
    with (
        progress.task("sweep", len(commands), unit="trainings") as advance,
        ThreadPoolExecutor(len(devices)) as threads,
    ):
        try:
            futures = {value: threads.submit(pool.train, words, folders[value]) for value, words in commands.items()}
            for value, future in futures.items():
                if error := future.result():
                    failed[value] = error
                advance(1, f"{value} is done")
        except BaseException:
            pool.stop()
            raise
    if failed:
        text = "; ".join(f"{value}: {error}" for value, error in failed.items())
        raise lnkit.LnkitError(f"{len(failed)} of {len(commands)} trainings failed ({text}). The others are finished.")


class _DevicePool:
    """Runs trainings on free devices."""

    def __init__(self, devices: Sequence[str]) -> None:
        self.free: queue.Queue[str] = queue.Queue()
        for device in devices:
            self.free.put(device)
        self.running: set[subprocess.Popen[str]] = set()
        self.lock = threading.Lock()
        self.stopped = False

    def train(self, words: Sequence[str], folder: Path) -> str:
        """Run one training on the next free device; return its error message, "" if it succeeded."""
        device = self.free.get()
        try:
            return self._train([*words, "--device", device, "--output", str(folder)], folder)
        finally:
            self.free.put(device)

    def stop(self) -> None:
        """Stop all running trainings, and start no more."""
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.terminate()

    def _train(self, words: Sequence[str], folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "lnkit_earlystop.sweeps.child", *words]
        with (folder / LOG).open("w", encoding="utf-8") as log:
            with self.lock:
                if self.stopped:
                    return "stopped"
                process = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, text=True
                )
                self.running.add(process)
            with process:  # its input closes with this process, and ends it
                process.wait()
        with self.lock:
            self.running.discard(process)
        return "" if process.returncode == 0 else _last_line(folder / LOG)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"no output; see {log}"
