"""Trunks of torchvision's segmentation and detection networks, alike for pretrained and for random weights."""

from __future__ import annotations

from torch import nn
from torchvision.models import get_model
from torchvision.ops import FrozenBatchNorm2d


def load_trunk(name: str, weights: str | None, frozen_eps: float | None = None) -> nn.Module:
    """Build the trunk of a network that was trained on COCO.

    Args:
        name: of the network in torchvision.
        weights: the name of torchvision's weights, downloaded as by :func:`lnkit_torchvision.load.load`; None for
            random weights.
        frozen_eps: guard of the frozen batch norms of the pretrained network; None if it has none.

    Raises:
        OSError: the weights cannot be downloaded.
        RuntimeError: the downloaded weights do not match the hash in their file name.
    """
    network = get_model(name, weights=weights, weights_backbone=None, progress=False)
    trunk: nn.Module = network.backbone
    if weights is None and frozen_eps is not None:
        _freeze(trunk, frozen_eps)
    return trunk


def _freeze(module: nn.Module, eps: float) -> None:
    """Replace each batch norm by a frozen one, as torchvision does for pretrained weights only."""
    for name, child in list(module.named_children()):
        if isinstance(child, nn.BatchNorm2d):
            module.add_module(name, FrozenBatchNorm2d(child.num_features, eps))
        else:
            _freeze(child, eps)
