"""Loss networks in training mode: their mode during a training, and their running statistics as part of its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from lnkit.training_task import FeatureLoss


def follows_training(loss: FeatureLoss | None) -> bool:
    """Return whether the features of a loss depend on its mode, and it follows the mode of the trained network."""
    return loss is not None and bool(getattr(loss.network, "follows_mode", False))


@contextmanager
def lend(loss: FeatureLoss | None) -> Iterator[None]:
    """Put the loss network into evaluation mode and give it back its statistics afterwards, for the next training."""
    if loss is None or not follows_training(loss):
        yield
        return
    before = {name: buffer.clone() for name, buffer in loss.network.named_buffers()}
    try:
        yield
    finally:
        loss.network.eval()
        restore_statistics(loss, before)


def set_mode(network: nn.Module, loss: FeatureLoss | None, training: bool) -> None:
    """Put the trained network, and a loss network that follows it, into training or evaluation mode."""
    network.train(training)
    if loss is not None and follows_training(loss):
        loss.network.train(training)


def statistics(loss: FeatureLoss | None) -> dict[str, Tensor]:
    """Return the buffers of a loss network that follows the training, to be stored in a checkpoint; else nothing."""
    return dict(loss.network.named_buffers()) if loss is not None and follows_training(loss) else {}


@torch.no_grad()
def restore_statistics(loss: FeatureLoss | None, before: Mapping[str, Tensor]) -> None:
    """Set the buffers of the loss network to those of :func:`statistics`."""
    if loss is None:
        return
    buffers = dict(loss.network.named_buffers())
    for name, value in before.items():
        buffers[name].copy_(value)
