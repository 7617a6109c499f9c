"""A loss as a metric of torchmetrics, for validation in Lightning, in several processes, or by hand.

Needs the package torchmetrics: ``pip install 'lnkit[torchmetrics]'``.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from lnkit.extras import TORCHMETRICS, require
from lnkit.losses.definition import Loss
from lnkit.losses.load import load_loss
from lnkit.training.perceptual_loss import DeepPerceptualLoss

require("lnkit.metrics", "torchmetrics", TORCHMETRICS)
from torchmetrics import Metric  # noqa: E402 - after the sentence that says how to install it

__all__ = ["PerceptualDistance"]


class PerceptualDistance(Metric):
    """Mean of a loss over all pairs of images that it was given, in all processes.

    It adds up distances of single images, so batches of different sizes count by their images. The loss network is no
    part of its parameters or of its ``state_dict``, as in :class:`lnkit.DeepPerceptualLoss`.

    Example:
        >>> import torch
        >>> metric = PerceptualDistance("pixel:image, l1")
        >>> metric.update(torch.zeros(3, 3, 8, 8), torch.full((3, 3, 8, 8), 0.5))
        >>> metric.update(torch.zeros(1, 3, 8, 8), torch.full((1, 3, 8, 8), 0.25))
        >>> metric.compute().item()
        0.4375
    """

    is_differentiable = True
    higher_is_better = False
    full_state_update = False
    plot_lower_bound = 0.0

    total: Tensor
    count: Tensor

    def __init__(
        self,
        loss: str | Loss | Path | DeepPerceptualLoss,
        *,
        weights: str = "pretrained",
        value_range: tuple[float, float] = (0.0, 1.0),
        **options: Any,
    ) -> None:
        """Load a loss, or use a given one.

        Args:
            loss: Its text, such as "vgg16:late, l1", a TOML file or a Loss, as for :func:`lnkit.losses.load_loss`; or
                a :class:`lnkit.DeepPerceptualLoss`, whose network is shared and whose reduction is ignored.
            weights: "pretrained" or "random"; ignored for a DeepPerceptualLoss.
            value_range: Black and white of the images; ignored for a DeepPerceptualLoss, which has its own.
            **options: Those of every torchmetrics Metric, such as ``dist_sync_on_step``.

        Raises:
            UsageError: The loss is none, or the package torchmetrics is missing.
        """
        super().__init__(**options)
        if not isinstance(loss, DeepPerceptualLoss):
            loss = load_loss(loss, weights=weights, value_range=value_range)
        self.distances = copy.copy(loss)  # shares the network, has a reduction of its own
        self.distances.reduction = "none"
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, output: Tensor, target: Tensor) -> None:
        """Add pairs of images.

        Args:
            output: RGB images (N, 3, H, W) or gray ones (N, 1, H, W).
            target: Images of the same shape.

        Raises:
            ImageError: As for :class:`lnkit.DeepPerceptualLoss`.
        """
        distances = self.distances(output, target)
        self.total = self.total + distances.sum()
        self.count = self.count + len(distances)

    def compute(self) -> Tensor:
        """Return the mean distance of all pairs so far, NaN without any."""
        return self.total / self.count
