"""Memory that runs out: comparisons and trainings back off to smaller batches, and end with the same result."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.gpu.backbones import load_network
from bench.gpu.little_memory import little_memory
from bench.gpu.results import Row
from bench.gpu.settings import Settings
from bench.inputs import make_triplets
from lnkit.distances.comparer import ImageComparer
from lnkit.networks.device import full_float32
from lnkit.progress import SilentProgress
from lnkit.specs import DistanceConfig
from lnkit.training.device_setup import DeviceSetup
from lnkit.training.loop import train
from lnkit.training.perceptual_loss import DeepPerceptualLoss
from lnkit.training_task import Batch, TrainingSettings, TrainingTask, Validation

FREE = 2 * 2**30  # bytes that are left
BACKBONE = "vgg16"  # its first maps, at 64 x 64 pixels, take 1 MiB for each image
TOLERANCE = 1e-3  # of a loss: smaller batches are rounded in another way, which a training enlarges


def check(settings: Settings) -> Iterator[Row]:
    """Run out of memory in a comparison and in a training."""
    yield check_comparison(settings)
    yield check_training(settings)


def check_comparison(settings: Settings) -> Row:
    """Compare with a batch that does not fit, and with one that does."""
    items = settings.size(2_048, 8)  # 6 GiB of first maps
    images = make_triplets(items)
    expected = make_comparer(settings, 1).compare(*(column[:4] for column in images))
    comparer = make_comparer(settings, items)
    with little_memory(comparer.device, FREE):
        distances = comparer.compare(*images)
    error = float(np.max(np.abs(distances[:4] - expected) / expected))
    fitted = comparer._items((3, *images[0].shape[1:3]))
    figures = {"items asked for": items, "items that fit": fitted, "relative error": error}
    return Row("comparison", figures, problem_of(fitted < items, error, 1e-4))


def problem_of(backed_off: bool, error: float, limit: float) -> str:
    """Return what is wrong about a computation for which memory was too small; "" if nothing is."""
    if not backed_off:
        return "the memory did not run out: this checks nothing"
    return "" if error <= limit else f"the result differs by {error:.1e}"


def make_comparer(settings: Settings, batch_size: int) -> ImageComparer:
    """Make a comparer of the first point with the engine eager."""
    network = load_network(settings.size(BACKBONE, "squeezenet1_1"), ("early",))
    options = {"device": settings.device, "engine": "eager"}
    return ImageComparer(network, [("early",)], DistanceConfig(), batch_size=batch_size, **options)  # type: ignore[arg-type]


def check_training(settings: Settings) -> Row:
    """Train with a batch that does not fit, and with enough memory."""
    batch = settings.size(512, 8)  # the features of the targets take half a GiB, and briefly twice that
    roomy = _Training(settings, batch)
    expected = roomy.train(settings.folder / "roomy")
    tight = _Training(settings, batch)
    with little_memory(torch.device(settings.device), FREE):
        actual = tight.train(settings.folder / "tight")
    micro_batch = tight.feature_loss.micro_batch or batch
    error = abs(actual - expected) / abs(expected)
    figures = {"images asked for": batch, "images that fit": micro_batch, "relative error": error}
    return Row("training", figures, problem_of(micro_batch < batch, error, TOLERANCE))


class _Training(TrainingTask):
    """A small network learns to copy images, with a feature loss that needs much more memory than itself."""

    feature_loss: DeepPerceptualLoss

    def __init__(self, settings: Settings, batch_size: int) -> None:
        self.setup = DeviceSetup(torch.device(settings.device))
        network = load_network(settings.size(BACKBONE, "squeezenet1_1"), ("early",))
        self.feature_loss = DeepPerceptualLoss(network).to(self.setup.device)
        self.items = self.batch_size = batch_size
        self.images = make_triplets(batch_size)[0]

    def train(self, folder: Path) -> float:
        """Train for a few steps and return the loss of the best network."""
        settings = TrainingSettings("memory", "memory", 3, self.batch_size, validate_every=3, seed=0)
        with full_float32():
            return train(self, settings, folder, self.setup, SilentProgress()).best_value

    def build(self) -> nn.Module:
        return nn.Conv2d(3, 3, 3, padding=1)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters())

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        return {"images": torch.from_numpy(self.images[items]).permute(0, 3, 1, 2)}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        images = batch["images"].float() / 255
        return {"loss": self.feature_loss(network(images), images)}

    def validate(self, network: nn.Module) -> Validation:
        few = {name: tensor.to(self.setup.device) for name, tensor in self._few().items()}
        return Validation(float(self.losses(network, few)["loss"]))

    def _few(self) -> Batch:
        return self.load(np.arange(4), np.random.default_rng(0))
