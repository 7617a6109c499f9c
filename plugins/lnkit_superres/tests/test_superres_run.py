"""The whole benchmark on its sample: trainings, scores, pictures, and going on after a kill."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import rgb2ycbcr
from torch import Tensor, nn
from torchmetrics.functional.image import peak_signal_noise_ratio

from lnkit.benchmark import BenchmarkData
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import FinishedRun, run
from lnkit.networks.loss_network import LossNetwork
from lnkit.progress import SilentProgress
from lnkit.results.images import GAP, LINE
from lnkit.specs import ExtractionPoint, LossNetworkId
from lnkit.testing.benchmarks import build_tiny
from lnkit.training import loop
from lnkit.training.device_setup import DeviceSetup
from lnkit.training.images import to_pixels
from lnkit.training.perceptual_loss import DeepPerceptualLoss
from lnkit.training_task import TrainingResult, TrainingSettings, Validation
from lnkit_superres.data import ImageSet, SuperresData, TrainingImages
from lnkit_superres.degradation import enlarge_bicubic
from lnkit_superres.evaluation import evaluate
from lnkit_superres.metrics import measure, psnr
from lnkit_superres.protocol import VARIANTS, SuperresProtocol
from lnkit_superres.run import run as run_benchmark
from lnkit_superres.task import SuperresTask

SMALL = {"iterations": "4", "validate_every": "2", "factors": "4+8", "residual_blocks": "1", "train_images": "8"}
FAST = replace(VARIANTS["sample"], residual_blocks=1, iterations=6, validate_every=2)


def sample_run(results: Path, backbone: str = "pixel", **changes: Any) -> FinishedRun:
    request = RunRequest(
        backbone, bench="superres", sample=True, overrides=SMALL, results=results, device="cpu", **changes
    )
    (finished,) = run(request)
    return finished


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> FinishedRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LNKIT_CACHE", str(tmp_path_factory.mktemp("cache")))
        return sample_run(tmp_path_factory.mktemp("results"), keep_images=True)


def test_each_measure_of_each_set_with_bicubic_beside_it(finished: FinishedRun) -> None:
    scores = finished.record.scores
    measures = ("psnr", "ssim", "psnr_torchmetrics", "ssim_torchmetrics")
    names = {f"x{f}_{m}_{s}" for f in (4, 8) for m in measures for s in ("set5", "set14", "bsd100")}
    assert set(scores) == names
    assert {scores[name].n for name in names if "bsd100" in name} == {6}
    assert all(set(score.baselines) == {"bicubic"} for score in scores.values())
    assert scores["x4_psnr_set5"].baselines["bicubic"] > scores["x8_psnr_set5"].baselines["bicubic"]


def test_kept_images_are_what_was_scored(finished: FinishedRun) -> None:
    images = sorted((finished.folder / "images" / "x4" / "set5").glob("*.png"))
    assert [path.name for path in images] == ["001.png", "002.png", "003.png"]
    with np.load(next(finished.folder.glob("*.npz"))) as kept:
        assert kept["x4/set5/psnr"].mean() == pytest.approx(finished.record.scores["x4_psnr_set5"].value, abs=1e-5)
        assert len(kept["x8/bsd100/bicubic_ssim"]) == 6


def test_a_contact_sheet_shows_every_set_at_every_factor(finished: FinishedRun) -> None:
    with Image.open(finished.folder / "contact_sheet.png") as sheet:
        assert sheet.height > LINE + GAP + 2 * 3 * 2 * (192 + GAP), "the names of the photographs are below the rows"
    for factor in ("x4", "x8"):
        assert (finished.folder / factor / "log.csv").is_file()


def test_the_same_scores_again(finished: FinishedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    again = sample_run(tmp_path / "results").record.scores
    assert {name: score.value for name, score in again.items()} == {
        name: score.value for name, score in finished.record.scores.items()
    }


def test_measures_are_those_of_the_output_and_of_nothing_done_to_it() -> None:
    """No histogram is matched, as Johnson2016 did: a darker output counts as it is, rounded and unrounded."""
    truth = Image.fromarray(photographs(1, 3).high[0])
    darker = np.asarray(truth)[np.newaxis] * 0.9 + 0.05  # never half a step
    network = Enlarging(darker)
    protocol = replace(FAST, factors="4", test_images="full")
    (image,) = evaluate(network, ImageSet(("a",), (truth,), ""), protocol, 4)
    rounded = np.round(darker[0]).astype(np.uint8)
    np.testing.assert_array_equal(image.output, rounded)
    measured, expected = image.measures(2), measure(rounded, darker[0] / 255, np.asarray(truth), 2)
    assert {name: measured[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    bicubic = enlarge_bicubic(image.low, 4)
    expected = measure(bicubic, bicubic / 255, np.asarray(truth), 2)
    assert {name: measured[f"bicubic_{name}"] for name in expected} == pytest.approx(expected, abs=1e-9)


def photographs(count: int, seed: int) -> TrainingImages:
    draw = np.random.default_rng(seed)
    coarse = draw.integers(0, 256, (count, 10, 10, 3), dtype=np.uint8)
    high = np.stack([enlarge_bicubic(image, 8) for image in coarse])
    low = np.stack([np.asarray(Image.fromarray(image).resize((20, 20), Image.Resampling.BICUBIC)) for image in high])
    return TrainingImages(high, {4: low}, "")


def make_task(protocol: SuperresProtocol = FAST, valid: int = 3) -> SuperresTask:
    torch.manual_seed(1)
    loss = DeepPerceptualLoss(LossNetwork(build_tiny(), [ExtractionPoint("coarse", "coarse")], name="tiny"))
    return SuperresTask(4, protocol, SuperresData(photographs(8, 0), photographs(valid, 1), {}), loss, SilentProgress())


def settings(**changes: Any) -> TrainingSettings:
    usual = TrainingSettings(
        "x4", "x4", FAST.iterations, FAST.batch_size, FAST.validate_every, 5, "psnr", higher_is_better=True
    )
    return replace(usual, **changes)


def train(folder: Path, task: SuperresTask) -> dict[str, Tensor]:
    trained = loop.train(task, settings(), folder, DeviceSetup(torch.device("cpu")), SilentProgress())
    assert trained.network is not None
    return trained.network.state_dict()


class Interrupted(SuperresTask):
    """Is killed at the start of its fourth step."""

    steps = 0
    signal: type[BaseException] = RuntimeError

    def losses(self, network: nn.Module, batch: Any) -> dict[str, Tensor]:
        self.steps += 1
        if self.steps == 4:
            raise self.signal
        return super().losses(network, batch)


@pytest.mark.parametrize("signal", [RuntimeError, KeyboardInterrupt])  # with no chance to save anything, and with one
def test_a_training_that_was_killed_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal: type[BaseException]
) -> None:
    monkeypatch.setattr(loop, "CHECKPOINT_SECONDS", -1.0)
    whole = train(tmp_path / "whole", make_task())
    killed = make_task()
    killed.__class__ = Interrupted
    killed.signal = signal  # type: ignore[attr-defined]
    with pytest.raises(signal):
        train(tmp_path / "killed", killed)
    again = train(tmp_path / "killed", make_task())
    assert whole.keys() == again.keys()
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_kept_targets_give_the_same_losses() -> None:
    losses = []
    for prepare in (True, False):
        task = make_task()
        torch.manual_seed(0)
        network = task.build()
        if prepare:
            task.prepare()
        batch = task.load(np.array([5, 0, 3]), np.random.default_rng(0))
        assert ("high" in batch) is not prepare
        losses.append(float(task.losses(network, batch)["loss"].detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_the_loss_is_the_mean_squared_difference_of_features() -> None:
    """Pihlgren2023 Eq. 3, computed from the loss network alone."""
    task = make_task()
    network = task.build()
    batch = task.load(np.array([2, 6]), np.random.default_rng(0))
    found = task.losses(network, batch)["loss"]
    output = network(torch.from_numpy(task.low[[2, 6]]).permute(0, 3, 1, 2).float() / 255)
    target = torch.from_numpy(task.high[[2, 6]]).permute(0, 3, 1, 2).float() / 255
    a, b = (task.feature_loss.network(images)["coarse"] for images in (output, target))
    assert float(found.detach()) == pytest.approx(float((a - b).square().mean().detach()), rel=1e-5)


class Enlarging(nn.Module):
    """Stands for a perfectly trained network: knows the answers."""

    def __init__(self, answers: np.ndarray, error: float = 0.0) -> None:
        super().__init__()
        self.answers = nn.Parameter(torch.from_numpy(answers).permute(0, 3, 1, 2).float() / 255 + error)
        self.at = 0

    def forward(self, images: Tensor) -> Tensor:
        self.at += len(images)
        return self.answers[self.at - len(images) : self.at]


def validated(make: Callable[[np.ndarray], nn.Module]) -> Validation:
    task = make_task()
    with torch.no_grad():
        return task.validate(make(task.valid_high))


def test_validation_is_the_mean_psnr_of_rounded_images() -> None:
    task = make_task()
    bicubic = np.stack([enlarge_bicubic(low, 4) for low in task.valid_low])
    found = validated(lambda _: Enlarging(bicubic))
    expected = np.mean([psnr(a, b, 2) for a, b in zip(bicubic, task.valid_high, strict=True)])
    assert found.value == pytest.approx(expected, abs=1e-9)
    assert found.variation > 0.1
    assert validated(lambda high: Enlarging(high, error=0.4 / 255)).value == np.inf  # rounds to the truth


def test_the_reference_code_validates_unrounded_batches_of_4_by_torchmetrics() -> None:
    """Six images: PSNR of four pooled counts twice as much as that of two; each peak is the batch's largest luma."""
    task = make_task(replace(FAST, validate_by="psnr_torchmetrics"), valid=6)
    bicubic = np.stack([enlarge_bicubic(low, 4) for low in task.valid_low])
    with torch.no_grad():
        found = task.validate(Enlarging(bicubic, error=0.3 / 255))
    batches = []
    for part in (slice(0, 4), slice(4, 6)):
        output, truth = (torch.from_numpy(rgb2ycbcr(x[part] / 255)[..., 0]) for x in (bicubic, task.valid_high))
        output += 0.3 / 255 * 219  # of luma
        batches.append(float(peak_signal_noise_ratio(output, truth, data_range=float(truth.max()))))
    assert found.value == pytest.approx((4 * batches[0] + 2 * batches[1]) / 6, abs=1e-4)
    assert set(found.others) == {"psnr", "ssim"}


def test_a_black_network_has_collapsed() -> None:
    assert validated(lambda high: Enlarging(np.zeros_like(high))).variation < settings().constant_below


def test_outputs_are_rounded_to_the_nearest_step() -> None:
    values = torch.tensor([-0.1, 0.0, 0.4 / 255, 0.6 / 255, 254.6 / 255, 1.0, 1.2]).reshape(1, 1, 1, -1)
    assert to_pixels(values.expand(1, 3, 1, -1))[0, 0, :, 0].tolist() == [0, 0, 0, 1, 255, 255, 255]


def test_a_training_moves_towards_the_truth(tmp_path: Path) -> None:
    task = make_task()
    first, last = (
        loop.train(
            task,
            settings(iterations=n, name=f"{n}"),
            tmp_path / f"{n}",
            DeviceSetup(torch.device("cpu")),
            SilentProgress(),
        )
        for n in (1, 25)
    )
    assert last.best_value > first.best_value + 1


@pytest.mark.parametrize("best_is_left", [True, False])
def test_a_collapsed_training_is_recorded_and_its_best_network_tested(tmp_path: Path, best_is_left: bool) -> None:
    protocol = replace(FAST, factors="4")
    network = make_task().build().eval() if best_is_left else None
    trained = TrainingResult(
        network, 2, 20.0, 3, "the loss was nan at iteration 3", {"x4/log.csv": tmp_path / "log.csv"}
    )
    image = Image.fromarray(photographs(1, 2).high[0])
    data = SuperresData(photographs(8, 0), photographs(3, 1), {"set5": ImageSet(("a",), (image,), "")})
    context: Any = SimpleNamespace(
        networks=(LossNetworkId("tiny", ("coarse",)),),
        protocol=protocol,
        seed=0,
        progress=SilentProgress(),
        folder=tmp_path / "run",
        keep_images=False,
        sample=False,
        services=SimpleNamespace(
            feature_loss=lambda distance: make_task().feature_loss, train=lambda task, settings: trained
        ),
    )
    (outcome,) = run_benchmark(context, BenchmarkData(data, {})).values()
    assert outcome.collapsed == "x4: the loss was nan at iteration 3"
    names = {f"x4_{name}_set5" for name in ("psnr", "ssim", "psnr_torchmetrics", "ssim_torchmetrics")}
    assert set(outcome.scores) == (names if best_is_left else set())
    assert set(outcome.files) == {"x4/log.csv"} | ({"contact_sheet.png"} if best_is_left else set())
    assert any("no scores" in note for note in outcome.notes) is not best_is_left
