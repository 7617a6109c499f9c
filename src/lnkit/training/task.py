"""What a benchmark hands to the training loop, and what comes back."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Batch = Mapping[str, Tensor]


class FeatureLoss(Protocol):
    """A loss between images in the feature space of a loss network; see :class:`lnkit.DeepPerceptualLoss`."""

    micro_batch: int | None  # images at a time through the network; None: all. Changes rounding only

    @property
    def network(self) -> nn.Module:
        """The loss network."""
        ...

    def __call__(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean distance between ``output`` and ``target``, both (N, 3, H, W) with values in [0, 1]."""
        ...

    def targets(self, images: Tensor) -> dict[str, Tensor]:
        """Return {point: features (N, C, H', W')} of target images, for several outputs."""
        ...

    def loss_to_features(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the mean distance of ``output`` to the features of the targets."""
        ...


@dataclass(frozen=True, slots=True)
class Validation:
    """What a network in training is worth."""

    value: float  # decides which network is kept as the best: "psnr"
    others: Mapping[str, float] = field(default_factory=dict)  # logged beside it
    variation: float = inf  # of the outputs, see lnkit.training.collapse.Variation; hardly any means a collapse


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """How long and how a network is trained; none of it is about the machine."""

    name: str  # "x4": the folder of its files
    title: str  # "super-resolution x4 with vgg16:mid"; for progress
    iterations: int  # optimizer steps
    batch_size: int  # items of a step; the last batch of an epoch may be smaller
    validate_every: int  # iterations
    seed: int  # of the initial weights, the order of the items and whatever else is drawn
    validates: str = "loss"  # what Validation.value is, in the log: "psnr"
    higher_is_better: bool = False  # of it
    patience: int = 0  # validations without a better value before it stops early; 0 for never
    constant_below: float = 1 / 255  # outputs that vary less have collapsed: one step of an 8-bit image


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A training that came to its end, or collapsed."""

    network: nn.Module | None  # the best one by validation, in evaluation mode; None if it collapsed before the first
    best_iteration: int  # after which it was
    best_value: float  # of its validation
    iterations: int  # that were done
    collapsed: str  # what happened, and when; "" where nothing did
    files: Mapping[str, Path]  # to be kept beside the record: "x4/network.safetensors", "x4/log.csv", "x4/curves.png"
    notes: tuple[str, ...] = ()  # that go into the record: "went on at iteration 1,200 with torch 2.7 instead of 2.6"


def batches_per_epoch(items: int, batch_size: int) -> int:
    """How many steps it takes to see every item once; the last batch may be smaller."""
    return -(-items // batch_size)


class TrainingTask(ABC):
    """A network, its data and its losses. The loop does the rest, in the same way for every benchmark."""

    items: int  # of the training data
    iteration: int = 0  # how many are done; the loop counts here, for what a validation or an average goes by
    feature_loss: FeatureLoss | None = None  # if the losses use one: it is split up where memory is short

    def prepare(self) -> None:  # noqa: B027 - most need nothing of the kind
        """Do what takes time and only training needs, such as keeping target features; called before anything else."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Make the network with its initial weights; all random generators are seeded."""

    @abstractmethod
    def optimizer(self, network: nn.Module) -> Optimizer:
        """Make the optimizer of the network's parameters."""

    def scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """Make what changes the learning rate, if anything does; it is stepped after every iteration."""
        return None

    @abstractmethod
    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        """Make the batch of these items, as tensors on the CPU.

        Called ahead of time in another thread: read arrays, and leave networks and devices alone. What is random, such
        as a crop, is drawn from ``draw``, which is seeded anew for every iteration.
        """

    @abstractmethod
    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Compute the losses of a batch, which is on the device: ``loss`` is minimized, others are only logged.

        Each is a mean over the items, so that a batch can be split where memory is short.
        """

    @abstractmethod
    def validate(self, network: nn.Module) -> Validation:
        """Judge the network, which is in evaluation mode, without gradients."""
