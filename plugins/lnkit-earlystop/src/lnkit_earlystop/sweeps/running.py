"""Trainings of a sweep as processes of their own, as many at a time as there are devices."""

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

LOG = "train.log"  # what a training said


def run_all(
    commands: Mapping[str, Sequence[str]], folders: Mapping[str, Path], devices: Sequence[str], progress: Progress
) -> None:
    """Carry out `lnkit earlystop train` for each value; what is finished already takes no time.

    An interrupt ends them all, and each goes on where it stopped when the sweep is started again.

    Args:
        commands: value -> words after `lnkit earlystop train`.
        folders: value -> folder of its run.
        devices: one training at a time on each.
        progress: hears of finished trainings.

    Raises:
        lnkit.LnkitError: trainings failed; the others are finished first, and the message names them all.
    """
    free: queue.Queue[str] = queue.Queue()
    for device in devices:
        free.put(device)
    crew = _Crew(free)
    failed: dict[str, str] = {}
    with progress.task("sweep", len(commands), unit="trainings") as advance, ThreadPoolExecutor(len(devices)) as pool:
        try:
            waiting = {value: pool.submit(crew.train, words, folders[value]) for value, words in commands.items()}
            for value, one in waiting.items():
                if complaint := one.result():
                    failed[value] = complaint
                advance(1, f"{value} is done")
        except BaseException:
            crew.stop()
            raise
    if failed:
        text = "; ".join(f"{value}: {complaint}" for value, complaint in failed.items())
        raise lnkit.LnkitError(f"{len(failed)} of {len(commands)} trainings failed ({text}). The rest is finished.")


class _Crew:
    """Runs commands on free devices."""

    def __init__(self, free: queue.Queue[str]) -> None:
        self.free = free
        self.running: set[subprocess.Popen[str]] = set()
        self.lock = threading.Lock()
        self.stopped = False

    def train(self, words: Sequence[str], folder: Path) -> str:
        """One training; returns its complaint, "" if it succeeded."""
        device = self.free.get()
        try:
            return self._train([*words, "--device", device, "--output", str(folder)], folder)
        finally:
            self.free.put(device)

    def stop(self) -> None:
        with self.lock:
            self.stopped = True
            for process in self.running:
                process.terminate()

    def _train(self, words: Sequence[str], folder: Path) -> str:
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "lnkit", "earlystop", "train", *words]
        with (folder / LOG).open("w", encoding="utf-8") as log:
            with self.lock:
                if self.stopped:
                    return "stopped"
                process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, text=True)
                self.running.add(process)
            process.wait()
        with self.lock:
            self.running.discard(process)
        return "" if process.returncode == 0 else _last_line(folder / LOG)


def _last_line(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else f"nothing was said; see {log}"
