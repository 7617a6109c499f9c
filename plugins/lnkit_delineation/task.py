"""The training of the U-Net: random crops, cross-entropy and a feature loss, weighed by iteration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Adam, Optimizer

from lnkit.training.collapse import Variation
from lnkit.training.task import Batch, TrainingTask, Validation, batches_per_epoch
from lnkit_delineation.network import UNet

if TYPE_CHECKING:
    from lnkit.training.task import FeatureLoss
    from lnkit_delineation.data import DelineationData, Pixels
    from lnkit_delineation.protocol import DelineationProtocol

AT_ONCE = 4  # tiles of a validation batch; a constant, so that rounding is the same whatever the batch size


class DelineationTask(TrainingTask):
    """Learns to mark what the maps mark."""

    def __init__(self, protocol: DelineationProtocol, data: DelineationData, feature_loss: FeatureLoss) -> None:
        self.protocol, self.data = protocol, data
        self.feature_loss = self._loss = feature_loss
        self.items = len(data.train.images)

    @property
    def iterations_per_epoch(self) -> int:
        return batches_per_epoch(self.items, self.protocol.batch_size)

    def build(self) -> nn.Module:
        return UNet(self.protocol.width)

    def optimizer(self, network: nn.Module) -> Optimizer:
        return Adam(network.parameters(), lr=self.protocol.lr)

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        """One random crop of each tile, flipped from side to side or not."""
        crops = [self._crop(int(item), draw) for item in items]
        image, truth = (np.stack(column) for column in zip(*crops, strict=True))
        return {"image": torch.from_numpy(image).permute(0, 3, 1, 2), "truth": torch.from_numpy(truth)[:, None]}

    def _crop(self, item: int, draw: np.random.Generator) -> tuple[Pixels, Pixels]:
        side, train = self.protocol.crop, self.data.train
        top, left = (int(draw.integers(0, length - side + 1)) for length in train.maps.shape[1:])
        turn = -1 if draw.random() < self.protocol.flip else 1
        place = (item, slice(top, top + side), slice(left, left + side))
        return train.images[place][:, ::turn], train.maps[place][:, ::turn]

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        image, truth = in_unit_range(batch["image"]), in_unit_range(batch["truth"])
        return self.compared(network, image, truth)

    def compared(self, network: nn.Module, image: Tensor, truth: Tensor) -> dict[str, Tensor]:
        """P Eq. 4 and 5: the losses of every application, the k-th of K weighed by k / (K (K + 1) / 2)."""
        assert isinstance(network, UNet)
        mu, times = self.protocol.mu, self.protocol.k_train
        targets = self._loss.targets(three_channels(truth)) if mu else {}
        bce, features = image.new_zeros(()), image.new_zeros(())
        for weight, marks in zip(weights(times), network.applied(image, times), strict=True):
            bce = bce + weight * cross_entropy(marks, truth)
            if mu:
                features = features + weight * self._loss.loss_to_features(three_channels(marks), targets)
        return {"loss": bce + mu * features, "bce": bce, "feature loss": features}

    def validate(self, network: nn.Module) -> Validation:
        """The mean losses of the validation tiles."""
        variation, sums = Variation(), dict.fromkeys(("loss", "bce", "feature loss"), 0.0)
        device, valid = next(network.parameters()).device, self.data.valid
        for part in _parts(len(valid.images)):
            image, truth = (to_device(array[part], device) for array in (valid.images, valid.maps))
            for name, value in self.compared(network, image, truth).items():
                sums[name] += float(value) * len(image)
            assert isinstance(network, UNet)
            variation.add(network.applied(image, self.protocol.k_train)[-1])
        means = {name: total / len(valid.images) for name, total in sums.items()}
        return Validation(means.pop(self.protocol.keeps), means, variation.value)


def weights(times: int) -> Sequence[float]:
    """Of the losses of the 1st to the last application; they sum to 1 (P Eq. 5)."""
    return [k / (times * (times + 1) / 2) for k in range(1, times + 1)]


def cross_entropy(marks: Tensor, truth: Tensor) -> Tensor:
    """Mean binary cross-entropy of probabilities; in float32, since half precision holds no logarithm near 0 and 1."""
    with torch.autocast(marks.device.type, enabled=False):
        return functional.binary_cross_entropy(marks.float(), truth.float())


def three_channels(marks: Tensor) -> Tensor:
    """Marks (N, 1, H, W) as gray images (N, 3, H, W)."""
    return marks.expand(-1, 3, -1, -1)


def in_unit_range(pixels: Tensor) -> Tensor:
    return pixels.float() / 255


def to_device(pixels: Pixels, device: torch.device) -> Tensor:
    """8-bit images (N, H, W, 3) as (N, 3, H, W), or maps (N, H, W) as (N, 1, H, W), in [0, 1]."""
    tensor = torch.from_numpy(np.array(pixels))  # a copy: what is mapped into memory is read-only
    tensor = tensor[:, None] if tensor.ndim == 3 else tensor.permute(0, 3, 1, 2)
    return in_unit_range(tensor.to(device))


def _parts(count: int) -> Iterator[slice]:
    for start in range(0, count, AT_ONCE):
        yield slice(start, start + AT_ONCE)
