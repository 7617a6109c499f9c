"""Training recipes: the defaults of Kumar2022 for each family, scaled to batch size and length. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, pi
from typing import Literal

from lnkit_earlystop.networks.architecture import Architecture

IMAGENET = 1_281_167  # training images of ImageNet-1k, to which the numbers of steps of Kumar2022 refer


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters of a training; not the data, the network or the machine."""

    optimizer: Literal["sgd", "rmsprop", "adam"]
    lr: float  # at its peak
    batch: int  # images, for which ``lr`` is meant
    epochs: float  # length of the schedule
    schedule: Literal["steps", "exponential", "cosine"]
    warmup: float  # fraction of the training over which the learning rate rises from 0
    weight_decay: float
    label_smoothing: float
    dropout: float | None = None  # None for the default of the family
    average: float = 0.0  # decay of an exponential moving average of the weights, saved in their place; 0 for none
    central_crop: float = 1.0  # fraction of the side of the images that is used, enlarged to the resolution
    noise: float = 0.0  # standard deviation of Gaussian noise on images in [0, 1]
    autoaugment: bool = False  # ImageNet's policy (Cubuk et al. 2019)

    def peak(self, batch: int) -> float:
        """Return the peak learning rate for batches of another size: scaled linearly (Goyal et al. 2017; Kumar2022)."""
        return self.lr * batch / self.batch

    def factor(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from 0, relative to its peak."""
        warmup = round(self.warmup * steps)
        if step < warmup:
            return (step + 1) / warmup
        return SCHEDULES[self.schedule](step / steps, (step - warmup) / max(steps - warmup, 1))


def _in_steps(done: float, _: float) -> float:
    """Divide by ten after 1/3, 2/3 and 8/9 of the training: epochs 30, 60, 80 of 90 (Goyal et al. 2017, 5.1)."""
    return float(0.1 ** sum(done >= drop for drop in (1 / 3, 2 / 3, 8 / 9)))


def _exponentially(done: float, _: float) -> float:
    """Multiply by .97 every 2.4 of 350 epochs (Tan and Le 2019, section 5.2)."""
    return float(0.97 ** (done * 350 / 2.4))


def _as_cosine(_: float, after_warmup: float) -> float:
    return (1 + cos(pi * after_warmup)) / 2


SCHEDULES = {"steps": _in_steps, "exponential": _exponentially, "cosine": _as_cosine}

# Kumar2022, appendix, which gives steps; here they are epochs of ImageNet.
RESNET = Recipe(
    optimizer="sgd",
    lr=0.1,
    batch=1024,
    epochs=112_590 * 1024 / IMAGENET,  # 90
    schedule="steps",
    warmup=5 / 90,  # Goyal et al. 2017, section 2.2; Kumar2022 gives none
    weight_decay=1e-4,
    label_smoothing=0.0,
)
EFFICIENTNET = Recipe(
    optimizer="rmsprop",
    lr=0.128,
    batch=2048,
    epochs=218_949 * 2048 / IMAGENET,  # 350
    schedule="exponential",
    warmup=5 / 350,  # epochs; the reference code of Tan and Le 2019
    weight_decay=1e-5,
    label_smoothing=0.1,
    average=0.9999,
)
VIT_B_8 = Recipe(
    optimizer="adam",
    lr=3e-3,
    batch=4096,
    epochs=93_834 * 4096 / IMAGENET,  # 300
    schedule="cosine",
    warmup=10_000 / 93_834,
    weight_decay=0.3,
    label_smoothing=0.1,
    dropout=0.1,
)
VIT_L_4 = replace(VIT_B_8, lr=1e-4, weight_decay=0.01)

MOMENTUM = 0.9  # of SGD: Kumar2022, appendix; of RMSProp, and its decay: Tan and Le 2019, section 5.2
RMSPROP_DECAY, RMSPROP_EPSILON = 0.9, 1e-3  # the latter from the reference code of Tan and Le 2019


def recipe_of(architecture: Architecture) -> Recipe:
    """Return the recipe of Kumar2022 for an architecture.

    For ViT-B/4 and ViT-L/8 its text gives none; they get the recipe of the ViT of the same size.
    """
    if architecture.family == "resnet":
        return RESNET
    if architecture.family == "efficientnet":
        return EFFICIENTNET
    return VIT_L_4 if architecture.variant.startswith("l") else VIT_B_8
