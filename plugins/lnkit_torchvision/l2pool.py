"""VGG-16 with the L2 pooling of DISTS in place of its max pools; the weights are torchvision's.

Ding2020: "Image Quality Assessment: Unifying Structure and Texture Similarity" (arXiv 2004.07728), section 2.1. It
compares the image itself too, so the network gets images in [0, 1] and normalizes them by itself.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit.specs import IMAGENET_MEAN, IMAGENET_STD
from lnkit_torchvision.load import load


class VGGWithL2Pooling(nn.Module):
    """A VGG of torchvision whose max pools are L2 pools. Nodes and state dict are those of the VGG."""

    mean: Tensor
    std: Tensor

    def __init__(self, vgg: nn.Module) -> None:
        super().__init__()
        self.image = nn.Identity()  # a node for the image before it is normalized
        self.register_buffer("mean", torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(IMAGENET_STD).view(1, 3, 1, 1), persistent=False)
        layers: list[nn.Module] = []
        channels = 3
        for layer in vgg.get_submodule("features").children():
            channels = layer.out_channels if isinstance(layer, nn.Conv2d) else channels
            layers.append(L2Pool(channels) if isinstance(layer, nn.MaxPool2d) else layer)
        self.features = nn.Sequential(*layers)
        self.avgpool, self.classifier = vgg.get_submodule("avgpool"), vgg.get_submodule("classifier")

    def forward(self, images: Tensor) -> Tensor:
        """Return the logits of images (N, 3, H, W) in [0, 1]."""
        features = self.features((self.image(images) - self.mean) / self.std)
        logits: Tensor = self.classifier(self.avgpool(features).flatten(1))
        return logits


class L2Pool(nn.Module):
    """The root of the squares blurred by a Hann window of 5 without its zero ends, at every second position."""

    kernel: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels
        window = torch.hann_window(5, periodic=False)[1:-1]
        kernel = torch.outer(window, window)
        self.register_buffer("kernel", (kernel / kernel.sum()).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return features (N, C, H, W) at half of H and W, rounded up."""
        means = functional.conv2d(features.square(), self.kernel, stride=2, padding=1, groups=self.channels)
        return (means + 1e-12).sqrt()


def load_with_l2_pooling(weights: str | None) -> nn.Module:
    """Build VGG-16 with L2 pooling; as :func:`lnkit_torchvision.load.load`."""
    return VGGWithL2Pooling(load("vgg16", weights))
