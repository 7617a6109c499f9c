"""Shift-tolerant AlexNet and VGG-16: blurred strides and pools, reflected borders (Ghildyal and Liu, section 3).

Modules are named as in the package's weights. They are built here because its own classes import IPython and
torchsummary, which it does not require, and rest on code whose license forbids commercial use.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Blur(nn.Module):
    """Halves the resolution after a 3 x 3 binomial filter, with borders of two reflected pixels."""

    filt: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        row = torch.tensor([1.0, 2.0, 1.0]) / 4
        self.register_buffer("filt", torch.outer(row, row).expand(channels, 1, 3, 3).clone())

    def forward(self, features: Tensor) -> Tensor:
        """Filter features (N, C, H, W); return (N, C, (H + 1) // 2 + 1, (W + 1) // 2 + 1)."""
        padded = functional.pad(features, (2, 2, 2, 2), mode="reflect")
        return functional.conv2d(padded, self.filt, stride=2, groups=len(self.filt))


class Trunk(nn.Module):
    """Slices in sequence, each of which ends in a ReLU whose features the metric compares."""

    def __init__(self, slices: list[list[nn.Module]]) -> None:
        super().__init__()
        self.net = nn.Sequential()
        layer = 0
        for number, modules in enumerate(slices, start=1):
            named = OrderedDict((str(layer + position), module) for position, module in enumerate(modules))
            self.net.add_module(f"slice{number}", nn.Sequential(named))
            layer += len(modules)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.net(images)
        return features


def build(name: str) -> Trunk:
    """Build `stlpips_alex` or `stlpips_vgg` with random weights."""
    return _BUILDERS[name]()


def _alex() -> Trunk:
    """Build AlexNet, in which blurs take over the strides of the first convolution and of the pools."""
    first = [nn.Conv2d(3, 64, 11, padding=2), Blur(64), nn.ReLU()]
    second = [nn.MaxPool2d(3, 1), Blur(64), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU()]
    third = [nn.MaxPool2d(3, 1), Blur(192), *_convolution(192, 384)]
    return Trunk([first, second, third, _convolution(384, 256), _convolution(256, 256)])


def _vgg() -> Trunk:
    """Build VGG-16, initialized as in torchvision."""
    slices = [_convolution(3, 64) + _convolution(64, 64)]
    for channels, wider, convolutions in ((64, 128, 2), (128, 256, 3), (256, 512, 3), (512, 512, 3)):
        further = [module for _ in range(convolutions - 1) for module in _convolution(wider, wider)]
        slices.append([nn.MaxPool2d(2, 1), Blur(channels), *_convolution(channels, wider), *further])
    trunk = Trunk(slices)
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d) and module.bias is not None:
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
            nn.init.zeros_(module.bias)
    return trunk


def _convolution(channels: int, wider: int) -> list[nn.Module]:
    return [nn.Conv2d(channels, wider, 3, padding=1), nn.ReLU()]


_BUILDERS: dict[str, Callable[[], Trunk]] = {"stlpips_alex": _alex, "stlpips_vgg": _vgg}
