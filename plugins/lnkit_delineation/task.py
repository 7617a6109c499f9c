"""The training of the U-Net: tiles or crops of them, cross-entropy and feature loss, weighted by application."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from lnkit.training import (
    Batch,
    TrainingTask,
    Validation,
    Variation,
    as_tensor,
    in_unit_range,
    slices,
)
from lnkit_delineation.network import UNet

if TYPE_CHECKING:
    from lnkit.training import FeatureLoss
    from lnkit_delineation.data import DelineationData, Pixels
    from lnkit_delineation.protocol import DelineationProtocol

VALIDATION_BATCH = 4  # tiles; a constant, so that rounding does not depend on the batch size


class DelineationTask(TrainingTask):
    """Train a U-Net to mark roads with cross-entropy and a feature loss."""

    def __init__(self, protocol: DelineationProtocol, data: DelineationData, feature_loss: FeatureLoss) -> None:
        self.protocol, self.data = protocol, data
        self.feature_loss: FeatureLoss = feature_loss
        self.items = len(data.train.images)

    def build(self) -> nn.Module:
        return UNet(self.protocol.width)

    def optimizer(self, network: nn.Module) -> Optimizer:
        return Adam(network.parameters(), lr=self.protocol.lr)

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        """Crop each tile at random if the protocol says so, and flip some of them horizontally."""
        views = [self._view(int(item), draw) for item in items]
        image, truth = (np.stack(column) for column in zip(*views, strict=True))
        return {"image": as_tensor(image), "truth": as_tensor(truth)}

    def _view(self, item: int, draw: np.random.Generator) -> tuple[Pixels, Pixels]:
        train, part = self.data.train, (slice(None), slice(None))
        if self.protocol.train_tiles == "crop":
            side = self.protocol.crop
            top, left = (int(draw.integers(0, length - side + 1)) for length in train.maps.shape[1:])
            part = (slice(top, top + side), slice(left, left + side))
        step = -1 if draw.random() < self.protocol.flip else 1
        return train.images[(item, *part)][:, ::step], train.maps[(item, *part)][:, ::step]

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        return self.compute_losses(cast(UNet, network), in_unit_range(batch["image"]), in_unit_range(batch["truth"]))

    def compute_losses(self, network: UNet, image: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """Sum the losses of all applications, the k-th of K weighted by k / (K (K + 1) / 2).

        References:
            Pihlgren2023 Eq. 4 for the sum of the two losses, Mosinska2018 and the reference code for the weights.
        """
        mu, times = self.protocol.mu, self.protocol.k_train
        targets = self.feature_loss.targets(three_channels(truth)) if mu else {}
        bce, features = image.new_zeros(()), image.new_zeros(())
        for weight, marks in zip(weights(times), network.apply_repeatedly(image, times), strict=True):
            bce = bce + weight * cross_entropy(marks, truth)
            if mu:
                features = features + weight * self.feature_loss.loss_to_features(three_channels(marks), targets)
        return {"loss": bce + mu * features, "bce": bce, "feature loss": features}

    def validate(self, network: nn.Module) -> Validation:
        """Compute the mean losses of the validation tiles."""
        unet = cast(UNet, network)
        variation, sums = Variation(), dict.fromkeys(("loss", "bce", "feature loss"), 0.0)
        device, valid = next(network.parameters()).device, self.data.valid
        for part in slices(len(valid.images), VALIDATION_BATCH):
            image, truth = (to_device(array[part], device) for array in (valid.images, valid.maps))
            for name, value in self.compute_losses(unet, image, truth).items():
                sums[name] += float(value) * len(image)
            variation.add(unet.apply_repeatedly(image, self.protocol.k_train)[-1])
        means = {name: total / len(valid.images) for name, total in sums.items()}
        return Validation(means.pop(self.protocol.keeps), means, variation.value)


def weights(times: int) -> Sequence[float]:
    """Return the weights of the losses of the 1st to the last application, which sum to 1; Mosinska2018."""
    return [k / (times * (times + 1) / 2) for k in range(1, times + 1)]


def cross_entropy(marks: Tensor, truth: Tensor) -> Tensor:
    """Return the mean binary cross-entropy of probabilities, in float32: half precision is too coarse near 0 and 1."""
    with torch.autocast(marks.device.type, enabled=False):
        return functional.binary_cross_entropy(marks.float(), truth.float())


def three_channels(marks: Tensor) -> Tensor:
    """Return marks (N, 1, H, W) as gray images (N, 3, H, W)."""
    return marks.expand(-1, 3, -1, -1)


def to_device(pixels: Pixels, device: torch.device) -> Tensor:
    """Return 8-bit images (N, H, W, 3) as (N, 3, H, W) in [0, 1] on the device, or maps (N, H, W) as (N, 1, H, W)."""
    return in_unit_range(as_tensor(pixels).to(device))
