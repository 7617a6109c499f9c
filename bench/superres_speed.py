"""One training step of `superres` (batch 4, 72 -> 288 pixels), against a plain one on the same weights.

The plain step is written from the published description: default memory layout, and a loss network whose parameters
require gradients, through which the features of the targets are computed too.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator

import numpy as np
import torch
from skimage import data
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.feature_extraction import create_feature_extractor

from bench.harness import Ratio, seconds_in_turns
from bench.inputs import make_backbone
from lnkit.networks.loss_network import LossNetwork
from lnkit.progress import SilentProgress
from lnkit.specs import IMAGENET_MEAN, IMAGENET_STD
from lnkit.training.perceptual_loss import DeepPerceptualLoss
from lnkit_superres.data import SuperresData, TrainingImages
from lnkit_superres.protocol import PAPER
from lnkit_superres.task import SuperresTask

FACTOR = 4
POINT = "late"
TARGETS = {"fp32": 1.4, "bf16": 2.2}  # speed relative to the plain step in float32
TOLERANCE = {"fp32": 1e-4, "bf16": 3e-2}  # of the first loss, relative
COMPARED = 3  # steps; the size of Adam's steps does not depend on the gradient, so rounding grows with each

Step = Callable[[], float]


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure a training step with several backbones."""
    for name in ("squeezenet1_1",) if quick else ("squeezenet1_1", "vgg16"):
        yield from measure_backbone(name, 3 if quick else 5)


def measure_backbone(name: str, repeats: int) -> Iterator[Ratio]:
    """Measure a step in both precisions and a plain one, in turns; their losses must agree."""
    task = make_task(name)
    torch.manual_seed(0)
    network = task.build()
    ways = {"plain": plain_step(name, network, task)} | {way: our_step(task, network, way) for way in TARGETS}
    losses = {way: [step() for _ in range(COMPARED)] for way, step in ways.items()}
    seconds = seconds_in_turns(ways, repeats)
    for way, target in TARGETS.items():
        off = [abs(a / b - 1) for a, b in zip(losses[way], losses["plain"], strict=True)]
        if off[0] > TOLERANCE[way]:
            raise AssertionError(f"the first loss in {way} differs from the plain one by {off[0]:.1e}")
        yield Ratio(
            f"superres step, {name}:{POINT}",
            f"lnkit ({way}): {seconds[way]:.2f} s",
            f"plain (fp32): {seconds['plain']:.2f} s",
            seconds["plain"] / seconds[way],
            target,
            note=f"first loss within {off[0]:.0e}, the third within {off[-1]:.0e}",
        )


def make_task(name: str) -> SuperresTask:
    """Build the task of a run, on a batch of crops of a photograph."""
    backbone, points = make_backbone(name)
    point = next(point for point in points if point.name == POINT)
    loss = DeepPerceptualLoss(LossNetwork(copy.deepcopy(backbone), [point], name=name), distance="squared")
    placed: DeepPerceptualLoss = loss.to(memory_format=torch.channels_last)
    images = _images()
    return SuperresTask(FACTOR, PAPER, SuperresData(images, images, {}), placed, SilentProgress())


def _images() -> TrainingImages:
    photo: np.ndarray = data.astronaut()  # type: ignore[no-untyped-call]
    places = [(0, 0), (0, 200), (200, 0), (200, 200)]
    high = np.stack([photo[top : top + PAPER.size, left : left + PAPER.size] for top, left in places])
    return TrainingImages(high, {FACTOR: np.ascontiguousarray(high[:, ::FACTOR, ::FACTOR])}, "")


def our_step(task: SuperresTask, trained: nn.Module, precision: str) -> Step:
    """Build a step as in the training loop."""
    network: nn.Module = copy.deepcopy(trained).to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(network.parameters(), lr=PAPER.lr)
    batch = task.load(np.arange(PAPER.batch_size), np.random.default_rng(0))

    def step() -> float:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            loss = task.losses(network, batch)["loss"]
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    return step


def plain_step(name: str, trained: nn.Module, task: SuperresTask) -> Step:
    """Build a step as it is usually written."""
    network = PlainNetwork(PAPER.residual_blocks)
    network.load_state_dict(trained.state_dict(), strict=False)  # without biases, which batch norm would remove again
    backbone, points = make_backbone(name)
    node = next(point.node for point in points if point.name == POINT)
    loss_network = create_feature_extractor(backbone, {node: "features"}).eval()
    optimizer = torch.optim.Adam(network.parameters(), lr=PAPER.lr)
    low, high = (torch.from_numpy(a).permute(0, 3, 1, 2).contiguous() / 255 for a in (task.low, task.high))

    def step() -> float:
        optimizer.zero_grad()
        output = loss_network(_normalized(network(low)))["features"]
        loss = functional.mse_loss(output, loss_network(_normalized(high))["features"])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    return step


def _normalized(images: Tensor) -> Tensor:
    mean, std = (torch.tensor(values).reshape(3, 1, 1) for values in (IMAGENET_MEAN, IMAGENET_STD))
    return (images - mean) / std


class PlainBlock(nn.Module):
    """Optional upsampling, reflection padding, convolution, batch norm, ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, relu: bool = True, up: bool = False) -> None:
        super().__init__()
        self.up = nn.Upsample(scale_factor=2) if up else nn.Identity()
        self.pad = nn.ReflectionPad2d(kernel // 2)
        self.conv = nn.Conv2d(channels_in, channels_out, kernel)
        self.norm = nn.BatchNorm2d(channels_out)
        self.activation = nn.ReLU() if relu else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.activation(self.norm(self.conv(self.pad(self.up(x)))))
        return out


class PlainResidual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(PlainBlock(64, 64, 3), PlainBlock(64, 64, 3, relu=False))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = x + self.block(x)
        return out


class PlainNetwork(nn.Module):
    """The transformation network as Johnson et al. describe it, for a factor of 4."""

    def __init__(self, residual_blocks: int) -> None:
        super().__init__()
        self.first = PlainBlock(3, 64, 9)
        self.residual = nn.Sequential(*(PlainResidual() for _ in range(residual_blocks)))
        self.upsampling = nn.Sequential(*(PlainBlock(64, 64, 3, up=True) for _ in range(2)))
        self.last = PlainBlock(64, 3, 9, relu=False)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = (torch.tanh(self.last(self.upsampling(self.residual(self.first(x))))) + 1) / 2
        return out
