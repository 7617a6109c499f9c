"""The image transformation network, which learns to enlarge images.

Johnson2016 (supplement, table 2), as the reference code builds it: nearest upsampling and a convolution in place of
fractionally strided convolutions, reflection padding and batch normalization at every convolution. Pihlgren2023's text
has only the number of residual blocks. Two of the convolutions are rewritten for speed, with the same weights and the
same result but for rounding: :class:`UpsamplingBlock` and :class:`OutputConvolution`.
"""

from __future__ import annotations

from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit_superres.ops import interleave, pad_edge, pad_reflect, sum_shifted

WIDTH = 64  # channels; Johnson2016, reference code
OUTER = 9  # side of the first and the last kernel; Johnson2016, reference code
# Row of the 2x2 kernel to which each row of the 3x3 kernel is added, for even and for odd rows of the output.
FOLDING = (((1, 0, 0), (0, 1, 1)), ((1, 1, 0), (0, 0, 1)))


class TransformationNetwork(nn.Module):
    """Enlarges images (N, 3, h, w) in [0, 1] to (N, 3, f h, f w) in (0, 1), for f a power of 2.

    Convolutions have no bias, which the batch normalization after each of them would remove.
    """

    def __init__(self, factor: int, residual_blocks: int) -> None:
        """Create the network with PyTorch's usual initial weights."""
        super().__init__()
        self.first = ConvolutionBlock(3, WIDTH, OUTER)
        self.residual = nn.Sequential(*(ResidualBlock(WIDTH) for _ in range(residual_blocks)))
        self.upsampling = nn.Sequential(*(UpsamplingBlock(WIDTH) for _ in range(round(log2(factor)))))
        self.last = OutputConvolution(WIDTH, 3, OUTER)

    def forward(self, images: Tensor) -> Tensor:
        x = self.first(images.contiguous(memory_format=torch.channels_last))
        x = self.last(self.upsampling(self.residual(x)))
        enlarged: Tensor = (x.tanh() + 1) / 2
        return enlarged


class ConvolutionBlock(nn.Module):
    """Reflection padding, convolution, batch normalization, and optionally ReLU."""

    def __init__(self, channels_in: int, channels_out: int, kernel: int, relu: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels_in, channels_out, kernel, bias=False)
        self.norm = nn.BatchNorm2d(channels_out)
        self.relu = relu

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.convolve(x))
        return x.relu_() if self.relu else x  # in place: batch normalization does not need its output again

    def convolve(self, x: Tensor) -> Tensor:
        out: Tensor = self.conv(pad_reflect(x, self.conv.kernel_size[0] // 2))
        return out


class ResidualBlock(nn.Module):
    """Two convolutions, the second without ReLU, added to the input; no ReLU after the sum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(
            ConvolutionBlock(channels, channels, 3), ConvolutionBlock(channels, channels, 3, False)
        )

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.block(x)
        return out.add_(x)


class UpsamplingBlock(ConvolutionBlock):
    """Nearest upsampling by 2, and a convolution block with a 3x3 kernel.

    The 3x3 pixels of the enlarged map under the kernel are only 2x2 different pixels of the small map. So it is four
    2x2 kernels, one for each position in a 2x2 cell of the output, whose weights are sums of those of the 3x3 kernel:
    16 instead of 36 multiplications. Reflecting the enlarged map by 1 repeats the edge of the small one.
    """

    def __init__(self, channels: int) -> None:
        super().__init__(channels, channels, 3)

    def convolve(self, x: Tensor) -> Tensor:
        return interleave(functional.conv2d(pad_edge(x), self.folded_kernels()))

    def folded_kernels(self) -> Tensor:
        """Return the four 2x2 kernels (4 x out, in, 2, 2), by row and column within a cell of the output."""
        weight = self.conv.weight
        with torch.autocast(weight.device.type, enabled=False):
            folding = weight.new_tensor(FOLDING)
            cells = torch.einsum("akt,bls,oits->aboikl", folding, folding, weight)
        return cells.flatten(0, 2).contiguous(memory_format=torch.channels_last)


class OutputConvolution(ConvolutionBlock):
    """A convolution block to few channels, without ReLU.

    Processors are slow at convolutions to 3 channels, since they compute 16 or more channels at a time. So each column
    of the kernel is convolved by itself: a 9x1 convolution to 9 x 3 channels, which are shifted and summed. The columns
    can be reflected after that, when they have few channels.
    """

    def __init__(self, channels_in: int, channels_out: int, kernel: int) -> None:
        super().__init__(channels_in, channels_out, kernel, relu=False)

    def convolve(self, x: Tensor) -> Tensor:
        margin = self.conv.kernel_size[0] // 2
        columns = functional.conv2d(pad_reflect(x, margin, columns=False), self.kernel_by_column())
        return sum_shifted(pad_reflect(columns, margin, rows=False), self.conv.kernel_size[1])

    def kernel_by_column(self) -> Tensor:
        """Return the kernel as (kernel x out, in, kernel, 1); the output's channel varies fastest."""
        weight = self.conv.weight
        return weight.permute(3, 0, 1, 2).flatten(0, 1).unsqueeze(3).contiguous(memory_format=torch.channels_last)
