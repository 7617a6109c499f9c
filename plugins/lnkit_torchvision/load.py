"""Building the networks with torchvision, so that their weights are all that distinguishes two of a name."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode
from torchvision.models import Inception3, get_model

# Both are pretrained with auxiliary classifiers, which no loss network needs, and re-normalize their input inside
# `forward` (`transform_input`), which torchvision switches on for pretrained weights only.
INCEPTION_FAMILY: dict[str, Any] = {"aux_logits": False, "transform_input": True, "init_weights": True}


def load(name: str, weights: str | None, size: int = 0) -> nn.Module:
    """Build a backbone of torchvision: the same network, whether its weights are pretrained or random.

    Args:
        name: what torchvision calls it.
        weights: the name of torchvision's weights, downloaded to torch's hub folder and checked there against the
            hash in their file name; None for random weights.
        size: the side in pixels of the images that it takes, for a network that takes no others.

    Raises:
        OSError: the weights could not be fetched.
        RuntimeError: what was fetched is not what its file name promises.
    """
    options = _options(name, size) if weights is None else {}
    with _WidthsOnCpu() if name.startswith("regnet") else nullcontext():
        module: nn.Module = get_model(name, weights=weights, progress=False, **options)
    if isinstance(module, Inception3):
        _drop_auxiliary_head(module)
    return module


def _options(name: str, size: int) -> dict[str, Any]:
    """What torchvision does of its own accord for pretrained weights only."""
    if name in ("googlenet", "inception_v3"):
        return INCEPTION_FAMILY
    return {"image_size": size} if name.startswith("vit") else {}


class _WidthsOnCpu(TorchFunctionMode):
    """Lets a RegNet be built on torch's meta device: it reads its widths and depths from the values of tensors."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        on_cpu = {"device": "cpu"} if func in (torch.arange, torch.tensor) else {}
        return func(*args, **((kwargs or {}) | on_cpu))


def _drop_auxiliary_head(module: Inception3) -> None:
    """Do for Inception v3 what torchvision does for GoogLeNet once the pretrained weights are in."""
    module.aux_logits = False
    module.AuxLogits = None
