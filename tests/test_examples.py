"""Each example runs as its README says, and prints the expected output."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from realdata import RealData

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def example(name: str, folder: Path, *arguments: str, code: int = 0) -> str:
    """Run an example in ``folder`` and return its output, or its errors if ``code`` is not 0."""
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.mark.slow
def test_rank_points_ranks_four_points(tmp_path: Path) -> None:
    pytest.importorskip("lnkit_timm")
    rows = example("rank_points.py", tmp_path).splitlines()
    values = [float(row.split()[2]) for row in rows]
    assert len(values) == 4
    assert values == sorted(values, reverse=True)


@pytest.mark.slow
def test_training_with_a_perceptual_loss_makes_it_smaller(tmp_path: Path) -> None:
    pytest.importorskip("lnkit_timm")
    losses = [
        float(value) for value in re.findall(r"loss ([\d.]+)", example("train_with_perceptual_loss.py", tmp_path))
    ]
    assert len(losses) == 4
    assert losses[-1] < losses[0] / 2


TRAININGS = {  # example -> the package that it needs, how two processes are started, and what is told to the example
    "train_in_pytorch.py": ("torch", True, ()),
    "train_in_lightning.py": ("lightning", False, ("2",)),
    "train_in_accelerate.py": ("accelerate", True, ()),
}


def check_training(said: str) -> None:
    """Check that a training got better, and that the loss network is neither trained nor saved."""
    values = [float(value) for value in re.findall(r"^epoch \d: \w+ ([\d.]+)$", said, flags=re.MULTILINE)]
    assert len(values) == 3
    assert values[-1] < values[0]
    (checkpoint,) = re.findall(r"^checkpoint: (.+)$", said, flags=re.MULTILINE)
    assert sorted(checkpoint.split()) == [f"network.{layer}.{kind}" for layer in (0, 2) for kind in ("bias", "weight")]
    assert "the loss network has changed: False" in said


@pytest.mark.slow
@pytest.mark.parametrize("name", ["train_in_pytorch.py"])
def test_a_training_leaves_the_loss_network_alone(name: str, tmp_path: Path) -> None:
    pytest.importorskip("lnkit_timm")
    check_training(example(name, tmp_path))


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", TRAININGS)
def test_two_processes_train_and_leave_the_loss_network_alone(name: str, tmp_path: Path) -> None:
    package, launched, arguments = TRAININGS[name]
    for needed in ("lnkit_timm", package):
        pytest.importorskip(needed)
    launcher = (
        "-m",
        "torch.distributed.run",
        "--nproc-per-node=2",
        "--rdzv-backend=c10d",
        "--rdzv-endpoint=localhost:0",
    )
    command = [sys.executable, *(launcher if launched else ()), str(EXAMPLES / name), *arguments]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    check_training(done.stdout)


def test_score_judgments_gives_the_published_score(real_data: RealData, tmp_path: Path) -> None:
    judgments = str(real_data("judgments/bapps_val_2afc.npz"))
    first = example("score_judgments.py", tmp_path, judgments, "alex_vanilla").splitlines()[0]
    assert first.split()[:2] == ["2afc", "0.7004"]
    said = example("score_judgments.py", tmp_path, judgments, "alex", code=1)
    assert "has no metric 'alex'; it has: alex_shift_tolerant, alex_vanilla" in said
    assert "JUDGMENTS.npz METRIC" in example("score_judgments.py", tmp_path, code=1)


@pytest.mark.slow
def test_a_second_run_of_an_own_network_is_reused(tmp_path: Path) -> None:
    """Its fingerprint is the same in another process, since all of its code is PyTorch's."""
    first = example("own_network.py", tmp_path)
    names = [line.split()[0] for line in first.splitlines()]
    assert names == ["two_convolutions:shallow", "two_convolutions:deep"]
    folders = {path: path.stat().st_mtime_ns for path in (tmp_path / "results").glob("*/result.json")}
    assert len(folders) == 2
    assert example("own_network.py", tmp_path) == first
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "results").glob("*/result.json")} == folders


def test_the_published_study_is_ranked(tmp_path: Path) -> None:
    said = example("published_study.py", tmp_path)
    assert said.splitlines()[2].split()[0] == "vgg11"
    assert "imagenet_top1" in said
