"""The first calls of torch's elementwise functions on the CPU, made before threads could make them."""

from __future__ import annotations

from functools import cache

import torch

# The functions that torch computes by oneMKL (its ATen/cpu/vml.h, of all versions).
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
