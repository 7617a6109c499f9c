"""torch.compile with the weights frozen into the graph; on the CPU it needs a C++ compiler."""

from __future__ import annotations

import contextlib
import shutil
import sys
import types
import warnings
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch
from torch import nn

from lnkit.distances.engines.base import Array, quiet_loggers
from lnkit.distances.engines.eager import prepare
from lnkit.networks.device import full_float32, place

_CONFIG: dict[str, Any] = {
    "freezing": True,  # weights become constants: packed once for the processor, activations fused into convolutions
    "fx_graph_cache": False,  # with it VGG-16 took minutes to build; presumably it hashes frozen weights
}


def missing(device: torch.device) -> str:
    """Return the requirement of this engine on a device that is not installed, or ""."""
    if device.type == "cuda" and find_spec("triton") is None:
        return "the package triton"
    if any(shutil.which(compiler) for compiler in ("g++", "clang++", "c++")):
        return ""
    return "a C++ compiler (g++ or clang++)"


class InductorEngine:
    """Runs a module that is compiled for one shape."""

    name = "inductor"

    def __init__(self, module: nn.Module, shape: tuple[int, ...], device: torch.device) -> None:
        import torch._inductor.config as inductor_config  # noqa: PLC0415 - slow to import, and only needed here

        self.device = device
        prepared = place(prepare(module), device)
        self.run: Callable[[torch.Tensor], torch.Tensor] = torch.compile(
            _unshared_forward(prepared), fullgraph=True, dynamic=False
        )
        # Not as options of torch.compile: whether weights are constants is decided earlier, while tracing.
        quiet = quiet_loggers("torch.utils.cpp_extension")
        with inductor_config.patch(_CONFIG), quiet, _kept_recursion_limit(), warnings.catch_warnings():
            warnings.filterwarnings("ignore", "TensorFloat32")  # older versions of torch recommend it; see full_float32
            self(np.zeros(shape, np.uint8))

    def __call__(self, stack: Array) -> Array:
        with torch.no_grad(), full_float32():
            distances: Array = self.run(torch.from_numpy(stack).to(self.device)).float().cpu().numpy()
        return distances


@contextlib.contextmanager
def _kept_recursion_limit() -> Iterator[None]:
    """Undo what inductor does to the limit while it compiles; the guard would name the benchmark that compares."""
    before = sys.getrecursionlimit()
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


def _unshared_forward(module: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the forward of a module as a function with a code object of its own.

    torch.compile caches at most eight compiled versions per code object and searches them all at each call. A process
    that scores many backbones would exceed this number.
    """
    forward = type(module).forward
    own = types.FunctionType(forward.__code__.replace(), forward.__globals__, closure=forward.__closure__)
    return types.MethodType(own, module)
