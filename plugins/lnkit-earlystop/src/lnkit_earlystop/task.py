"""The classifier that is trained, as a task of lnkit's training loop; every validation leaves a checkpoint behind."""

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
from lnkit.training.task import Batch, TrainingTask, Validation
from lnkit_earlystop.augmentation import autoaugmented, central_part, noisy, normalized, random_crops
from lnkit_earlystop.averaging import Averaged, judged
from lnkit_earlystop.distributed import World, parallel
from lnkit_earlystop.networks import build
from lnkit_earlystop.networks.architecture import Architecture
from lnkit_earlystop.recipes import MOMENTUM, RMSPROP_DECAY, RMSPROP_EPSILON, Recipe

VALIDATION_BATCH = 250  # images at a time; changes no result worth mentioning
Passed = Callable[[nn.Module, int, "Judgment"], Validation]  # (network, step, how well it classifies) -> its worth


@dataclass(frozen=True, slots=True)
class Plan:
    """A training, decided to the last detail."""

    architecture: Architecture
    recipe: Recipe
    batch_size: int  # of all processes together
    steps: int  # that the schedule is made for
    seed: int
    world: World = field(default_factory=World)


@dataclass(frozen=True, slots=True)
class Judgment:
    """How well a network classifies the validation images."""

    top1: float  # fraction
    loss: float  # mean cross-entropy, without smoothing
    per_class: NDArray[np.float64]  # top-1 of each class; nan where it has no image


class ClassifierTask(TrainingTask):
    """Trains a classifier and hands it over at every validation."""

    def __init__(self, plan: Plan, data: LabelledData, device: torch.device, passed: Passed) -> None:
        self.plan, self.data, self.device, self.passed = plan, data, device, passed
        self.items = len(data.train)
        self._parallel: nn.Module | None = None

    def build(self) -> nn.Module:
        plan = self.plan
        network = build(plan.architecture, len(self.data.classes), plan.recipe.dropout)
        return Averaged(network, plan.recipe.average) if plan.recipe.average else network

    def optimizer(self, network: nn.Module) -> Optimizer:
        recipe = self.plan.recipe
        lr = recipe.peak(self.plan.batch_size)
        trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
        if recipe.optimizer == "sgd":
            return torch.optim.SGD(trained, lr, MOMENTUM, weight_decay=recipe.weight_decay)
        if recipe.optimizer == "rmsprop":
            return torch.optim.RMSprop(
                trained, lr, RMSPROP_DECAY, RMSPROP_EPSILON, recipe.weight_decay, momentum=MOMENTUM
            )
        return torch.optim.AdamW(trained, lr, weight_decay=recipe.weight_decay)

    def scheduler(self, optimizer: Optimizer) -> LRScheduler:
        return LambdaLR(optimizer, partial(self.plan.recipe.factor, steps=self.plan.steps))

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        share = self.plan.world.share(len(items))
        cropped = random_crops(self.data.train.images[items], draw)[share]  # of all, so that draws agree
        labels = self.data.train.labels[items[share]]
        return {"images": torch.from_numpy(cropped).permute(0, 3, 1, 2), "labels": torch.from_numpy(labels)}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        recipe = self.plan.recipe
        if isinstance(network, Averaged):
            network.update(self.iteration)
        if self._parallel is None:
            self._parallel = parallel(network, self.plan.world)
        images = batch["images"]
        images = autoaugmented(images) if recipe.autoaugment else images
        images = noisy(central_part(images.float() / 255, recipe.central_crop), recipe.noise)
        logits = self._parallel(normalized(images).contiguous(memory_format=torch.channels_last))
        return {"loss": functional.cross_entropy(logits, batch["labels"], label_smoothing=recipe.label_smoothing)}

    def validate(self, network: nn.Module) -> Validation:
        if isinstance(network, Averaged):
            network.update(self.iteration)
        judgment = judge(network, self.data.validation, self.plan.recipe.central_crop, self.device)
        return self.passed(judged(network), self.iteration, judgment)


def judge(network: nn.Module, held: Labelled, central_crop: float, device: torch.device) -> Judgment:
    """Classify the validation images."""
    losses, right = [], []
    for start in range(0, len(held), VALIDATION_BATCH):
        part = slice(start, start + VALIDATION_BATCH)
        images = torch.from_numpy(np.array(held.images[part])).permute(0, 3, 1, 2).to(device).float() / 255
        labels = torch.from_numpy(np.array(held.labels[part])).to(device)
        logits = network(normalized(central_part(images, central_crop)))
        losses.append(functional.cross_entropy(logits, labels, reduction="none").double().cpu())
        right.append((logits.argmax(1) == labels).cpu())
    hits = torch.cat(right).numpy()
    classes = int(held.labels.max()) + 1
    counts = np.bincount(held.labels, minlength=classes)
    with np.errstate(invalid="ignore"):
        per_class = np.bincount(held.labels, weights=hits, minlength=classes) / counts
    return Judgment(float(hits.mean()), float(torch.cat(losses).mean()), per_class)
