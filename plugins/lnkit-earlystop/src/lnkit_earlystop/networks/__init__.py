"""Networks for small images: their names (without torch), and their modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit_earlystop.networks.architecture import Architecture

if TYPE_CHECKING:
    from torch import nn

CLASSES = 1000  # of ImageNet


def build(architecture: Architecture, classes: int = CLASSES, dropout: float | None = None) -> nn.Module:
    """Build a network with random weights; it maps images (N, 3, H, W) to logits (N, classes).

    Args:
        architecture: what to build.
        classes: number of classes.
        dropout: before the head, in ViTs also in every block; None for the default of the family.
    """
    if architecture.family == "resnet":
        from lnkit_earlystop.networks.resnet import ResNet  # noqa: PLC0415 - torch, which listing does without

        return ResNet(architecture.depth, classes, architecture.width, architecture.skip, dropout or 0.0)
    from lnkit_earlystop.networks import torchvision_networks  # noqa: PLC0415 - likewise

    make = torchvision_networks.efficientnet if architecture.family == "efficientnet" else torchvision_networks.vit
    return make(architecture, classes, dropout)
