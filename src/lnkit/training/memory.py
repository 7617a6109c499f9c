"""Out-of-memory handling: smaller micro-batches if they give the same result, else an error with a size that fits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypedDict

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lnkit.errors import LnkitError
from lnkit.training.loss_mode import follows_training
from lnkit.training_task import Batch

if TYPE_CHECKING:
    from lnkit.training_task import FeatureLoss


class Sizes(TypedDict):
    """Micro-batch sizes, as a checkpoint stores them."""

    size: int  # of the trained network
    micro_batch: int | None  # of the loss network


class MicroBatches:
    """The micro-batch sizes of the frozen loss network and of the trained network."""

    def __init__(self, network: nn.Module, feature_loss: FeatureLoss | None, batch_size: int) -> None:
        self._feature_loss = feature_loss
        self._batch_size = batch_size
        self._whole = _needs_whole_batch(network, feature_loss)
        self.size = batch_size  # of the trained network

    def state(self) -> Sizes:
        """Return the sizes, to be stored in a checkpoint."""
        return {"size": self.size, "micro_batch": self._feature_loss.micro_batch if self._feature_loss else None}

    def restore(self, state: Sizes) -> None:
        """Set the sizes to those of a checkpoint."""
        self.size = state["size"]
        if self._feature_loss is not None:
            self._feature_loss.micro_batch = state["micro_batch"]

    def parts(self, batch: Batch) -> Iterator[tuple[Batch, float]]:
        """Yield the micro-batches of a batch, each with its share of the items."""
        count = len(next(iter(batch.values())))
        if count <= self.size:
            yield batch, 1.0
            return
        for start in range(0, count, self.size):
            part = {name: tensor[start : start + self.size] for name, tensor in batch.items()}
            yield part, min(self.size, count - start) / count

    def shrink(self) -> str:
        """Halve a micro-batch size.

        The loss network comes first: it is frozen, so its micro-batches affect rounding only. Batches of the trained
        network can be split only if it has no batch norm, whose statistics are those of the whole batch. Nothing can be
        split if the loss network is in training mode.

        Returns:
            A phrase for the log; "" if no size can be halved without changing the result.
        """
        loss = self._feature_loss
        if loss is not None and not follows_training(loss) and (loss.micro_batch or self._batch_size) > 1:
            loss.micro_batch = min(loss.micro_batch or self._batch_size, self._batch_size) // 2
            return f"the loss network takes {loss.micro_batch} images at a time"
        if self.size > 1 and not self._whole:
            self.size //= 2
            return f"the network in training takes {self.size} items at a time and sums their gradients"
        return ""

    def too_much(self, device: torch.device, fits: Callable[[int], bool]) -> LnkitError:
        """Return the error to raise when nothing more can be split; ``fits(n)`` tries a step with ``n`` items."""
        reason = f": {self._whole}, so it cannot be split" * bool(self._whole)
        size = self._batch_size // 2
        while size and not fits(size):
            size //= 2
        next_step = f"A batch of {size} fits: --set batch_size={size}, which is another protocol." if size else ""
        return LnkitError(
            f"The memory of {device} is too small for a training step with {self._batch_size} items{reason}. "
            f"{next_step or 'Not even one item fits.'} Or use a device with more memory."
        )


def _needs_whole_batch(network: nn.Module, loss: FeatureLoss | None) -> str:
    """Return why a batch cannot be split without changing the result; "" if it can."""
    if follows_training(loss):
        return "the loss network in training mode uses the statistics of the whole batch"
    if any(isinstance(module, _BatchNorm) for module in network.modules()):
        return "its batch norm uses the statistics of the whole batch"
    return ""


def release(device: torch.device) -> None:
    """Free the cached memory of a device for the next attempt."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
