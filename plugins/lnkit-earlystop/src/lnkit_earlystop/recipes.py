"""Training recipes: the defaults of Kumar2022 for each family, scaled to batch size and length. Free of torch.

References:
    Kumar2022: Kumar et al., "Do better ImageNet classifiers assess perceptual similarity better?", TMLR 2022.
    TPU code: github.com/tensorflow/tpu, models/official/resnet and models/official/efficientnet, by which Kumar2022
        trained its networks (sections 4 and 9).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import cos, floor, pi
from typing import Literal

from lnkit_earlystop.networks.architecture import Architecture

IMAGENET = 1_281_167  # training images of ImageNet-1k, to which the numbers of steps of Kumar2022 refer


@dataclass(frozen=True, slots=True)
class Recipe:
    """The hyperparameters of a training; not the data, the network or the machine."""

    optimizer: Literal["nesterov", "rmsprop", "adamw"]
    lr: float  # at its peak
    batch: int  # images, for which ``lr`` is meant
    epochs: float  # length of the schedule
    schedule: Literal["steps", "exponential", "cosine"]
    warmup: float  # fraction of the training over which the learning rate rises from 0
    weight_decay: float  # of all parameters but those of batch norm
    label_smoothing: float
    dropout: float | None = None  # None for the default of the family
    average: float = 0.0  # decay of an exponential moving average of the weights, saved in their place; 0 for none
    central_crop: float | None = None  # fraction of the side in the middle, in place of random crops; None for these
    noise: float = 0.0  # largest deviation of Gaussian noise on images in [0, 1]; the noise factor of Kumar2022, App. G
    autoaugment: bool = False  # ImageNet's policy (Cubuk et al. 2019; Kumar2022, App. G)

    def peak(self, batch: int) -> float:
        """Return the peak learning rate for batches of another size: scaled linearly (Goyal et al. 2017; TPU code)."""
        return self.lr * batch / self.batch

    def factor(self, step: int, steps: int) -> float:
        """Return the learning rate of a step, counted from 0, relative to its peak."""
        done = step / steps
        if done < self.warmup:
            return done / self.warmup
        return SCHEDULES[self.schedule](done, (done - self.warmup) / (1 - self.warmup))


def _in_steps(done: float, _: float) -> float:
    """Divide by ten after 1/3, 2/3 and 8/9 of the training: epochs 30, 60 and 80 of 90 (TPU code, resnet_main.py)."""
    return float(0.1 ** sum(done >= drop for drop in (30 / 90, 60 / 90, 80 / 90)))


def _exponentially(done: float, _: float) -> float:
    """Multiply by .97 every 2.4 of 350 epochs, in stairs (Tan and Le 2019, section 5.2; TPU code, utils.py)."""
    return float(0.97 ** floor(done * 350 / 2.4))


def _as_cosine(_: float, after_warmup: float) -> float:
    return (1 + cos(pi * after_warmup)) / 2


SCHEDULES = {"steps": _in_steps, "exponential": _exponentially, "cosine": _as_cosine}

# Kumar2022, Table 2, where nothing else is said. It has the values of the TPU code, resnet_config.py, to the step.
RESNET = Recipe(
    optimizer="nesterov",  # TPU code, resnet_main.py; Table 2 gives a momentum only
    lr=0.1,  # Table 2
    batch=256,  # TPU code, resnet_main.py: "base learning rate when train batch size is 256"; .4 at Table 2's 1,024
    epochs=112_590 * 1024 / IMAGENET,  # 90
    schedule="steps",
    warmup=5 / 90,  # epochs; TPU code, resnet_main.py; Table 2 gives none
    weight_decay=1e-4,  # not of batch norm: TPU code, resnet_main.py
    label_smoothing=0.0,
)
# Kumar2022, Table 3, where nothing else is said.
EFFICIENTNET = Recipe(
    optimizer="rmsprop",
    lr=0.128,  # of Table 3's batch: the TPU code's .016 for 256 images
    batch=2048,
    epochs=218_949 * 2048 / IMAGENET,  # 350
    schedule="exponential",
    warmup=5 / 350,  # epochs; TPU code, efficientnet/main.py; Table 3 says "warmup" only
    weight_decay=1e-5,  # not of batch norm: TPU code, efficientnet/main.py
    label_smoothing=0.1,
    average=0.9999,
)
# Kumar2022, Table 4, where nothing else is said. Of ViT-B/4 it says nothing; ours is that of ViT-B/8.
VIT_B_8 = Recipe(
    optimizer="adamw",  # Table 4: Adam, with a weight decay; ours is decoupled (Loshchilov and Hutter 2019)
    lr=3e-3,
    batch=4096,
    epochs=93_834 * 4096 / IMAGENET,  # 300
    schedule="cosine",
    warmup=10_000 / 93_834,
    weight_decay=0.3,
    label_smoothing=0.1,
    dropout=0.1,
)
# Kumar2022, Table 5, which differs from Table 4 in these values. Of ViT-L/8 it says nothing; ours is that of ViT-L/4.
VIT_L_4 = replace(VIT_B_8, lr=1e-4, weight_decay=0.01)

MOMENTUM = 0.9  # of SGD: Kumar2022, Table 2; of RMSProp: Table 3
ADAM_BETAS = (0.9, 0.999)  # Kumar2022, Tables 4 and 5
RMSPROP_DECAY = 0.9  # Tan and Le 2019, section 5.2
RMSPROP_EPSILON = 1e-3  # TPU code, efficientnet/utils.py


def recipe_of(architecture: Architecture) -> Recipe:
    """Return the recipe of Kumar2022 for an architecture.

    Its tables have none for ViT-B/4 and ViT-L/8; they get the recipe of the ViT of the same size.
    """
    if architecture.family == "resnet":
        return RESNET
    if architecture.family == "efficientnet":
        return EFFICIENTNET
    return VIT_L_4 if architecture.variant.startswith("l") else VIT_B_8
