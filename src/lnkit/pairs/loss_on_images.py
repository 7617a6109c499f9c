"""A loss as a metric of 8-bit images: distances of batches, and maps of where two images differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lnkit.distances.comparer import ImageComparer
from lnkit.losses.as_backbone import DISTANCE, Weights, loss_as_backbone
from lnkit.losses.definition import Loss
from lnkit.networks.device import open_device
from lnkit.plugins.registry import Registry
from lnkit.progress import Progress, activity
from lnkit.specs import DistanceConfig
from lnkit.training.perceptual_loss import DeepPerceptualLoss

Array = np.ndarray[Any, Any]


class LossOnImages:
    """A loss with its backbones loaded."""

    def __init__(
        self,
        loss: Loss,
        registry: Registry,
        progress: Progress,
        *,
        weights: Weights = "pretrained",
        device: str = "auto",
        batch_size: int | None = None,
    ) -> None:
        """Load the backbones.

        Args:
            loss: With a distance in each term.
            registry: Of the backbones, points and distances.
            progress: Announces downloads.
            weights: As for :func:`lnkit.load_loss`.
            device: As for :class:`ImageComparer`.
            batch_size: Pairs compared at a time; None for a number that suits the size of the images.

        Raises:
            UnknownNameError: A backbone, a point or a distance is unknown.
            UsageError: The device does not exist.
            WeightsError: Weights are missing, damaged or could not be fetched.
        """
        self.device = str(open_device(device))
        described = loss_as_backbone(loss, registry)
        with activity("loading the networks of the loss"):
            loaded = described.load(weights, 0, progress)
        self.sha256, self._smallest = loaded.sha256, described.spec.min_size
        self._network = described.cut(loaded, registry)
        self._lookup = lambda _: described.distance
        self._batch_size = batch_size
        self._map: DeepPerceptualLoss | None = None

    def comparer(self, width: int, height: int, pairs: int) -> tuple[ImageComparer, int]:
        """Return a comparer for pairs of one size, and how many of them it compares at a time."""
        comparer = self._comparer(self._batch_size, pairs)
        items = comparer.batch_items(2, height, width)
        if pairs < items:  # a batch is padded to its size
            return self._comparer(pairs, pairs), pairs
        return comparer, items

    def _comparer(self, batch_size: int | None, pairs: int) -> ImageComparer:
        return ImageComparer(
            self._network,
            [tuple(point.name for point in self._network.points)],
            DistanceConfig(DISTANCE),
            device=self.device,
            batch_size=batch_size,
            expected_items=pairs,
            lookup=self._lookup,
        )

    def require_map(self) -> None:
        """Raise UsageError if a distance of the loss compares statistics, and has no map."""
        height, width = 2 * (max(64, self._smallest),)
        self.distance_map(*np.zeros((2, height, width, 3), np.uint8))

    def distance_map(self, first: Array, second: Array) -> Array:
        """Return where two 8-bit images (H, W, 3) differ, (H, W).

        Raises:
            UsageError: A distance of the loss compares statistics, not positions.
        """
        if self._map is None:
            self._map = DeepPerceptualLoss(
                self._network, distance=DistanceConfig(DISTANCE), reduction="none", lookup=self._lookup
            ).to(self.device)
        images = [
            torch.from_numpy(image.copy()).permute(2, 0, 1)[None].to(self.device) / 255 for image in (first, second)
        ]
        with torch.inference_mode():
            values: Array = self._map.distance_map(*images)[0, 0].cpu().numpy()
        return values
