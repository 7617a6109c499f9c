"""A mean over a batch whose memory is that of a small part: each part's gradient is taken at once and kept instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

Measure = Callable[[Tensor, slice], Tensor]  # (images of a part, which rows of the batch they are) -> (N,)


def micro_batched_mean(images: Tensor, measure: Measure, size: int) -> Tensor:
    """Return the mean of what ``measure`` gives for ``images`` (N, ...), ``size`` rows at a time.

    Value and gradient are those of measuring all at once, but for rounding. It can be differentiated once.
    """
    return cast(Tensor, _MicroBatchedMean.apply(images, measure, size))


class _MicroBatchedMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, measure: Measure, size: int) -> Tensor:
        wanted = bool(ctx.needs_input_grad[0])
        total, gradients = images.new_zeros((), dtype=torch.float32), list[Tensor]()
        for start in range(0, len(images), size):
            part = images[start : start + size].detach().requires_grad_(wanted)
            with torch.set_grad_enabled(wanted):
                distances = measure(part, slice(start, start + size)).sum()
            if wanted:
                gradients += torch.autograd.grad(distances, part)
            total = total + distances.detach()
        if wanted:
            ctx.save_for_backward(torch.cat(gradients) / len(images))
        return total / len(images)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradients[0] * gradient, None, None
