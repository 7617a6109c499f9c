"""Plain PyTorch, with the memory layout and the folded batch norms that speed up convolutional networks."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import fx, nn
from torch.fx.experimental.optimization import fuse

from lnkit.distances.engines.base import Array
from lnkit.networks.device import full_float32, place

Module = TypeVar("Module", bound=nn.Module)


class EagerEngine:
    """Runs a module batch by batch: channels last, batch norm folded into convolutions, no autograd."""

    name = "eager"

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.device = device
        self.module = place(prepare(module), device)

    def __call__(self, stack: Array) -> Array:
        with torch.inference_mode(), full_float32():
            distances: Array = self.module(torch.from_numpy(stack).to(self.device)).float().cpu().numpy()
        return distances


def prepare(module: Module) -> Module:
    """Copy a module; in every traced graph in it, fold batch norms into the convolutions before them."""
    prepared = copy.deepcopy(module)
    for path, part in list(prepared.named_modules()):
        if isinstance(part, fx.GraphModule) and not part.training:
            parent, _, name = path.rpartition(".")
            setattr(prepared.get_submodule(parent), name, fuse(part, inplace=True, no_trace=True))
    return prepared
