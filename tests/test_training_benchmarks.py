"""The bundled benchmarks that train: killed anywhere and started again, they end with the same bits and scores."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lnkit.cli import run
from lnkit.training import loop
from lnkit.training.checkpoints import read_checkpoint, write_checkpoint

Capture = pytest.CaptureFixture[str]
Whole = Callable[[str, Capture], tuple[str, str]]

FROZEN, FOLLOWING = ["--backbone", "pixel"], ["--backbone", "resnet18", "--weights", "random", "--point", "semi_early"]
EMBEDDED = ["epochs=1", "mlp_epochs=2", "unlabeled_images=512", "batch_size=64"]
SHORT = {  # benchmark -> its loss network, a sample cut shorter still, how many checkpoints come before it is stopped
    "superres": (FROZEN, ["iterations=6", "validate_every=3", "train_images=16"], 4),
    "delineation": (FROZEN, ["epochs=2"], 7),
    "autoencoder": (FROZEN, EMBEDDED, 5),
    "autoencoder with its loss network in training mode": (FOLLOWING, [*EMBEDDED, "loss_mode=train"], 5),
}
EACH = [  # the loop and its checkpoints are the same for all: one benchmark in every run of the tests, all in test-all
    pytest.param(bench, marks=[] if bench == "superres" else [pytest.mark.exhaustive]) for bench in SHORT
]
STATE = ("network", "optimizer", "iteration")
pytestmark = pytest.mark.slow


class StoppedError(Exception):
    pass


def command(bench: str, results: Path) -> list[str]:
    backbone, changes, _ = SHORT[bench]
    options = [*backbone, *(word for change in changes for word in ("--set", change))]
    arguments = ["eval", "--bench", bench.split()[0], "--sample", "--device", "cpu", *options]
    return [*arguments, "--results", str(results), "--json"]


def outcome(bench: str, results: Path, capsys: Capture) -> tuple[str, str]:
    """The scores, and a digest of all trained weights and logs."""
    assert run(command(bench, results)) == 0, capsys.readouterr().err
    return summary(capsys.readouterr().out)


def summary(output: str) -> tuple[str, str]:
    (record,) = json.loads(output)
    folder, content = Path(record["folder"]), hashlib.sha256()
    kept = [name for name in record["files"] if name.endswith((".safetensors", "log.csv"))]
    for name in sorted(kept):
        content.update(name.encode() + (folder / name).read_bytes())
    assert kept
    return json.dumps({name: score["value"] for name, score in record["scores"].items()}), content.hexdigest()


@pytest.fixture
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """A checkpoint after every step."""
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Capture], tuple[str, str]]:
    """Give what a benchmark's uninterrupted run ends with; it runs once for all tests."""
    ended: dict[str, tuple[str, str]] = {}

    def of(bench: str, capsys: Capture) -> tuple[str, str]:
        if bench not in ended:
            ended[bench] = outcome(bench, tmp_path_factory.mktemp(bench), capsys)
        return ended[bench]

    return of


def stop(bench: str, results: Path, capsys: Capture) -> None:
    """Run until so many checkpoints are written, and then no further, as if the power were cut."""
    written = 0

    def write_and_stop(*arguments: Any) -> None:
        nonlocal written
        write_checkpoint(*arguments)
        written += 1
        if written == SHORT[bench][2]:
            raise StoppedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "write_checkpoint", write_and_stop)
        assert run(command(bench, results)) == 1
    assert "StoppedError" in capsys.readouterr().err
    assert not list(results.glob("*/result.json"))


@pytest.mark.parametrize("bench", EACH)
def test_goes_on_to_the_same_bits_and_needs_all_of_the_state(
    bench: str, whole: Whole, often: None, tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop(bench, tmp_path / "stopped", capsys)
    parts = (*STATE, "loss_network") if SHORT[bench][0] == FOLLOWING else STATE
    for part in parts:
        shutil.copytree(tmp_path / "stopped", tmp_path / part)
    assert outcome(bench, tmp_path / "stopped", capsys) == whole(bench, capsys)

    first = first_state(bench, tmp_path / "first", capsys)
    for part in parts:

        def without(folder: Path, facts: Any, part: str = part) -> Any:
            found = read_checkpoint(folder, facts)
            if found is None or found.iteration == 0:
                return found
            if part == "iteration":
                return replace(found, iteration=found.iteration - 1)
            return replace(found, state=found.state | {part: first[part]})

        with monkeypatch.context() as patch:
            patch.setattr(loop, "read_checkpoint", without)
            assert outcome(bench, tmp_path / part, capsys)[1] != whole(bench, capsys)[1], (
                f"{part} was left out, and nothing differs"
            )


def first_state(bench: str, results: Path, capsys: Capture) -> dict[str, Any]:
    """The state before the first step."""
    states: list[dict[str, Any]] = []

    def remember(folder: Path, checkpoint: Any, facts: Any) -> None:
        states.append(checkpoint.state)
        raise StoppedError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "write_checkpoint", remember)
        assert run(command(bench, results)) == 1
    capsys.readouterr()
    return states[0]


@pytest.mark.parametrize("bench", EACH)
def test_kill_9(bench: str, whole: Whole, tmp_path: Path, capsys: Capture, often: None) -> None:
    """Real kills at moments that nobody chose, while it trains and writes checkpoints all the time."""
    chance = random.Random(bench)
    for _ in range(2):
        process = start(bench, tmp_path / "killed")
        try:
            process.wait(timeout=chance.uniform(0.5, 3))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    output, errors = start(bench, tmp_path / "killed").communicate(timeout=300)
    assert output, errors
    assert summary(output) == whole(bench, capsys)


def start(bench: str, results: Path) -> subprocess.Popen[str]:
    """Run in a process of its own, and come back when its training has begun."""
    code = (
        "import sys, torch\n"
        "from lnkit.training import loop\n"
        "from lnkit.cli import run\n"
        "loop.CHECKPOINT_SECONDS = -1.0\n"
        f"torch.set_num_threads({threads()})\n"
        f"sys.exit(run({command(bench, results)!r}))\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    while process.poll() is None and not list(results.glob(".parts/*/*/checkpoints/*/state.json")):
        try:
            process.wait(timeout=0.05)
        except subprocess.TimeoutExpired:
            continue
    return process


def threads() -> int:
    """Sums are added up in another order by another number of threads."""
    import torch

    return torch.get_num_threads()
