"""Calibration from judgments: against the code of LPIPS, exact resume, files that `lin` reads, and faults."""

from __future__ import annotations

import inspect
import shutil
import signal
import threading
import time
from dataclasses import replace
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from earlystopdata import make_judgments
from filelock import FileLock, Timeout
from lpips.trainer import Trainer
from realdata import RealData
from safetensors.torch import load_file

import lnkit
from lnkit.cli import run
from lnkit.distances.lin_weights import load_lin_weights
from lnkit.progress import SilentProgress
from lnkit_calibration.calibration import MODES, CalibrationRequest, CalibrationResult, calibrate
from lnkit_calibration.cli import calibrate as command
from lnkit_calibration.model import CalibrationModel, RankingNetwork, ranking_loss
from lnkit_calibration.task import CalibrationTask, Schedule, score
from lnkit_calibration.triplets import open_triplets

QUICK = Schedule(batch_size=4, epochs=1, decay_epochs=1)
REQUEST = CalibrationRequest("resnet3_64", "stage1", "lin", "random", schedule=QUICK, hold_out=0.25, device="cpu")


@pytest.fixture(scope="module")
def judgments(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_judgments(tmp_path_factory.mktemp("judgments"), rows=24)


def calibrated(judgments: Path, place: Path, request: CalibrationRequest = REQUEST) -> CalibrationResult:
    cache, output = place.parent / "cache", place / "lin.safetensors"
    return calibrate(request, judgments, "val", output, place / "training", cache, SilentProgress())


def test_the_ranking_network_is_that_of_lpips() -> None:
    theirs = lpips.BCERankingLoss()
    ours = RankingNetwork()
    weights = [
        tensor.reshape(own.shape)
        for tensor, own in zip(theirs.net.state_dict().values(), ours.state_dict().values(), strict=True)
    ]
    ours.load_state_dict(dict(zip(ours.state_dict(), weights, strict=True)))
    d0, d1, judged = torch.rand(3, 16)
    expected = theirs(d0.view(-1, 1, 1, 1), d1.view(-1, 1, 1, 1), (2 * judged - 1).view(-1, 1, 1, 1))
    torch.testing.assert_close(ranking_loss(ours(d0, d1), judged), expected)


@pytest.mark.parametrize(("backbone", "name"), [("alexnet", "alex"), ("squeezenet1_1", "squeeze"), ("vgg16", "vgg")])
def test_distances_are_those_of_lpips(backbone: str, name: str) -> None:
    """With its own `lin` weights, on a trunk of the same random weights."""
    torch.manual_seed(0)
    theirs = lpips.LPIPS(net=name, pnet_rand=True, verbose=False).eval()
    network = lnkit.load_loss_network(backbone, "lpips", weights="random", normalization="lpips")
    trunk = dict(zip(_names(network), theirs.net.state_dict().values(), strict=True))
    network.load_state_dict(network.state_dict() | trunk)
    ours = CalibrationModel(network, trains_backbone=False).eval()
    for own, weight in zip(ours.lin, load_lin_weights(f"lpips:{backbone}", len(ours.lin)), strict=True):
        own.data.copy_(weight)
    images = torch.rand(3, 2, 3, 64, 64)
    with torch.no_grad():
        found = ours.distances(*images)
        expected = [theirs(images[0], other, normalize=True).flatten() for other in images[1:]]
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-6)


def _names(network: lnkit.LossNetwork) -> list[str]:
    return [name for name in network.state_dict() if name.startswith("backbone.")]


def test_the_learning_rate_falls_as_in_lpips() -> None:
    """`update_learning_rate` of its trainer, called after every epoch beyond the first five."""
    rate, expected = 1.0, []
    for epoch in range(1, 11):
        expected.append(rate)
        if epoch > 5:
            rate -= 1 / 5
    found = [Schedule().factor(epoch * 7, 7) for epoch in range(10)]
    assert found == pytest.approx(expected)


def test_the_defaults_are_those_that_zhang2018_states() -> None:
    """In appendix B of arXiv 1801.03924, and in the package of its authors."""
    schedule = Schedule()
    assert (schedule.lr, schedule.batch_size, schedule.epochs, schedule.decay_epochs) == (1e-4, 50, 5, 5)
    theirs = inspect.signature(Trainer.initialize).parameters
    assert (schedule.lr, schedule.betas) == (theirs["lr"].default, (theirs["beta1"].default, 0.999))
    assert {option.name: option.default for option in command.params if option.name in ("lr", "batch_size")} == {
        "lr": 1e-4, "batch_size": 50,
    }  # fmt: skip


def test_files_give_the_same_scores_through_lnkit_eval(judgments: Path, tmp_path: Path) -> None:
    done = calibrated(judgments, tmp_path / "run")
    weights = load_lin_weights(str(done.lin), 1)
    assert weights[0].shape == (64,)
    assert float(weights[0].min()) >= 0
    assert done.held_out == 6
    untouched = lnkit.load_loss_network("resnet3_64", "stage1", weights="random")
    model = CalibrationModel(untouched, trains_backbone=False).eval()
    model.lin[0].data.copy_(weights[0])
    everything = open_triplets(judgments, "val", tmp_path / "cache", SilentProgress())
    (finished,) = lnkit.evaluate(
        "resnet3_64", "stage1", data=judgments, results=tmp_path / "results", device="cpu", weights="random",
        overrides={"distance": "lin", "lin_weights": str(done.lin)},
    )  # fmt: skip
    assert finished.record.scores["2afc"].value == pytest.approx(score(model, everything, torch.device("cpu")))


@pytest.mark.parametrize("mode", ["tune", "scratch"])
def test_a_trained_backbone_is_written_whole(mode: str, judgments: Path, tmp_path: Path) -> None:
    done = calibrated(judgments, tmp_path / mode, replace(REQUEST, mode=mode))
    assert done.backbone is not None
    before = lnkit.load_backbone("resnet3_64", weights="random").state_dict()
    after = lnkit.load_backbone("resnet3_64", weights=str(done.backbone)).state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert "stem.0.weight" in changed
    assert not any(name.startswith("classifier") for name in changed)


def test_a_frozen_backbone_stays_as_it_is(judgments: Path, tmp_path: Path) -> None:
    assert calibrated(judgments, tmp_path / "run").backbone is None


def test_a_killed_calibration_ends_with_the_same_bits(
    judgments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = calibrated(judgments, tmp_path / "whole")
    validate = CalibrationTask.validate
    with monkeypatch.context() as patched:
        patched.setattr(CalibrationTask, "validate", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            calibrated(judgments, tmp_path / "killed")
    assert CalibrationTask.validate is validate
    killed = calibrated(judgments, tmp_path / "killed")
    assert torch.equal(load_file(whole.lin)["lin0.weight"], load_file(killed.lin)["lin0.weight"])


def test_a_split_for_training_leaves_val_for_scoring(judgments: Path, tmp_path: Path) -> None:
    shutil.copytree(judgments / "2afc/val", tmp_path / "data/2afc/train")
    shutil.copytree(judgments / "2afc/val", tmp_path / "data/2afc/val")
    output = tmp_path / "lin.safetensors"
    done = calibrate(REQUEST, tmp_path / "data", "train", output, tmp_path / "t", tmp_path / "cache", SilentProgress())
    assert done.held_out == 24


@pytest.mark.exhaustive
def test_real_judgments_teach_something(real_data: RealData, home: Path, tmp_path: Path) -> None:
    """SqueezeNet at its first point, one epoch on a third of the real triplets; scored on the others."""
    weights = str(real_data("weights/squeezenet1_1.safetensors"))
    request = CalibrationRequest(
        "squeezenet1_1", "early", "lin", weights, schedule=Schedule(lr=1e-3, epochs=1, decay_epochs=0), hold_out=0.66
    )
    output = tmp_path / "lin.safetensors"
    done = calibrate(request, real_data("human_2afc"), "val", output, tmp_path / "t", home / "cache", SilentProgress())
    assert done.after > done.before + 0.01


def spoil_judgment(root: Path) -> None:
    np.save(next((root / "2afc/val").rglob("*.npy")), np.array([2.0]))


def lose_image(root: Path) -> None:
    next((root / "2afc/val/noise/p0").glob("*.png")).unlink()


@pytest.mark.parametrize(("spoil", "said"), [(spoil_judgment, "fraction of people"), (lose_image, "no file for item")])
def test_faults_of_data_are_named(spoil, said: str, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    root = make_judgments(tmp_path / "data")
    spoil(root)
    with pytest.raises(lnkit.DataError, match=said):
        calibrated(root, tmp_path / "run")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--output", "{}/lin.pth"], 2, "Expected an output file that ends with .safetensors"),
        (["--output", "{}/exists.safetensors"], 2, "exists"),
        (
            ["--output", "{}/lin.safetensors"],
            1,
            "data of the split 'train'. Expected BAPPS's layout: 2afc/train/<family>",
        ),
        (["--output", "{}/lin.safetensors", "--mode", "best"], 2, "--mode"),
    ],
)
def test_wrong_usage(
    words: list[str], code: int, said: str, judgments: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "exists.safetensors").touch()
    shown = [word.format(tmp_path) for word in words]
    begin = ["calibrate", "--backbone", "resnet3_64", "--point", "stage1", "--data", str(judgments)]
    assert run([*begin, *shown]) == code
    assert said in capsys.readouterr().err
    assert not (tmp_path / "lin.safetensors").exists()


@pytest.mark.parametrize(
    "words", [["--lr", "nan"], ["--lr", "inf"], ["--hold-out", "nan"], ["--seed", "-1"], ["--epochs", "9" * 30]]
)
def test_numbers_that_no_training_can_have(
    words: list[str], judgments: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    begin = ["calibrate", "--backbone", "resnet3_64", "--point", "stage1", "--data", str(judgments)]
    assert run([*begin, "--output", str(tmp_path / "lin.safetensors"), *words]) == 2
    assert f"Invalid value for '{words[0]}'" in capsys.readouterr().err


def test_a_calibration_holds_a_lock_and_replaces_no_file_of_another(
    judgments: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import lnkit_calibration.calibration

    output = tmp_path / "lin.safetensors"
    words = ["calibrate", "--backbone", "resnet3_64", "--point", "stage1", "--data", str(judgments)]
    words += ["--output", str(output)]
    lock_file = tmp_path / ".lin.training.lock"

    def calibrate(*_: object) -> None:
        with pytest.raises(Timeout):
            FileLock(lock_file).acquire(timeout=0)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(lnkit_calibration.calibration, "calibrate", calibrate)
    assert run(words) == 130
    capsys.readouterr()

    held = threading.Event()

    def write_meanwhile() -> None:
        with FileLock(lock_file):
            held.set()
            time.sleep(1)
            output.write_bytes(b"of another")

    other = threading.Thread(target=write_meanwhile)
    other.start()
    held.wait()
    assert run(words) == 2
    other.join()
    err = capsys.readouterr().err
    assert "Waiting for another process that is calibrating" in err
    assert f"{output} exists" in err
    assert output.read_bytes() == b"of another"


def test_the_command_says_how_to_use_it(judgments: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "--backbone",
        "resnet3_64",
        "--point",
        "stage1",
        "--weights",
        "random",
        "--split",
        "val",
        "--batch-size",
        "4",
    ]
    words += ["--epochs", "1", "--decay-epochs", "1", "--device", "cpu", "--output", str(tmp_path / "lin.safetensors")]
    assert run(["calibrate", "--data", str(judgments), *words]) == 0
    printed = capsys.readouterr()
    assert "held-out triplets" in printed.out
    assert f"lin_weights={tmp_path / 'lin.safetensors'}" in printed.err
    assert set(MODES) == {"lin", "tune", "scratch"}
