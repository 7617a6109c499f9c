"""Training of a classifier as a task of lnkit's training loop."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from lnkit.datasets.labelled import Labelled, LabelledData
from lnkit.training import Batch, TrainingTask, Validation, as_tensor, in_unit_range, slices
from lnkit_earlystop.augmentation import (
    add_noise,
    autoaugment_images,
    enlarge_center,
    normalize,
    random_crops,
    random_mirrors,
)
from lnkit_earlystop.distributed import World, data_parallel
from lnkit_earlystop.networks import build
from lnkit_earlystop.networks.architecture import Architecture
from lnkit_earlystop.optimizers import make_optimizer
from lnkit_earlystop.recipes import Recipe
from lnkit_earlystop.weight_average import AveragedNetwork, evaluated_network

VALIDATION_BATCH = 250  # images at a time; the size only changes rounding
OnValidation = Callable[[nn.Module, int, "ClassifierResult"], Validation]  # (network, step, its accuracy)


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """Everything that a training depends on, beside the data."""

    architecture: Architecture
    recipe: Recipe
    batch_size: int  # of all processes together
    steps: int  # length of the schedule
    seed: int
    world: World = field(default_factory=World)


@dataclass(frozen=True, slots=True)
class ClassifierResult:
    """Accuracy of a network on the validation images."""

    top1: float  # fraction
    loss: float  # mean cross-entropy, without smoothing
    per_class: NDArray[np.float64]  # top-1 of each class, a fraction; nan for a class without images


class ClassifierTask(TrainingTask):
    """Trains a classifier; at every validation ``on_validation`` gets the network and decides what it is worth."""

    def __init__(
        self, plan: TrainingPlan, data: LabelledData, device: torch.device, on_validation: OnValidation
    ) -> None:
        self.plan, self.data, self.device, self.on_validation = plan, data, device, on_validation
        self.items = len(data.train)
        self._parallel: nn.Module | None = None

    def build(self) -> nn.Module:
        plan = self.plan
        network = build(plan.architecture, len(self.data.classes), plan.recipe.dropout)
        return AveragedNetwork(network, plan.recipe.average) if plan.recipe.average else network

    def optimizer(self, network: nn.Module) -> Optimizer:
        return make_optimizer(network, self.plan.recipe, self.plan.batch_size)

    def scheduler(self, optimizer: Optimizer) -> LRScheduler:
        return LambdaLR(optimizer, partial(self.plan.recipe.factor, steps=self.plan.steps))

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        share = self.plan.world.share(len(items))
        images = self.data.train.images[items]  # drawn for before sharing, so that all processes draw the same
        cropped = random_crops(images, draw) if self.plan.recipe.central_crop is None else images
        mirrored = random_mirrors(cropped, draw)[share]
        labels = self.data.train.labels[items[share]]
        return {"images": as_tensor(mirrored), "labels": torch.from_numpy(labels)}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        recipe = self.plan.recipe
        if isinstance(network, AveragedNetwork):
            network.update(self.iteration)
        if self._parallel is None:
            self._parallel = data_parallel(network, self.plan.world)
        images = batch["images"]
        images = autoaugment_images(images) if recipe.autoaugment else images
        images = add_noise(enlarge_center(in_unit_range(images), recipe.central_crop), recipe.noise)
        logits = self._parallel(normalize(images).contiguous(memory_format=torch.channels_last))
        return {"loss": functional.cross_entropy(logits, batch["labels"], label_smoothing=recipe.label_smoothing)}

    def validate(self, network: nn.Module) -> Validation:
        if isinstance(network, AveragedNetwork):
            network.update(self.iteration)
        result = evaluate_classifier(network, self.data.validation, self.plan.recipe.central_crop, self.device)
        return self.on_validation(evaluated_network(network), self.iteration, result)


def evaluate_classifier(
    network: nn.Module, data: Labelled, central_crop: float | None, device: torch.device
) -> ClassifierResult:
    """Classify validation images.

    Args:
        network: in evaluation mode.
        data: validation images and their labels.
        central_crop: fraction of the side of the images that is used; None for all of it.
        device: device of the network.
    """
    losses, correct = [], []
    for part in slices(len(data), VALIDATION_BATCH):
        images = in_unit_range(as_tensor(data.images[part]).to(device))
        labels = torch.from_numpy(np.array(data.labels[part])).to(device)
        logits = network(normalize(enlarge_center(images, central_crop)))
        losses.append(functional.cross_entropy(logits, labels, reduction="none").double().cpu())
        correct.append((logits.argmax(1) == labels).cpu())
    hits = torch.cat(correct).numpy()
    classes = int(data.labels.max()) + 1
    counts = np.bincount(data.labels, minlength=classes)
    with np.errstate(invalid="ignore"):
        per_class = np.bincount(data.labels, weights=hits, minlength=classes) / counts
    return ClassifierResult(float(hits.mean()), float(torch.cat(losses).mean()), per_class)
