"""torch.compile with the weights frozen into the graph; needs a C++ compiler on the CPU."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import torch
from torch import nn

from lnkit.engines.base import Array, only_errors
from lnkit.engines.eager import full_float32, prepare

_OPTIONS = {
    "freezing": True,
    "fx_graph_cache": False,  # its key would be made from every frozen weight as text: minutes for VGG-16
}


def missing() -> str:
    """Say what this engine lacks here, or nothing."""
    if any(shutil.which(compiler) for compiler in ("g++", "clang++", "c++")):
        return ""
    return "a C++ compiler (g++ or clang++)"


class InductorEngine:
    """Runs a module as compiled for one shape."""

    name = "inductor"

    def __init__(self, module: nn.Module, device: torch.device) -> None:
        self.device = device
        prepared = prepare(module).to(device).to(memory_format=torch.channels_last)
        compiled = torch.compile(
            prepared, fullgraph=True, dynamic=False, options={"freezing": True, "fx_graph_cache": False}
        )
        self.module: Callable[[torch.Tensor], torch.Tensor] = compiled

    def __call__(self, stack: Array) -> Array:
        with torch.no_grad(), full_float32(), only_errors("torch.utils.cpp_extension"):
            found: Array = self.module(torch.from_numpy(stack).to(self.device)).float().cpu().numpy()
        return found
