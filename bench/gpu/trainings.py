"""The samples of the three benchmarks that train: killed and resumed, they end with the same bits.

If bits differ, a second whole run tells whether the device repeats any training, or whether resuming is at fault.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from bench.gpu.results import Figures, Row
from bench.gpu.settings import Settings

QUICK: dict[str, tuple[str, ...]] = {  # benchmark -> a training of seconds
    "superres": ("iterations=6", "validate_every=3", "train_images=16"),
    "delineation": ("epochs=2",),
    "autoencoder": ("epochs=1", "mlp_epochs=2", "unlabeled_images=512", "batch_size=64"),
}
FULL: dict[str, tuple[str, ...]] = dict.fromkeys(QUICK, ())  # benchmark -> changes of its sample
NETWORK, QUICK_NETWORK = ("squeezenet1_1", "mid"), ("pixel", "image")  # backbone and point
TIMEOUT = 150.0  # seconds of one process
PROGRAM = (
    "import sys\n"
    "from lnkit.training import loop\n"
    "from lnkit.cli import run\n"
    "loop.CHECKPOINT_SECONDS = -1.0\n"  # after every step, so that a kill always finds one
    "sys.exit(run(sys.argv[1:]))\n"
)
NOT_DETERMINISTIC = re.compile(r"(\w+) does not have a deterministic implementation|(CuBLAS) and you have CUDA")


@dataclass(frozen=True, slots=True)
class Trained:
    """The end of a training."""

    digest: str  # of all weights and logs
    scores: dict[str, float]
    remarks: tuple[str, ...]  # operations that torch calls not deterministic


class TrainingError(Exception):
    """A process that trains failed."""


def check(settings: Settings) -> Iterator[Row]:
    """Train each benchmark's sample twice: once in one go, once killed and resumed. On a GPU, three at a time."""
    changes = settings.size(FULL, QUICK)
    with ThreadPoolExecutor(len(changes) if settings.on_cuda else 1) as pool:
        started = [pool.submit(check_benchmark, bench, changes[bench], settings) for bench in changes]
        try:
            for done in as_completed(started):
                yield done.result()
        finally:
            pool.shutdown(cancel_futures=True)


def check_benchmark(bench: str, changes: tuple[str, ...], settings: Settings) -> Row:
    """Train one benchmark's sample, and compare the bits."""
    before = time.monotonic()
    folder = settings.folder / "trainings"
    try:
        whole = train(bench, changes, settings, folder / f"{bench}-whole")
        seconds = time.monotonic() - before
        if not kill(bench, changes, settings, folder / f"{bench}-killed"):
            return Row(bench, whole.scores, "it ended before it could be killed")
        resumed = train(bench, changes, settings, folder / f"{bench}-killed")
        figures: Figures = {"seconds": seconds, **whole.scores}
        if resumed.digest == whole.digest:
            return Row(bench, {"same bits": "yes", **figures})
        again = train(bench, changes, settings, folder / f"{bench}-again")
    except TrainingError as error:
        return Row(bench, problem=str(error))
    return explain_difference(bench, whole, again, figures)


def explain_difference(bench: str, whole: Trained, again: Trained, figures: Figures) -> Row:
    """Return the row of a training whose bits differ after a kill; ``again`` is another whole run."""
    if again.digest == whole.digest:
        return Row(bench, {"same bits": "no", **figures}, "two whole runs agree, but a resumed one differs")
    named = ", ".join(dict.fromkeys((*whole.remarks, *again.remarks)))
    if not named:
        return Row(bench, {"same bits": "no", **figures}, "two whole runs differ, and torch names no reason")
    return Row(bench, {"same bits": f"no: not even two whole runs agree; not deterministic: {named}", **figures})


def train(bench: str, changes: tuple[str, ...], settings: Settings, results: Path) -> Trained:
    """Run `lnkit eval` to its end in a process of its own.

    Raises:
        TrainingError: It failed.
    """
    process = _start(bench, changes, settings, results)
    try:
        output, errors = process.communicate(timeout=TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise TrainingError(f"lnkit eval took more than {TIMEOUT:.0f} seconds") from error
    finally:
        process.kill()
    if process.returncode:
        raise TrainingError(f"lnkit eval ended with {process.returncode}: {_last_line(errors)}")
    return _read(output, errors)


def kill(bench: str, changes: tuple[str, ...], settings: Settings, results: Path) -> bool:
    """Start a training and kill it as soon as it has done a step; return False if it had ended by then."""
    process = _start(bench, changes, settings, results)
    deadline = time.monotonic() + TIMEOUT
    while process.poll() is None and not _has_stepped(results) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed = process.poll() is None
    if killed:
        process.send_signal(signal.SIGKILL)
    process.communicate()
    return killed


def _start(bench: str, changes: tuple[str, ...], settings: Settings, results: Path) -> subprocess.Popen[str]:
    overrides = [word for change in changes for word in ("--set", change)]
    backbone, point = settings.size(NETWORK, QUICK_NETWORK)
    network = ["--backbone", backbone, "--point", point, "--weights", "random"]
    where = ["--device", settings.device, "--results", str(results)]
    arguments = ["eval", *network, "--bench", bench, "--sample", *overrides, *where, "--json"]
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ)


def _has_stepped(results: Path) -> bool:
    files = results.glob(".parts/*/*/checkpoints/*/state.json")
    return any(file.parent.name.isdigit() and int(file.parent.name) > 0 for file in files)


def _read(output: str, errors: str) -> Trained:
    (record,) = json.loads(output)
    folder, content = Path(record["folder"]), hashlib.sha256()
    kept = sorted(name for name in record["files"] if name.endswith((".safetensors", "log.csv")))
    if not kept:
        raise TrainingError("the record names no weights")
    for name in kept:
        content.update(name.encode() + (folder / name).read_bytes())
    scores = {name: float(score["value"]) for name, score in record["scores"].items() if score["primary"]}
    remarks = dict.fromkeys(match[1] or match[2] for match in NOT_DETERMINISTIC.finditer(errors))
    return Trained(content.hexdigest(), scores, tuple(remarks))


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1] if lines else "no message"
