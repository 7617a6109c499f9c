"""The U-Net that improves the marks of roads in an image, and the backbone `bce`.

Levels 0 to 4 have c, 2c, 4c, 8c and 8c channels, where c = 4 are those of the input: red, green, blue, and the marks so
far. Every block is ReLU, a 4x4 convolution with stride 2 (down) or its transpose (up), and batch normalization. The
reference code means to use leaky activations, but inverts the test that selects them, so that they are plain.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit_delineation.protocol import STRIDE


class UNet(nn.Module):
    """Marks in an image (N, 3, H, W) in [0, 1]: probabilities (N, 1, H, W).

    Convolutions have no bias, which the batch normalization after each of them would remove.
    """

    def __init__(self, width: int = 4) -> None:
        """Create the network with PyTorch's usual initial weights; ``width`` is c."""
        super().__init__()
        inside = [2 * width, 4 * width, 8 * width, 8 * width]  # levels 1 to 4
        self.down = nn.ModuleList(_down(a, b) for a, b in zip([4, *inside], inside, strict=False))
        self.up = nn.ModuleList(
            (
                _up(8 * width, 8 * width),  # level 4 to 3
                _up(8 * width + 8 * width, 4 * width),  # that and level 3, to 2
                _up(4 * width + 4 * width, 2 * width),  # and level 2, to 1
                _up(2 * width + 2 * width, 1),  # and level 1, to 0
            )
        )

    def forward(self, image: Tensor, marks: Tensor) -> Tensor:
        """Improve ``marks`` (N, 1, H, W); sides that are no multiples of 16 are padded meanwhile."""
        height, width = image.shape[2:]
        x = _padded(torch.cat([image, marks], dim=1))  # (N, 4, H, W)
        levels = []
        for block in self.down:
            x = block(x)
            levels.append(x)  # (N, 2c, H/2, W/2), ..., (N, 8c, H/16, W/16)
        x = self.up[0](levels[3])
        for block, mirror in zip(list(self.up)[1:], reversed(levels[:3]), strict=True):
            x = block(torch.cat([x, mirror], dim=1))
        marked: Tensor = torch.sigmoid(x[:, :, :height, :width])
        return marked

    def apply_repeatedly(self, image: Tensor, times: int) -> list[Tensor]:
        """Apply the network to its own output; return the marks (N, 1, H, W) after each application.

        The first application begins without marks.
        """
        marks, all_marks = torch.zeros_like(image[:, :1]), []
        for _ in range(times):
            marks = self(image, marks)
            all_marks.append(marks)
        return all_marks


def _down(channels_in: int, channels_out: int) -> nn.Module:
    convolution = nn.Conv2d(channels_in, channels_out, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(channels_out))


def _up(channels_in: int, channels_out: int) -> nn.Module:
    convolution = nn.ConvTranspose2d(channels_in, channels_out, 4, stride=2, padding=1, bias=False)
    return nn.Sequential(nn.ReLU(), convolution, nn.BatchNorm2d(channels_out))


def _padded(x: Tensor) -> Tensor:
    """Repeat the last row and column until the sides are multiples of 16."""
    below, right = -x.shape[2] % STRIDE, -x.shape[3] % STRIDE
    return functional.pad(x, (0, right, 0, below), mode="replicate") if below or right else x


class Zero(nn.Module):
    """Return zero for every image (N, 3, H, W): (N, 1, 1, 1), with a gradient of zero."""

    def forward(self, images: Tensor) -> Tensor:
        return images[:, :1, :1, :1] * 0


def build_baseline(pretrained: bool = True) -> nn.Module:
    """Build the backbone `bce`, which has no weights."""
    return nn.Sequential(OrderedDict(alone=Zero()))
