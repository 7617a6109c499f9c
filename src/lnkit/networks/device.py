"""Open a device by name, and place modules on it."""

from __future__ import annotations

from functools import cache
from typing import TypeVar

import torch
from torch import nn

from lnkit.errors import UsageError

Module = TypeVar("Module", bound=nn.Module)

# Elementwise functions that torch computes by oneMKL on the CPU (its ATen/cpu/vml.h).
ELEMENTWISE = (
    *("abs", "acos", "asin", "atan", "cos", "cosh", "erf", "erfc", "erfinv", "exp", "expm1", "log", "log10", "log1p"),
    *("log2", "rsqrt", "sin", "sinh", "sqrt", "tan", "tanh", "trunc"),
)


@cache
def choose_math_kernels() -> None:
    """Call each elementwise function once in one thread; later calls of the process do nothing.

    oneMKL chooses the kernel of a function when it is first called. If several threads make that call at once, one of
    them may compute its share with errors of 1e-5 (pytorch/pytorch, issue 188792), so that the first score or training
    step of a process would differ from that of another.
    """
    for dtype in (torch.float32, torch.float64):
        half = torch.full((1,), 0.5, dtype=dtype, device="cpu")
        for name in ELEMENTWISE:
            getattr(torch, name)(half)


def place(module: Module, device: torch.device) -> Module:
    """Move a module to a device, in the memory layout in which convolutions are fastest."""
    choose_math_kernels()
    placed: Module = module.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return placed


def open_device(name: str) -> torch.device:
    """Return a device after checking that it can be used.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps" or another name of torch; "auto" is an accelerator if there is one, else
            the CPU.

    Raises:
        UsageError: The device does not exist or does not work.
    """
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"The device {name!r} cannot be used here ({str(error).splitlines()[0]:.100}). Use 'cpu', or check the "
            "installation of torch and the driver."
        ) from error
    return device
