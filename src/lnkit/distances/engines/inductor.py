"""torch.compile with the weights frozen into the graph; needs a C++ compiler on the CPU."""

from __future__ import annotations

import shutil
import types
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from lnkit.distances.engines.base import Array, only_errors
from lnkit.distances.engines.eager import full_float32, prepare

_CONFIG: dict[str, Any] = {
    "freezing": True,  # weights become constants: packed once for the processor, activations fused into convolutions
    "fx_graph_cache": False,  # with it VGG-16 took minutes to build; presumably it hashes frozen weights
}


def missing() -> str:
    """Say what this engine lacks here, or nothing."""
    if any(shutil.which(compiler) for compiler in ("g++", "clang++", "c++")):
        return ""
    return "a C++ compiler (g++ or clang++)"


class InductorEngine:
    """Runs a module as compiled for one shape."""

    name = "inductor"

    def __init__(self, module: nn.Module, shape: tuple[int, ...], device: torch.device) -> None:
        import torch._inductor.config as inductor_config  # noqa: PLC0415 - slow to import, and only needed here

        self.device = device
        prepared = prepare(module).to(device).to(memory_format=torch.channels_last)
        self.run: Callable[[torch.Tensor], torch.Tensor] = torch.compile(
            _forward_of_its_own(prepared), fullgraph=True, dynamic=False
        )
        # Options given to torch.compile would come too late: whether weights are constants is settled while tracing.
        with inductor_config.patch(_CONFIG), only_errors("torch.utils.cpp_extension"):
            self(np.zeros(shape, np.uint8))

    def __call__(self, stack: Array) -> Array:
        with torch.no_grad(), full_float32():
            found: Array = self.run(torch.from_numpy(stack).to(self.device)).float().cpu().numpy()
        return found


def _forward_of_its_own(module: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return a module's forward as a function that shares its code with no other.

    torch.compile keeps what it has compiled with the code object: at most eight versions, all looked through at each
    call. A process that scores many backbones would run out of them.
    """
    forward = type(module).forward
    own = types.FunctionType(forward.__code__.replace(), forward.__globals__, closure=forward.__closure__)
    return types.MethodType(own, module)
