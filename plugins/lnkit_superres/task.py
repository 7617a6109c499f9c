"""The training of one transformation network, for one factor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from lnkit.training import (
    Batch,
    TargetCache,
    TrainingTask,
    Validation,
    Variation,
    as_tensor,
    cache_targets,
    in_unit_range,
    slices,
    to_pixels,
)
from lnkit_superres.metrics import Pixels, Values, psnr, psnr_torchmetrics, ssim
from lnkit_superres.network import TransformationNetwork

if TYPE_CHECKING:
    from lnkit.progress import Progress
    from lnkit.training import FeatureLoss
    from lnkit_superres.data import Images, SuperresData
    from lnkit_superres.protocol import SuperresProtocol

VALIDATION_BATCH = 4  # images, as in the reference code; a constant, so that no validation depends on the batch size


class SuperresTask(TrainingTask):
    """Train a network to enlarge images with a feature loss; validate it by PSNR on luma."""

    def __init__(
        self,
        factor: int,
        protocol: SuperresProtocol,
        data: SuperresData,
        feature_loss: FeatureLoss,
        progress: Progress,
    ) -> None:
        self.factor, self.protocol = factor, protocol
        self.feature_loss: FeatureLoss = feature_loss
        self.high, self.low = data.train.high, data.train.low[factor]
        self.valid_high, self.valid_low = data.valid.high, data.valid.low[factor]
        self.items = len(self.high)
        self._progress = progress
        self._cache: TargetCache | None = None

    def prepare(self) -> None:
        passes = self.protocol.iterations * self.protocol.batch_size / self.items
        self._cache = cache_targets(self.feature_loss, self._targets, self.items, passes, self._progress)

    def build(self) -> nn.Module:
        return TransformationNetwork(self.factor, self.protocol.residual_blocks)

    def optimizer(self, network: nn.Module) -> Optimizer:
        return Adam(network.parameters(), lr=self.protocol.lr)

    def _targets(self, items: NDArray[np.int64]) -> Tensor:
        return in_unit_range(as_tensor(self.high[items]))

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        low = as_tensor(self.low[items])
        if self._cache is not None:
            return {"low": low, **self._cache.take(items)}
        return {"low": low, "high": as_tensor(self.high[items])}

    def losses(self, network: nn.Module, batch: Batch) -> dict[str, Tensor]:
        output = network(in_unit_range(batch["low"]))
        if self._cache is not None:
            return {"loss": self.feature_loss.loss_to_features(output, self._cache.of(batch))}
        return {"loss": self.feature_loss(output, in_unit_range(batch["high"]))}

    def validate(self, network: nn.Module) -> Validation:
        """Compute mean PSNR and SSIM as in the test, and if the protocol says so, torchmetrics' PSNR of each batch."""
        variation, values, batches = Variation(), [], []
        by_batch, shave = self.protocol.validate_by == "psnr_torchmetrics", self.protocol.shave
        for part in slices(len(self.valid_low), VALIDATION_BATCH):
            outputs = enlarge(network, self.valid_low[part])
            truths = self.valid_high[part]
            variation.add(outputs)
            for output, truth in zip(to_pixels(outputs), truths, strict=True):
                values.append((psnr(output, truth, shave), ssim(output, truth, shave)))
            if by_batch:
                batches += [psnr_torchmetrics(to_values(outputs), truths / 255)] * len(truths)
        means = dict(zip(("psnr", "ssim"), np.mean(values, axis=0).tolist(), strict=True))
        if by_batch:
            means["psnr_torchmetrics"] = float(np.mean(batches))
        return Validation(means.pop(self.protocol.validate_by), means, variation.value)


def enlarge(network: nn.Module, low: Images | Pixels) -> Tensor:
    """Enlarge 8-bit images (N, h, w, 3) to (N, 3, f h, f w) in [0, 1], on the network's device."""
    device = next(network.parameters()).device
    output: Tensor = network(in_unit_range(as_tensor(low).to(device)))
    return output


def to_values(images: Tensor) -> Values:
    """Return images (N, 3, H, W) as an array (N, H, W, 3), not rounded."""
    values: Values = images.detach().permute(0, 2, 3, 1).cpu().numpy()
    return values
