"""Open a device by name, and what computations on any device share."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TypeVar

import torch
from torch import nn

from lnkit.errors import UsageError

Module = TypeVar("Module", bound=nn.Module)


def place(module: Module, device: torch.device) -> Module:
    """Move a module to a device, in the memory layout in which convolutions are fastest."""
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


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Turn off TF32 on GPUs: it has a mantissa of 10 bits, so rounding would decide near ties."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
