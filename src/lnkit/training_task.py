"""The interface between a benchmark and the training loop: task, settings and result."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lnkit._text_paths import text_paths

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler

Batch = Mapping[str, "Tensor"]


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
    """The result of a validation of a network in training."""

    value: float  # by which the best network is chosen: a PSNR in dB
    others: Mapping[str, float] = field(default_factory=dict)  # further values to log, by name
    variation: float = inf  # of the outputs, see lnkit.training.collapse.Variation; a low one means a collapse


@dataclass(frozen=True, slots=True)
class TrainingSettings:
    """The settings of a training that do not depend on the machine."""

    name: str  # "x4": name of the folder of its files
    title: str  # "super-resolution x4 with vgg16:mid"; in messages
    iterations: int  # optimizer steps
    batch_size: int  # items of a step; the last batch of an epoch may be smaller
    validate_every: int  # iterations between two validations
    seed: int  # of the initial weights, the order of the items and all other random draws
    validates: str = "loss"  # name of Validation.value in the log: "psnr"
    higher_is_better: bool = False  # whether a higher Validation.value is better
    patience: int = 0  # validations without a better value before an early stop; 0 for never
    constant_below: float = 1 / 255  # variation below which outputs have collapsed: one step of an 8-bit image


@text_paths
@dataclass(frozen=True, slots=True)
class TrainingResult:
    """The result of a training that finished or collapsed."""

    network: nn.Module | None  # the best one by validation, in evaluation mode; None if it collapsed before the first
    best_iteration: int  # of the best network; 0 if there is none
    best_value: float  # of its validation
    iterations: int  # that were done
    collapsed: str  # reason and iteration of a collapse; "" if there was none
    files: Mapping[str, Path]  # to store beside the record: "x4/network.safetensors", "x4/log.csv", "x4/curves.png"
    notes: tuple[str, ...] = ()  # for the record: "x4 was resumed after iteration 1,200 with torch 2.7 instead of 2.6"


def batches_per_epoch(items: int, batch_size: int) -> int:
    """Return the number of batches that visit every item once; the last batch may be smaller."""
    return -(-items // batch_size)


class TrainingTask(ABC):
    """A network, its data and its losses; the loop is the same for every benchmark.

    Subclasses set ``items`` and define :meth:`build`, :meth:`optimizer`, :meth:`load`, :meth:`losses` and
    :meth:`validate`. The loop calls :meth:`prepare` first.
    """

    items: int  # number of items of the training data
    iteration: int = 0  # number of finished iterations, set by the loop
    feature_loss: FeatureLoss | None = None  # the loss that `losses` uses, to be split when memory runs out

    def prepare(self) -> None:  # noqa: B027 - optional
        """Do slow preparations that only training needs, such as caching target features."""

    @abstractmethod
    def build(self) -> nn.Module:
        """Return the network with its initial weights; all random generators are seeded."""

    @abstractmethod
    def optimizer(self, network: nn.Module) -> Optimizer:
        """Return the optimizer of the parameters of ``network``."""

    def scheduler(self, optimizer: Optimizer) -> LRScheduler | None:
        """Return a scheduler of the learning rate, stepped after every iteration; None for a constant rate."""
        return None

    @abstractmethod
    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        """Load a batch; called ahead of time in another thread, so use no networks or devices.

        Args:
            items: Numbers of the items.
            draw: Generator for random draws such as crops; seeded anew for every iteration.

        Returns:
            Tensors on the CPU by name, one row for each item.
        """

    @abstractmethod
    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        """Compute the losses of a batch.

        Args:
            network: The network, in training mode.
            batch: A batch, or a part of it, on the device.

        Returns:
            Scalars by name: ``loss`` is minimized, others are only logged. Each is a mean over the items, so that a
            batch can be split when memory runs out.
        """

    @abstractmethod
    def validate(self, network: nn.Module) -> Validation:
        """Validate the network, which is in evaluation mode; no gradients are computed."""
