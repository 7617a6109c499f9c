"""A training that takes a second and uses everything that a checkpoint must keep: for tests, and as a program to kill.

``python toytraining.py FOLDER PRECISION`` trains, checkpointing after every step, and prints a digest of the weights.
"""

from __future__ import annotations

import hashlib
import random
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lnkit.progress import SilentProgress
from lnkit.training import loop
from lnkit.training.collapse import Variation
from lnkit.training.device_setup import DeviceSetup
from lnkit.training_task import Batch, TrainingResult, TrainingSettings, TrainingTask, Validation

ITEMS, SIDE = 40, 8
SETTINGS = TrainingSettings("toy", "a toy", iterations=30, batch_size=16, validate_every=7, seed=3)


class Toy(TrainingTask):
    """A network with batch norm and dropout learns to copy noise; every step uses all three generators."""

    items = ITEMS

    def __init__(self) -> None:
        self.images = np.random.default_rng(0).random((ITEMS, 3, SIDE, SIDE), dtype=np.float32)

    def build(self) -> nn.Module:
        middle = [nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Dropout(0.3)]
        return nn.Sequential(*middle, nn.Conv2d(8, 3, 3, padding=1), nn.Sigmoid())

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters(), lr=0.01)

    def scheduler(self, optimizer: torch.optim.Optimizer) -> torch.optim.lr_scheduler.LRScheduler:
        return torch.optim.lr_scheduler.StepLR(optimizer, 5, 0.8)

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        noise = draw.normal(0, 0.05, (len(items), 3, SIDE, SIDE)).astype(np.float32)
        return {"noisy": torch.from_numpy(self.images[items] + noise), "image": torch.from_numpy(self.images[items])}

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        shift = 0.01 * (random.random() + np.random.random())
        error = (network(batch["noisy"] + shift) - batch["image"]).square().flatten(1).mean(1)
        return {"loss": error.mean(), "largest": error.max()}

    def validate(self, network: nn.Module) -> Validation:
        images = torch.from_numpy(self.images[:8])
        outputs, variation = network(images), Variation()
        variation.add(outputs)
        return Validation(float((outputs - images).square().mean()), {"mean": float(outputs.mean())}, variation.value)


def train(folder: Path, task: TrainingTask | None = None, precision: str = "fp32", **changes: object) -> TrainingResult:
    """Train a toy on the CPU."""
    settings = replace(SETTINGS, **changes)  # type: ignore[arg-type]
    return loop.train(task or Toy(), settings, folder, DeviceSetup(torch.device("cpu"), precision), SilentProgress())


def digest(trained: TrainingResult) -> str:
    """Stands for every bit of the weights, for the best validation and for the log."""
    assert trained.network is not None
    content = hashlib.sha256(repr((trained.best_iteration, trained.best_value)).encode())
    for name, tensor in trained.network.state_dict().items():
        content.update(name.encode() + tensor.contiguous().numpy().tobytes())
    content.update(next(file for name, file in trained.files.items() if name.endswith("log.csv")).read_bytes())
    return content.hexdigest()


if __name__ == "__main__":
    loop.CHECKPOINT_SECONDS = -1.0
    print("ready", flush=True)
    print(digest(train(Path(sys.argv[1]), precision=sys.argv[2])), flush=True)
