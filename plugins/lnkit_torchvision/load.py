"""Networks built with torchvision, alike for pretrained and for random weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision.models import Inception3, get_model

# Both are pretrained with auxiliary classifiers, which no loss network needs, and re-normalize their input inside
# `forward` (`transform_input`), which torchvision enables for pretrained weights only.
INCEPTION_FAMILY: dict[str, Any] = {"aux_logits": False, "transform_input": True, "init_weights": True}


def load(name: str, weights: str | None, size: int = 0) -> nn.Module:
    """Build a backbone of torchvision; the network is the same for pretrained and for random weights.

    Args:
        name: of the network in torchvision.
        weights: the name of torchvision's weights, downloaded to torch's hub folder and checked there against the
            hash in their file name; None for random weights.
        size: side of its images in pixels, for a network that takes one size only; else 0.

    Raises:
        OSError: the weights cannot be downloaded.
        RuntimeError: the downloaded weights do not match the hash in their file name.
    """
    options = _options(name, size) if weights is None else {}
    with _WidthsOnCpu() if name.startswith("regnet") else nullcontext():
        module: nn.Module = get_model(name, weights=weights, progress=False, **options)
    if isinstance(module, Inception3):
        module.aux_logits, module.AuxLogits = False, None  # as torchvision does for GoogLeNet with pretrained weights
    return module


def _options(name: str, size: int) -> dict[str, Any]:
    """Return the options that torchvision itself sets for pretrained weights only."""
    if name in ("googlenet", "inception_v3"):
        return INCEPTION_FAMILY
    return {"image_size": size} if name.startswith("vit") else {}


class _WidthsOnCpu(TorchFunctionMode):
    """Compute widths and depths on the CPU, so that a RegNet can be built on torch's meta device."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        on_cpu = {"device": "cpu"} if func in (torch.arange, torch.tensor) else {}
        return func(*args, **((kwargs or {}) | on_cpu))
