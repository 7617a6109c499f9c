"""The deep perceptual loss: two batches of images give a scalar with a gradient."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from lnkit.distances.factory import make_distances, total_distance
from lnkit.errors import ImageError
from lnkit.networks.device import standard_defaults
from lnkit.networks.load import load_loss_network
from lnkit.networks.loss_network import LossNetwork, check_form, check_images
from lnkit.plugins.load import default_registry
from lnkit.specs import DistanceConfig, LossMode, Normalization
from lnkit.training.micro_batch import micro_batched_mean


class DeepPerceptualLoss(nn.Module):
    """Mean over a batch of the distance between the features of two images at the points of a loss network.

    The loss network is frozen and stays in evaluation mode, unless it is made with ``mode="train"``. The gradient is
    finite everywhere, also where the two images are equal.

    Example:
        >>> import torch
        >>> loss = DeepPerceptualLoss("pixel", "image")  # or "vgg16", "late"
        >>> output = torch.full((2, 3, 8, 8), 0.25, requires_grad=True)
        >>> value = loss(output, torch.full((2, 3, 8, 8), 0.75))
        >>> value.item()
        0.25
        >>> value.backward()
        >>> output.grad.shape
        torch.Size([2, 3, 8, 8])

    References:
        arXiv 2302.04032 (Pihlgren2023), Eq. 3 for the default distance "squared".
    """

    @standard_defaults()
    def __init__(
        self,
        backbone: str | LossNetwork,
        points: str = "late",
        *,
        distance: str | DistanceConfig = "squared",  # Pihlgren2023 Eq. 3
        weights: str = "pretrained",
        normalization: Normalization = "backbone",
        mode: LossMode = "eval",
    ) -> None:
        """Load a loss network by name, or use a given one.

        Args:
            backbone: A registered name, such as "vgg16", or a LossNetwork, of which all points are used.
            points: Names of points joined with "+" ("early+late"); the distances at the points are summed.
            distance: A registered name, such as "spatial", or a DistanceConfig.
            weights: "pretrained", "random" or a file.
            normalization: As for :func:`lnkit.load_loss_network`.
            mode: "eval", or "train" for a loss network that follows ``train()`` and ``eval()`` of the loss, as part of
                your module: outputs and targets are two batches then, each with its own statistics. See
                :class:`lnkit.LossNetwork`.

        Raises:
            UnknownNameError: No plugin provides the backbone, the point or the distance.
            UsageError: An option does not exist.
            WeightsError: The weights are missing, damaged, made for another network, or could not be fetched.
        """
        super().__init__()
        if isinstance(backbone, str):
            backbone = load_loss_network(backbone, points, weights=weights, normalization=normalization, mode=mode)
        self.network = backbone
        config = DistanceConfig(name=distance) if isinstance(distance, str) else distance
        self._points = [point.name for point in self.network.points]
        self._distances = make_distances(config, self._points, default_registry().distance, self.network.name)
        self._targets_checked = False
        self.micro_batch: int | None = None  # images at a time through the network; None: all. Affects rounding only

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean distance between outputs and targets.

        Values outside [0, 1] are refused only in the first targets: a network in training may leave the range, and
        checking every batch would make a GPU wait.

        Args:
            output: Images (N, 3, H, W), nominally in [0, 1].
            target: Images of the same shape, in [0, 1]; they get no gradient.

        Returns:
            A scalar.

        Raises:
            ImageError: The images have another shape, type or range, or are too small for a point.
        """
        if not torch.compiler.is_compiling():
            self._check(output, target)
        return self.loss_to_features(output, self.targets(target))

    @torch.no_grad()
    def targets(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of target images, to be compared with many outputs.

        Args:
            images: Images (N, 3, H, W) in [0, 1].

        Returns:
            Features (N, C, H', W') by point.
        """
        parts = [self.network.features(part) for part in images.split(self._batch_size(images))]  # type: ignore[no-untyped-call]
        return parts[0] if len(parts) == 1 else {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def loss_to_features(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the mean distance between outputs and precomputed target features.

        Args:
            output: Images (N, 3, H, W), nominally in [0, 1].
            targets: Features of the N targets by point, as :meth:`targets` returns them.

        Returns:
            A scalar.
        """
        size = self._batch_size(output)
        if size >= len(output):
            return self._distances_to(output, targets).mean()
        return micro_batched_mean(
            output,
            lambda part, rows: self._distances_to(part, {name: target[rows] for name, target in targets.items()}),
            size,
        )

    def _batch_size(self, images: Tensor) -> int:
        return min(self.micro_batch or len(images), len(images)) or 1

    def _distances_to(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        return total_distance(self.network.features(output), targets, self._points, self._distances)

    def _check(self, output: Tensor, target: Tensor) -> None:
        check_form(output)
        if output.shape != target.shape:
            raise ImageError(
                f"Expected output and target of the same shape, got {tuple(output.shape)} and {tuple(target.shape)}."
            )
        if not self._targets_checked:
            check_images(target)
            self._targets_checked = True
