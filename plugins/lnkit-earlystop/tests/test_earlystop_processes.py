"""Several processes of `lnkit earlystop` on one folder, and trainings that end with their sweep."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from earlystopdata import make_folders
from safetensors.torch import load_file

from lnkit.cli import run

NETWORK = "resnet3_w0.125_32"
TRAIN = ["--batch-size", "12", "--checkpoint-every", "3"]


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_folders(tmp_path_factory.mktemp("images") / "data")


def start(words: list[str], folder: Path) -> subprocess.Popen[str]:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "lnkit", "earlystop", *words]
    return subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition: Callable[[], object], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def alive(word: str) -> list[int]:
    """Return the processes that have ``word`` in their command lines."""
    listed = subprocess.run(["ps", "-eo", "pid=,stat=,args="], capture_output=True, text=True, check=True).stdout
    lines = [line.split(None, 2) for line in listed.splitlines() if word in line]
    return [int(pid) for pid, state, _ in lines if not state.startswith("Z") and int(pid) != os.getpid()]


@pytest.mark.exhaustive
def test_two_trainings_in_one_folder_are_one(images: Path, tmp_path: Path) -> None:
    words = ["train", NETWORK, "--data", str(images), *TRAIN, "--epochs", "6", "--no-ps", "--device", "cpu"]
    both = [start([*words, "--output", str(tmp_path / "shared")], tmp_path) for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum("Waiting for another process that is training in" in err for _, err in said) == 1
    alone = start([*words, "--output", str(tmp_path / "alone")], tmp_path)
    alone.communicate(timeout=300)
    lines = [(tmp_path / name / "training/finished/log.csv").read_text() for name in ("shared", "alone")]
    assert lines[0] == lines[1], "lines are doubled, or missing"
    for name in ("step-0000003.safetensors", "step-0000018.safetensors"):
        states = [load_file(tmp_path / folder / "checkpoints" / name) for folder in ("shared", "alone")]
        assert states[0].keys() == states[1].keys()
        assert all(torch.equal(tensor, states[1][key]) for key, tensor in states[0].items())


def test_a_training_holds_a_lock(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from filelock import FileLock, Timeout

    import lnkit_earlystop.run

    out = tmp_path / "run"

    def train(*_: object) -> None:
        with pytest.raises(Timeout):
            FileLock(out / ".training.lock").acquire(timeout=0)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(lnkit_earlystop.run, "train_classifier", train)
    words = ["earlystop", "train", NETWORK, "--data", str(images), *TRAIN, "--no-ps", "--device", "cpu"]
    assert run([*words, "--output", str(out)]) == 130
    FileLock(out / ".training.lock").acquire(timeout=0).lock.release()


SWEEP = ["sweep", "dropout", NETWORK, "--values", "0,0.2", "--epochs", "2000", *TRAIN, "--devices", "cpu,cpu"]


@pytest.mark.exhaustive
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_trainings_end_with_their_sweep_and_go_on(sent: signal.Signals, images: Path, tmp_path: Path) -> None:
    out = tmp_path / f"sweep-{sent.name}"
    words = [*SWEEP, "--data", str(images), "--output", str(out)]
    sweep = start(words, tmp_path)
    wait_for(lambda: len(list(out.glob("*/checkpoints/*.safetensors"))) > 2)
    assert len(alive("lnkit.sweep.worker")) >= 2
    sweep.send_signal(sent)
    sweep.communicate(timeout=60)
    assert sweep.returncode == (130 if sent == signal.SIGINT else -sent)
    wait_for(lambda: not alive(str(out)), seconds=20)
    before = {file: file.stat().st_mtime_ns for file in out.glob("*/checkpoints/*.safetensors")}
    sweep = start(words, tmp_path)
    wait_for(lambda: len(list(out.glob("*/checkpoints/*.safetensors"))) > len(before) + 2)
    sweep.kill()
    sweep.communicate(timeout=60)
    wait_for(lambda: not alive(str(out)), seconds=20)
    logs = [path.read_text() for path in out.glob(".sweep/logs/*.log")]
    assert not any("Traceback" in text for text in logs)


@pytest.mark.parametrize(
    ("hyperparameter", "values", "said"),
    [
        ("weight_decay", "../../x", "got '../../x'"),
        ("weight_decay", "1e-4,much", "The value 'much' cannot be trained: .*--weight-decay"),
        ("dropout", "1", "The value '1' cannot be trained: .*--dropout"),
        ("epochs", "nan", "The value 'nan' cannot be trained"),
        ("epochs", "inf", "The value 'inf' cannot be trained"),
        ("lr", "-1", "The value '-1' cannot be trained"),
        ("classes_random", "1", "The value '1' cannot be trained"),
    ],
)
def test_values_are_checked_before_the_first_training(
    hyperparameter: str, values: str, said: str, images: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep/sweep"
    words = ["earlystop", "sweep", hyperparameter, NETWORK, "--data", str(images), "--values", values]
    assert run([*words, "--devices", "cpu", "--output", str(out)]) == 2
    import re

    assert re.search(said, capsys.readouterr().err)
    assert list(tmp_path.iterdir()) == []
