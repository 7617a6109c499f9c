"""Building the networks with torchvision, so that their weights are all that distinguishes two of a name."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision.models import Inception3, get_model

# Both are pretrained with auxiliary classifiers, which no loss network needs, and re-normalize their input inside
# `forward` (`transform_input`), which torchvision switches on for pretrained weights only.
INCEPTION_FAMILY: dict[str, Any] = {"aux_logits": False, "transform_input": True, "init_weights": True}


def load(name: str, weights: str | None) -> nn.Module:
    """Build a backbone of torchvision: the same network, whether its weights are pretrained or random.

    Args:
        name: what torchvision calls it.
        weights: the name of torchvision's weights, downloaded to torch's hub folder and checked there against the
            hash in their file name; None for random weights.

    Raises:
        OSError: the weights could not be fetched.
        RuntimeError: what was fetched is not what its file name promises.
    """
    options = INCEPTION_FAMILY if weights is None and name in ("googlenet", "inception_v3") else {}
    module: nn.Module = get_model(name, weights=weights, progress=False, **options)
    if isinstance(module, Inception3):
        _drop_auxiliary_head(module)
    return module


def _drop_auxiliary_head(module: Inception3) -> None:
    """Do for Inception v3 what torchvision does for GoogLeNet once the pretrained weights are in."""
    module.aux_logits = False
    module.AuxLogits = None
