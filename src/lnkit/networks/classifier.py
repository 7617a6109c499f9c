"""The whole backbone, head included: the classifier that it was trained as."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from lnkit.networks.loss_network import resize
from lnkit.specs import BackboneSpec


class Classifier(nn.Module):
    """Logits of images in [0, 1], normalized and resized as in the training of the backbone.

    It always stays in evaluation mode.

    Example:
        >>> import torch
        >>> from torch import nn
        >>> backbone = nn.Sequential(nn.Conv2d(3, 10, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        >>> classifier = Classifier(backbone, BackboneSpec("own", "own", lambda pretrained: backbone))
        >>> classifier(torch.rand(2, 3, 8, 8)).shape
        torch.Size([2, 10])
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: nn.Module, spec: BackboneSpec) -> None:
        """Copy a backbone; ``spec`` says what images it expects."""
        super().__init__()
        self.backbone = copy.deepcopy(backbone)
        self.register_buffer("mean", torch.tensor(spec.mean).reshape(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(spec.std).reshape(1, -1, 1, 1))
        self._size, self._interpolation = spec.input_size, spec.interpolation
        super().train(False)

    @torch.inference_mode()
    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) of images (N, 3, H, W), which may be on another device."""
        normalized = (resize(images.to(self.mean.device), self._size, self._interpolation) - self.mean) / self.std
        logits: Tensor = self.backbone(normalized)
        return logits

    def train(self, mode: bool = True) -> Classifier:
        """Ignore ``mode`` and stay in evaluation mode."""
        return super().train(False)
