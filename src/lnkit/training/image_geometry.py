"""Images before a loss: a cap on their resolution, and random shifts."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from lnkit.errors import UsageError


def limit_long_side(images: Tensor, longest: int | None) -> Tensor:
    """Reduce images whose long side is above a limit, with their aspect ratio.

    Bicubic and not antialiased, as in the package dino-perceptual; values may leave the range of the images by a bit.

    Args:
        images: (N, C, H, W).
        longest: Pixels of the long side; None for no limit.

    Returns:
        The images, or smaller ones.
    """
    height, width = images.shape[2:]
    if longest is None or max(height, width) <= longest:
        return images
    size = [max(1, round(side * longest / max(height, width))) for side in (height, width)]
    return functional.interpolate(images, size, mode="bicubic", align_corners=False)


def random_shift(
    output: Tensor, target: Tensor, most: int, generator: torch.Generator | None = None
) -> tuple[Tensor, Tensor]:
    """Shift a batch of outputs and their targets by the same random number of pixels, for losses of patch tokens.

    A network that is trained with patches at fixed places may learn a pattern on their grid. Pixels that come in at a
    border are mirrored, so the images keep their size.

    Args:
        output: Images (N, C, H, W).
        target: Images of the same height and width.
        most: The largest shift in pixels, in each direction: half a patch, such as 8 for patches of 16 pixels.
        generator: Draws the shift, on the CPU; None for torch's own.

    Returns:
        Both, shifted: ``loss(*random_shift(output, target, 8))``.

    Raises:
        UsageError: The shift is negative or not smaller than the images, or the images differ in size.
    """
    if output.shape[2:] != target.shape[2:]:
        raise UsageError(f"Expected images of the same size, got {tuple(output.shape)} and {tuple(target.shape)}.")
    if not 0 <= most < min(output.shape[2:]):
        raise UsageError(f"Expected a shift from 0 to {min(output.shape[2:]) - 1} pixels for these images, got {most}.")
    down, right = torch.randint(2 * most + 1, (2,), generator=generator).tolist()
    return _cropped(output, most, down, right), _cropped(target, most, down, right)


def _cropped(images: Tensor, margin: int, top: int, left: int) -> Tensor:
    """Return images of the same size, cut out of what they are with a mirrored margin."""
    height, width = images.shape[2:]
    return functional.pad(images, (margin,) * 4, mode="reflect")[:, :, top : top + height, left : left + width]
