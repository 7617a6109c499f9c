"""When memory runs out: smaller parts where that gives the same result, else a sentence that says what would fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from lnkit.errors import LnkitError
from lnkit.training.task import Batch

if TYPE_CHECKING:
    from lnkit.training.task import FeatureLoss


class MicroBatches:
    """How many items of a batch go through the frozen loss network, and through the trained one, at a time."""

    def __init__(self, network: nn.Module, feature_loss: FeatureLoss | None, batch_size: int) -> None:
        self._feature_loss = feature_loss
        self._batch_size = batch_size
        self._has_batch_norm = any(isinstance(module, _BatchNorm) for module in network.modules())
        self.split = batch_size  # of the trained network

    def state(self) -> dict[str, int | None]:
        return {"split": self.split, "micro_batch": self._feature_loss.micro_batch if self._feature_loss else None}

    def restore(self, state: dict[str, int | None]) -> None:
        self.split = state["split"] or self._batch_size
        if self._feature_loss is not None:
            self._feature_loss.micro_batch = state["micro_batch"]

    def parts(self, batch: Batch) -> Iterator[tuple[Batch, float]]:
        """The batch in parts, with the share of its items that each has."""
        count = len(next(iter(batch.values())))
        if count <= self.split:
            yield batch, 1.0
            return
        for start in range(0, count, self.split):
            part = {name: tensor[start : start + self.split] for name, tensor in batch.items()}
            yield part, min(self.split, count - start) / count

    def shrink(self) -> str:
        """Make the portions smaller and say so; "" if they cannot be without changing the result.

        The loss network's come first: it is frozen, so they change nothing but rounding. The trained network can be
        split only if it has no batch norm, whose statistics are those of the whole batch.
        """
        loss = self._feature_loss
        if loss is not None and (loss.micro_batch or self._batch_size) > 1:
            loss.micro_batch = min(loss.micro_batch or self._batch_size, self._batch_size) // 2
            return f"the loss network takes {loss.micro_batch} images at a time"
        if self.split > 1 and not self._has_batch_norm:
            self.split //= 2
            return f"the network in training takes {self.split} items at a time, its gradients being added up"
        return ""

    def too_much(self, device: torch.device, fits: Callable[[int], bool]) -> LnkitError:
        """What to say when nothing more can be split; ``fits(n)`` tries a step with ``n`` items."""
        why = "its batch norm uses the statistics of the whole batch, so it cannot be split" * self._has_batch_norm
        size = self._batch_size // 2
        while size and not fits(size):
            size //= 2
        next_step = f"A batch of {size} fits: --set batch_size={size}, which is another protocol." if size else ""
        return LnkitError(
            f"The memory of {device} is too small for a training step with {self._batch_size} items"
            f"{': ' + why if why else ''}. {next_step or 'Not even one item fits.'} Or use a device with more memory."
        )


def release(device: torch.device) -> None:
    """Give cached memory back, so that the next attempt has all of it."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
