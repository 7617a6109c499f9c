"""Networks for small images: what they are called (light), and how they are built (torch)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit_earlystop.networks.architecture import Architecture

if TYPE_CHECKING:
    from torch import nn

CLASSES = 1000  # of ImageNet


def build(architecture: Architecture, classes: int = CLASSES, dropout: float | None = None) -> nn.Module:
    """The network with random weights; images are (N, 3, H, W), logits (N, classes).

    Args:
        architecture: what to build.
        classes: of its head.
        dropout: before the head, in ViTs also in every block; None for what the family is defined with.
    """
    if architecture.family == "resnet":
        from lnkit_earlystop.networks.resnet import ResNet  # noqa: PLC0415 - torch, which listing does without

        return ResNet(architecture.depth, classes, architecture.width, architecture.skip, dropout or 0.0)
    from lnkit_earlystop.networks import torchvisions  # noqa: PLC0415 - likewise

    make = torchvisions.efficientnet if architecture.family == "efficientnet" else torchvisions.vit
    return make(architecture, classes, dropout)
