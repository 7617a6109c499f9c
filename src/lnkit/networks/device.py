"""Open a device by name, and what computations on any device share."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy.random
import torch
from torch import nn

from lnkit.errors import UsageError
from lnkit.networks.math_kernels import choose_math_kernels
from lnkit.plugins.process_state import preserved
from lnkit.plugins.torch_state import GENERATORS

Module = TypeVar("Module", bound=nn.Module)
Value = TypeVar("Value")


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
    device = _accelerator() if name == "auto" else _open(name)
    if device.type == "cuda":
        make_cublas_repeatable()
    return device


def _accelerator() -> torch.device:
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return accelerator or torch.device("cpu")


def _open(name: str) -> torch.device:
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
    """Compute float32 in float32 while inside, whatever the user allows otherwise.

    TF32 on GPUs has a mantissa of 10 bits, and bfloat16 in place of float32, as in ``torch.autocast``, one of 7:
    rounding would decide near ties.
    """
    backends: Any = torch.backends
    # torch 2.9 has a second set of switches. Once a user has set one of these, some of the first set cannot be read.
    switches = (
        [backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn, backends.mkldnn.matmul] if _TWO_SETS else []
    )
    before = [switch.fp32_precision for switch in switches]
    matmul, cudnn = _read(torch.get_float32_matmul_precision), _read(lambda: backends.cudnn.allow_tf32)
    torch.set_float32_matmul_precision("highest")
    backends.cudnn.allow_tf32 = False
    for switch in switches:
        switch.fp32_precision = "ieee"
    try:
        with contextlib.ExitStack() as stack:
            for device in filter(torch.is_autocast_enabled, ("cpu", "cuda", "mps")):
                stack.enter_context(torch.autocast(device, enabled=False))
            yield
    finally:
        if matmul is not None:
            torch.set_float32_matmul_precision(matmul)
        if cudnn is not None:
            backends.cudnn.allow_tf32 = cudnn
        for switch, precision in zip(switches, before, strict=True):
            switch.fp32_precision = precision


@contextlib.contextmanager
def standard_defaults() -> Iterator[None]:
    """Create tensors in float32 and on the CPU while inside, whatever the user has set.

    ``torch.set_default_dtype`` and ``torch.set_default_device`` change the tensors of every library: weights that lnkit
    builds or reads would be others, and so would everything computed from them.
    """
    dtype = torch.get_default_dtype()
    with contextlib.ExitStack() as stack:
        if dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        yield


@contextlib.contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the generators of torch, NumPy and Python, and restore their states afterwards."""
    with preserved(GENERATORS):
        random.seed(seed)
        numpy.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        yield


_TWO_SETS = hasattr(torch.backends.cudnn, "conv")


def _read(get: Callable[[], Value]) -> Value | None:
    """Return a setting, or None if torch refuses to tell it."""
    try:
        return get()
    except RuntimeError:
        return None


# Full memory of MPS and of the CPU, and of libraries on CUDA, which torch raises as other errors than OutOfMemoryError.
_FULL_MEMORY = ("out of memory", "can't allocate memory", "CUDNN_STATUS_ALLOC_FAILED", "CUBLAS_STATUS_ALLOC_FAILED")


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error says that the memory of a device is full."""
    if isinstance(error, torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in _FULL_MEMORY)


def make_cublas_repeatable() -> None:
    """Make cuBLAS sum in the same order each time; has an effect before its first use in this process only."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
