"""The autoencoder for images, and the small classifiers of its embeddings.

As in the reference code, which adapts that of Pihlgren2020; Pihlgren2023 names no widths. Nothing in the autoencoder is
variational. Convolutions before batch norm have no bias, which it would remove (704 parameters fewer than the reference
code): the gradient of such a bias is only rounding, of which Adam makes steps of full size.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

SMALLEST, STEP = 64, 16  # pixels; images have sides of SMALLEST + k STEP
ENCODER_WIDTHS = (3, 32, 64, 128, 256)  # channels; reference code
ENCODER_KERNEL, STRIDE = 4, 2  # pixels; reference code
DECODER_WIDTHS = (1024, 128, 64, 32, 3)  # channels; reference code
DECODER_KERNELS = (5, 5, 6, 6)  # pixels; reference code

# Widths of the hidden layers of each classifier; reference code. Pihlgren2023: seven, with none, one or two
HIDDEN_LAYERS: tuple[tuple[int, ...], ...] = ((), (32,), (64,), (32, 32), (64, 32), (64, 64), (128, 128))
SLOPE = 0.01  # of LeakyReLU for negative values; PyTorch's default, reference code. Pihlgren2023 names no activation


def fits(side: int) -> bool:
    """Whether the decoder can make images of ``side`` x ``side`` pixels: 64, 80, 96, ..."""
    return side >= SMALLEST and (side - SMALLEST) % STEP == 0


def encoded_side(side: int) -> int:
    """Return the side of the map after the encoder's convolutions, for an image that fits."""
    return (side - SMALLEST) // STEP + 2


def decoded_from(side: int) -> int:
    """Return the side h of the map that the decoder starts with; reference code."""
    return (side - SMALLEST) // STEP + 1


class ImageEncoder(nn.Module):
    """Images (N, 3, H, H) in [0, 1] to embeddings (N, z)."""

    def __init__(self, side: int, z: int) -> None:
        super().__init__()
        blocks = [
            nn.Sequential(
                nn.Conv2d(inputs, outputs, ENCODER_KERNEL, STRIDE, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
            )
            for inputs, outputs in pairwise(ENCODER_WIDTHS)
        ]
        self.convolutions = nn.Sequential(*blocks)
        self.linear = nn.Linear(ENCODER_WIDTHS[-1] * encoded_side(side) ** 2, z)

    def forward(self, images: Tensor) -> Tensor:
        out: Tensor = self.linear(self.convolutions(images).flatten(1))  # (N, 256, h, h) -> (N, 256 h h) -> (N, z)
        return out


class ImageDecoder(nn.Module):
    """Embeddings (N, z) to images (N, 3, H, H) in [0, 1]."""

    def __init__(self, side: int, z: int) -> None:
        super().__init__()
        self.start = (DECODER_WIDTHS[0], decoded_from(side), decoded_from(side))
        self.linear = nn.Sequential(nn.Linear(z, DECODER_WIDTHS[0] * decoded_from(side) ** 2), nn.ReLU())
        *inner, last = zip(pairwise(DECODER_WIDTHS), DECODER_KERNELS, strict=True)
        blocks = [
            nn.Sequential(
                nn.ConvTranspose2d(inputs, outputs, kernel, STRIDE, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()
            )
            for (inputs, outputs), kernel in inner
        ]
        (inputs, outputs), kernel = last
        self.convolutions = nn.Sequential(*blocks, nn.ConvTranspose2d(inputs, outputs, kernel, STRIDE), nn.Sigmoid())

    def forward(self, embeddings: Tensor) -> Tensor:
        out: Tensor = self.convolutions(self.linear(embeddings).unflatten(1, self.start))
        return out


def classifier(inputs: int, hidden: Sequence[int], classes: int) -> nn.Sequential:
    """Build a classifier (N, inputs) -> (N, classes): LeakyReLU after each hidden layer, linear at the end."""
    layers: list[nn.Module] = []
    for before, after in pairwise((inputs, *hidden)):
        layers += [nn.Linear(before, after), nn.LeakyReLU(SLOPE)]
    return nn.Sequential(*layers, nn.Linear((inputs, *hidden)[-1], classes))
