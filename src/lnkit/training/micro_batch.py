"""The mean over a batch, computed in micro-batches: only one micro-batch of activations is alive at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

RowDistances = Callable[[Tensor, slice], Tensor]  # (images of a micro-batch, their rows in the batch) -> (N,)


def micro_batched_mean(images: Tensor, distances: RowDistances, size: int) -> Tensor:
    """Return the mean of the distances of a batch, computed ``size`` rows at a time.

    The gradient of each micro-batch is computed in the forward pass and stored instead of its activations. Value and
    gradient equal those of the whole batch up to rounding. The result can be differentiated once.

    Args:
        images: A batch (N, ...).
        distances: Computes the distances of some of its rows.
        size: Rows of a micro-batch.

    Returns:
        A scalar, float32.
    """
    return cast(Tensor, _MicroBatchedMean.apply(images, distances, size))


class _MicroBatchedMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, distances: RowDistances, size: int) -> Tensor:
        with_gradient = bool(ctx.needs_input_grad[0])
        total, gradients = images.new_zeros((), dtype=torch.float32), list[Tensor]()
        for start in range(0, len(images), size):
            part = images[start : start + size].detach().requires_grad_(with_gradient)
            with torch.set_grad_enabled(with_gradient):
                part_sum = distances(part, slice(start, start + size)).sum()
            if with_gradient:
                gradients += torch.autograd.grad(part_sum, part)
            total = total + part_sum.detach()
        if with_gradient:
            ctx.save_for_backward(torch.cat(gradients) / len(images))
        return total / len(images)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradients[0] * gradient, None, None
