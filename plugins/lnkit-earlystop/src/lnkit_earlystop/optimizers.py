"""Optimizers of the recipes, with the parameters that get no weight decay."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from lnkit_earlystop.recipes import ADAM_BETAS, MOMENTUM, RMSPROP_DECAY, RMSPROP_EPSILON, Recipe


def make_optimizer(network: nn.Module, recipe: Recipe, batch_size: int) -> Optimizer:
    """Return the optimizer of a recipe for the trainable parameters of a network."""
    lr, groups = recipe.peak(batch_size), parameter_groups(network, recipe.weight_decay)
    if recipe.optimizer == "nesterov":
        return torch.optim.SGD(groups, lr, MOMENTUM, nesterov=True)
    if recipe.optimizer == "rmsprop":
        return TensorFlowRMSprop(groups, lr)
    return torch.optim.AdamW(groups, lr, ADAM_BETAS)


def parameter_groups(network: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Group the trainable parameters of a network: those of batch norm get no weight decay (TPU code)."""
    of_batch_norm = {
        parameter
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d)
        for parameter in module.parameters(recurse=False)
    }
    trainable = [parameter for parameter in network.parameters() if parameter.requires_grad]
    decayed = [parameter for parameter in trainable if parameter not in of_batch_norm]
    others = [parameter for parameter in trainable if parameter in of_batch_norm]
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
    return [group for group in groups if group["params"]]


class TensorFlowRMSprop(Optimizer):
    """RMSProp as TensorFlow computes it (``tf.train.RMSPropOptimizer``), as the recipe of EfficientNets means it.

    PyTorch's adds epsilon to the root, not inside of it, starts with a mean square of 0, not 1, and multiplies by the
    learning rate after the momentum, not before. For a gradient of .01, its first step is 228 times as long.
    """

    def __init__(self, parameters: Iterable[dict[str, Any]], lr: float, weight_decay: float = 0.0) -> None:
        super().__init__(parameters, {"lr": lr, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Update all parameters by their gradients."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is not None:
                    self._update(parameter, group["lr"], group["weight_decay"])

    def _update(self, parameter: Tensor, lr: float, weight_decay: float) -> None:
        state = self.state[parameter]
        if not state:
            state["mean_square"] = torch.ones_like(parameter)
            state["momentum"] = torch.zeros_like(parameter)
        gradient = parameter.grad.add(parameter, alpha=weight_decay)  # type: ignore[union-attr]
        state["mean_square"].lerp_(gradient.square(), 1 - RMSPROP_DECAY)
        root = state["mean_square"].add(RMSPROP_EPSILON).sqrt_()
        state["momentum"].mul_(MOMENTUM).addcdiv_(gradient, root, value=lr)
        parameter.sub_(state["momentum"])
