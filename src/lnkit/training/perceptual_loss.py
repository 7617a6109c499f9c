"""A deep perceptual loss for training: images go in, a scalar with a gradient comes out."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lnkit.distances.factory import make_distances, total_distance
from lnkit.errors import ImageError
from lnkit.networks.loss_network import LossNetwork, check_form, check_images
from lnkit.plugins.load import default_registry
from lnkit.specs import DistanceConfig, Normalization
from lnkit.training.micro_batch import mean_in_parts


class DeepPerceptualLoss(nn.Module):
    """Mean over a batch of the distance between two images' features at the points of a loss network.

    The loss network is frozen and stays in evaluation mode. The gradient is finite everywhere, also where the two
    images agree. Example::

        loss = lnkit.DeepPerceptualLoss("vgg16", "late")
        loss(network(images), targets).backward()
    """

    def __init__(
        self,
        backbone: str | LossNetwork,
        points: str = "late",
        *,
        distance: str | DistanceConfig = "squared",  # P Eq. 3
        weights: str = "pretrained",
        normalization: Normalization = "backbone",
    ) -> None:
        """Load a loss network by name, or take a ready one.

        Args:
            backbone: a registered name, such as "vgg16", or a LossNetwork, all of whose points are used.
            points: "late", or several joined with "+": their distances are summed.
            distance: a registered name or a DistanceConfig.
            weights: "pretrained", "random" or a file.
            normalization: as for :func:`lnkit.load_loss_network`.

        Raises UnknownNameError, UsageError, WeightsError.
        """
        super().__init__()
        if isinstance(backbone, LossNetwork):
            self.network = backbone
        else:
            from lnkit.networks.load import load_loss_network  # noqa: PLC0415 - not needed for a ready network

            self.network = load_loss_network(backbone, points, weights=weights, normalization=normalization)
        config = DistanceConfig(name=distance) if isinstance(distance, str) else distance
        self._points = [point.name for point in self.network.points]
        self._distances = make_distances(config, self._points, default_registry().distance, self.network.name)
        self._targets_seen = False
        self.micro_batch: int | None = None  # images at a time through the network; None: all. Changes rounding only

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean distance between ``output`` and ``target``, both (N, 3, H, W) with values in [0, 1].

        A network in training may overshoot the range, so only targets are held to it, and only the first: looking at
        every batch would make a GPU wait. No gradient flows to ``target``. Raises ImageError.
        """
        if not torch.compiler.is_compiling():
            self._check(output, target)
        return self.loss_to_features(output, self.targets(target))

    @torch.no_grad()
    def targets(self, images: Tensor) -> dict[str, Tensor]:
        """Return {point: features (N, C, H, W)} of images (N, 3, H, W) in [0, 1], to be compared with many outputs."""
        found = [self.network.features(part) for part in images.split(self._portion(images))]  # type: ignore[no-untyped-call]
        return found[0] if len(found) == 1 else {name: torch.cat([one[name] for one in found]) for name in found[0]}

    def loss_to_features(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the mean distance of ``output`` (N, 3, H, W) to targets whose features are known already."""
        portion = self._portion(output)
        if portion >= len(output):
            return self._distances_to(output, targets).mean()
        return mean_in_parts(
            output,
            lambda part, rows: self._distances_to(part, {name: target[rows] for name, target in targets.items()}),
            portion,
        )

    def _portion(self, images: Tensor) -> int:
        return min(self.micro_batch or len(images), len(images)) or 1

    def _distances_to(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        return total_distance(self.network.features(output), targets, self._points, self._distances)

    def _check(self, output: Tensor, target: Tensor) -> None:
        check_form(output)
        if output.shape != target.shape:
            raise ImageError(
                f"Output and target must have the same shape, got {tuple(output.shape)} and {tuple(target.shape)}."
            )
        if not self._targets_seen:
            check_images(target)
            self._targets_seen = True
