"""What trained networks make of the test sets, image by image."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from lnkit_superres.degradation import Degradation, enlarged
from lnkit_superres.metrics import Pixels, psnr, ssim
from lnkit_superres.task import enlarge, to_pixels

if TYPE_CHECKING:
    from PIL.Image import Image

    from lnkit_superres.data import ImageSet
    from lnkit_superres.protocol import SuperresProtocol


@dataclass(frozen=True, slots=True)
class Tested:
    """One test image, four times; all but the first of one size."""

    name: str
    low: Pixels
    bicubic: Pixels
    output: Pixels
    truth: Pixels


def reduced(image: Image, protocol: SuperresProtocol, factor: int) -> tuple[Pixels, Pixels]:
    """The truth and what the network sees of it: the full image, or its center as in training."""
    degradation = Degradation.of(protocol)
    if protocol.test_images == "full":
        return degradation.whole(image, factor)
    return degradation.high(image), degradation.low(image, factor)


def outputs(network: nn.Module, test: ImageSet, protocol: SuperresProtocol, factor: int) -> Iterator[Tested]:
    """Enlarge each image of a test set, by the network and by the bicubic filter."""
    for name, image in zip(test.names, test.images, strict=True):
        truth, low = reduced(image, protocol, factor)
        with torch.inference_mode():
            output = to_pixels(enlarge(network, low[np.newaxis]))[0]
        yield Tested(name, low, enlarged(low, factor), output, truth)


def measured(image: Tested, shave: int) -> dict[str, float]:
    """Every measure of one image, under the names of the kept arrays."""
    return {
        "psnr": psnr(image.output, image.truth, shave),
        "ssim": ssim(image.output, image.truth, shave),
        "bicubic_psnr": psnr(image.bicubic, image.truth, shave),
        "bicubic_ssim": ssim(image.bicubic, image.truth, shave),
    }
