"""The image transformation network that is trained: small image in, large image out.

Johnson et al. 2016 (supplement, table 2) with the numbers of P. Two of its convolutions are computed in another way
than they are written down, with the same weights and the same result but for rounding; see :class:`UpsamplingBlock` and
:class:`OutputConvolution`.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit_superres.moving import interleave, pad_edge, pad_reflect, sum_shifted

WIDTH = 64  # channels; Johnson et al. 2016, P
OUTER = 9  # side of the first and the last kernel; Johnson et al. 2016, P
# Which row of a 2x2 kernel each row of a 3x3 kernel falls upon, for the even and the odd rows of the output.
FOLDING = (((1, 0, 0), (0, 1, 1)), ((1, 1, 0), (0, 0, 1)))


class TransformationNetwork(nn.Module):
    """Enlarges images (N, 3, h, w) in [0, 1] to (N, 3, f h, f w) in (0, 1), for f a power of 2.

    Convolutions have no bias, which the batch normalization after each of them would take away again.
    """

    def __init__(self, factor: int, residual_blocks: int) -> None:
        """Make it with PyTorch's usual initial weights."""
        super().__init__()
        self.first = ConvolutionBlock(3, WIDTH, OUTER)
        self.residual = nn.Sequential(*(ResidualBlock(WIDTH) for _ in range(residual_blocks)))
        self.upsampling = nn.Sequential(*(UpsamplingBlock(WIDTH) for _ in range(round(log2(factor)))))
        self.last = OutputConvolution(WIDTH, 3, OUTER)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images.contiguous(memory_format=torch.channels_last))
        x = self.last(self.upsampling(self.residual(x)))
        large: Tensor = (x.tanh() + 1) / 2
        return large


class ConvolutionBlock(nn.Module):
    """Reflection padding, convolution, batch normalization, and ReLU unless it is left out."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.convolved(x))
        return x.relu_() if self.relu else x  # in place: batch normalization does not look at its output again

    def convolved(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(pad_reflect(x, self.conv.kernel_size[0] // 2))
        return out


class ResidualBlock(nn.Module):
    """Two convolutions, the second without ReLU, added to what came in; no ReLU after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            ConvolutionBlock(channels, channels, 3), ConvolutionBlock(channels, channels, 3, False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out.add_(x)


class UpsamplingBlock(ConvolutionBlock):
    """Nearest upsampling by 2 and a 3x3 convolution with all that belongs to it.

    Each output pixel sees 3x3 pixels of the enlarged map, which are 2x2 different ones of the small map: four 2x2
    kernels, one for each place in a 2x2 cell of the output, whose weights are sums of those of the 3x3 kernel. That
    takes 16 instead of 36 multiplications. Reflecting the enlarged map by 1 repeats the edge of the small one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3)

    def convolved(self, x: Tensor) -> Tensor:
        return interleave(functional.conv2d(pad_edge(x), self.folded()))

    def folded(self) -> Tensor:
        """The four 2x2 kernels (4 x out, in, 2, 2), by row and column within a cell of the output."""
        weight = self.conv.weight
        with torch.autocast(weight.device.type, enabled=False):
            folding = weight.new_tensor(FOLDING)
            cells = torch.einsum("akt,bls,oits->aboikl", folding, folding, weight)
        return cells.flatten(0, 2).contiguous(memory_format=torch.channels_last)


class OutputConvolution(ConvolutionBlock):
    """A convolution to few channels, with all that belongs to it but the ReLU.

    Processors are slow at convolutions with 3 output channels, since they compute 16 or more of them at a time. It is
    done for each column of the kernel by itself: a 9x1 convolution to 9 x 3 channels, which are shifted and summed.
    Reflecting columns of what comes in is then reflecting those of what comes out, and costs little.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__(channels_in, channels_out, kernel, relu=False)

    def convolved(self, x: Tensor) -> Tensor:
        margin = self.conv.kernel_size[0] // 2
        columns = functional.conv2d(pad_reflect(x, margin, columns=False), self.by_column())
        return sum_shifted(pad_reflect(columns, margin, rows=False), self.conv.kernel_size[1])

    def by_column(self) -> Tensor:
        """The kernel (kernel x out, in, kernel, 1); the output's channel varies fastest."""
        weight = self.conv.weight
        return weight.permute(3, 0, 1, 2).flatten(0, 1).unsqueeze(3).contiguous(memory_format=torch.channels_last)
