"""A loss of images for volumes: the slices along all three axes, "2.5D"."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from lnkit.errors import ImageError, UsageError
from lnkit.training.perceptual_loss import DeepPerceptualLoss


class VolumeLoss(nn.Module):
    """The sum over three axes of the mean loss of the slices across that axis, as in MONAI's ``PerceptualLoss``.

    A random part of the slices across each axis is compared, drawn anew in each call, the same of outputs and targets.

    Example:
        >>> import torch
        >>> loss = VolumeLoss(DeepPerceptualLoss("pixel", "image", distance="l1"), ratio=1.0)
        >>> loss(torch.zeros(1, 1, 4, 5, 6), torch.full((1, 1, 4, 5, 6), 0.5)).item()  # 0.5 for each axis
        1.5

    References:
        MONAI, ``PerceptualLoss(spatial_dims=3, is_fake_3d=True)``, whose documentation speaks of an average.
    """

    def __init__(self, loss: DeepPerceptualLoss, ratio: float = 0.5, generator: torch.Generator | None = None) -> None:
        """Wrap a loss of images.

        Args:
            loss: With the reduction "mean"; its ``micro_batch`` bounds how many slices are in memory at a time.
            ratio: Part of the slices of each axis that is compared, above 0 and at most 1; rounded down.
            generator: Draws the slices, on the CPU; None for torch's own.

        Raises:
            UsageError: The ratio or the reduction is another.
        """
        super().__init__()
        if not 0 < ratio <= 1:
            raise UsageError(f"Expected a ratio above 0 and at most 1, got {ratio}.")
        if loss.reduction != "mean":
            raise UsageError(f"Expected a loss with the reduction 'mean', got {loss.reduction!r}.")
        self.loss, self.ratio, self.generator = loss, ratio, generator

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of volumes.

        Args:
            output: Volumes (N, 1, D, H, W), or (N, 3, D, H, W) in color.
            target: Volumes of the same shape.

        Returns:
            A scalar.

        Raises:
            ImageError: The volumes have another shape, or there are too few slices for the ratio.
        """
        if output.ndim != 5 or output.shape != target.shape:
            raise ImageError(
                "Expected output and target volumes of one shape (N, 1, D, H, W) or (N, 3, D, H, W), got "
                f"{tuple(output.shape)} and {tuple(target.shape)}."
            )
        return torch.stack([self._along(axis, output, target) for axis in (2, 3, 4)]).sum()

    def _along(self, axis: int, output: Tensor, target: Tensor) -> Tensor:
        slices = [volumes.movedim(axis, 1).flatten(0, 1) for volumes in (output, target)]
        count = slices[0].shape[0]
        chosen = int(count * self.ratio)
        if not chosen:
            raise ImageError(f"A ratio of {self.ratio} takes none of {count} slices: use a larger one.")
        rows = torch.randperm(count, generator=self.generator)[:chosen].to(output.device)
        value: Tensor = self.loss(*(images[rows] for images in slices))
        return value
