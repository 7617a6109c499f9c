"""The deep perceptual loss: two batches of images give a scalar with a gradient."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal, Self, cast, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

from lnkit.distances.embedding import map_of
from lnkit.distances.factory import make_distances, total_distance
from lnkit.errors import ImageError, UsageError
from lnkit.networks.device import standard_defaults
from lnkit.networks.load import load_loss_network
from lnkit.networks.loss_network import LossNetwork, check_form, check_images
from lnkit.plugins.load import default_registry
from lnkit.specs import DistanceConfig, DistanceSpec, LossMode, Normalization
from lnkit.training.image_geometry import limit_long_side
from lnkit.training.micro_batch import micro_batched_mean

Reduction = Literal["mean", "sum", "none"]


class DeepPerceptualLoss(nn.Module):
    """Mean over a batch of the distance between the features of two images at the points of a loss network.

    The loss network is frozen and stays in evaluation mode, unless it is made with ``mode="train"``. It is no
    submodule: a parent's ``parameters()``, ``state_dict()``, ``requires_grad_()``, ``apply()`` and averages of weights
    leave it alone, so it is neither trained by accident nor saved. It follows its parent to another device; its type
    changes only by ``to(dtype)``, ``double()`` and the like of the loss itself. The gradient is finite everywhere, also
    where the two images are equal.

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
    def __init__(  # noqa: PLR0913 - options by name
        self,
        backbone: str | LossNetwork,
        points: str = "late",
        *,
        distance: str | DistanceConfig = "squared",  # Pihlgren2023 Eq. 3
        weights: str = "pretrained",
        normalization: Normalization = "backbone",
        mode: LossMode = "eval",
        reduction: Reduction = "mean",
        value_range: tuple[float, float] = (0.0, 1.0),
        longest: int | None = None,
        lookup: Callable[[str], DistanceSpec] | None = None,
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
            reduction: Of the distances of a batch: "mean", "sum", or "none" for one value per image.
            value_range: Black and white of the images: (0, 1), (-1, 1) behind a tanh, (0, 255).
            longest: Pixels to which the long side of larger images is reduced, such as 512; None for no limit.
            lookup: Finds the spec of a distance by name; the default knows those of all plugins.

        Raises:
            UnknownNameError: No plugin provides the backbone, the point or the distance.
            UsageError: An option does not exist.
            WeightsError: The weights are missing, damaged, made for another network, or could not be fetched.
        """
        super().__init__()
        if isinstance(backbone, str):
            backbone = load_loss_network(backbone, points, weights=weights, normalization=normalization, mode=mode)
            backbone.to(memory_format=torch.channels_last)  # a given network stays as it is: others may use it
        self._frozen = (backbone,)  # nn.Module registers what is assigned to an attribute itself, not in a tuple
        config = DistanceConfig(name=distance) if isinstance(distance, str) else distance
        self._points = [point.name for point in self.network.points]
        lookup = lookup or default_registry().distance
        self._distances = make_distances(config, self._points, lookup, self.network.name)
        self.reduction, self.value_range = _checked_reduction(reduction), _checked_range(value_range)
        self.longest = longest
        if longest is not None and longest < 1:
            raise UsageError(f"Expected a long side of 1 pixel or more, got {longest}.")
        self._targets_checked = False
        self.micro_batch: int | None = None  # images at a time through the network; None: all. Affects rounding only

    @property
    def network(self) -> LossNetwork:
        """The loss network."""
        return self._frozen[0]

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Move or convert the loss network, as ``torch.nn.Module.to`` does for submodules."""
        self.network.to(*args, **kwargs)
        return super().to(*args, **kwargs)

    def float(self) -> Self:
        """Convert the loss network to float32."""
        return self.to(torch.float32)

    def double(self) -> Self:
        """Convert the loss network to float64."""
        return self.to(torch.float64)

    def half(self) -> Self:
        """Convert the loss network to float16."""
        return self.to(torch.float16)

    def bfloat16(self) -> Self:
        """Convert the loss network to bfloat16."""
        return self.to(torch.bfloat16)

    def train(self, mode: bool = True) -> Self:
        """Follow ``mode`` if the loss network was made to; else only the flag of the loss itself changes."""
        self.network.train(mode)
        return super().train(mode)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Follow a parent to another device; other changes of its tensors do not reach the loss network."""
        device = fn(torch.empty(0, device=self.network.device)).device
        if device != self.network.device:
            self.network.to(device)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch has no types there
        return self

    def forward(self, output: Tensor, target: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the mean distance between outputs and targets.

        Values out of range are refused only in the first targets: a network in training may leave the range, and
        checking every batch would make a GPU wait.

        Args:
            output: RGB images (N, 3, H, W), nominally in the value range, or gray ones (N, 1, H, W), whose channel is
                repeated.
            target: Images of the same shape, in the value range; they get no gradient.
            mask: Weights (N, 1, H, W) or (1, 1, H, W), 0 where nothing counts: the distance of an image is then the
                weighted mean of its :meth:`distance_map`, 0 if nothing counts. Features at the border of a mask still
                see both sides.

        Returns:
            A scalar; (N,) with the reduction "none".

        Raises:
            ImageError: The images have another shape, type or range, or are too small for a point.
        """
        self.check(output, target)
        if mask is not None:
            return self._masked(output, target, mask)
        return self.loss_to_features(output, self.targets(target))

    @torch.no_grad()
    def targets(self, images: Tensor) -> dict[str, Tensor]:
        """Return the features of target images, to be compared with many outputs.

        Args:
            images: Images (N, 3, H, W) or (N, 1, H, W) in the value range.

        Returns:
            Features (N, C, H', W') by point.
        """
        images = self._standardize(images)
        size = self._micro_batch_of(images)
        if size is None:
            return self.network.features(images)
        parts = [self.network.features(part) for part in images.split(size)]  # type: ignore[no-untyped-call]
        return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}

    def loss_to_features(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        """Return the mean distance between outputs and precomputed target features.

        Args:
            output: Images (N, 3, H, W) or (N, 1, H, W), nominally in the value range.
            targets: Features of the N targets by point, as :meth:`targets` returns them.

        Returns:
            A scalar; (N,) with the reduction "none".
        """
        output = self._standardize(output)
        size = self._micro_batch_of(output)
        if size is None or self.reduction != "mean":
            return self.reduce(self._distances_to(output, targets))
        return micro_batched_mean(
            output,
            lambda part, rows: self._distances_to(part, {name: target[rows] for name, target in targets.items()}),
            size,
        )

    def _micro_batch_of(self, images: Tensor) -> int | None:
        """Return the size of micro-batches if there are several; a batch whose size is a symbol is not split."""
        return self.micro_batch if self.micro_batch and images.shape[0] > self.micro_batch else None

    def _distances_to(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        features = self.network.features(output)
        with _without_autocast(output.device):
            return total_distance(features, targets, self._points, self._distances)

    def distance_map(self, output: Tensor, target: Tensor) -> Tensor:
        """Return where two images differ: the distances at each point, resized to the images and summed.

        They are resized bilinearly, as LPIPS does with ``spatial=True``. Their mean is close to the distance, and equal
        to it where the features have the size of the images.

        Args:
            output: Images as for :meth:`forward`.
            target: Images of the same shape.

        Returns:
            Distances (N, 1, H, W).

        Raises:
            ImageError: As for :meth:`forward`.
            UsageError: The distance compares statistics, not positions.
        """
        self.check(output, target)
        return self._map(output, self.targets(target))

    def _map(self, output: Tensor, targets: Mapping[str, Tensor]) -> Tensor:
        size, maps = output.shape[2:], self.point_maps(output, targets).values()
        return torch.stack([functional.interpolate(map_[:, None], size, mode="bilinear") for map_ in maps]).sum(0)

    def point_maps(self, output: Tensor, targets: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the distances at the positions of each point, whose means are those that the loss sums.

        Args:
            output: Images as for :meth:`forward`.
            targets: Features of the targets, as :meth:`targets` returns them.

        Returns:
            Distances (N, H', W') by point.

        Raises:
            UsageError: The distance compares statistics, not positions.
        """
        features = self.network.features(self._standardize(output))
        pairs = zip(self._points, self._distances, strict=True)
        with _without_autocast(output.device):
            return {point: map_of(distance, features[point], targets[point]) for point, distance in pairs}

    def _masked(self, output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        shape = (output.shape[0], 1, *output.shape[2:])
        if mask.shape not in {shape, (1, *shape[1:])}:
            raise ImageError(f"Expected a mask of shape {shape}, got {tuple(mask.shape)}.")
        weights = mask.to(output).expand(shape)
        total = (self._map(output, self.targets(target)) * weights).sum((1, 2, 3))
        return self.reduce(total / weights.sum((1, 2, 3)).clamp_min(torch.finfo(weights.dtype).tiny))

    def reduce(self, distances: Tensor) -> Tensor:
        """Return the mean or the sum of distances (N,), or all of them, as the reduction says."""
        return distances if self.reduction == "none" else getattr(distances, self.reduction)()

    def _standardize(self, images: Tensor) -> Tensor:
        """Return the images as RGB in [0, 1], of the resolution at which they are compared."""
        return limit_long_side(self._in_unit_range(images), self.longest)

    def _in_unit_range(self, images: Tensor) -> Tensor:
        low, high = self.value_range
        if (low, high) != (0.0, 1.0):
            images = (images - low) / (high - low)
        rgb = images.expand(-1, 3, -1, -1) if images.shape[1] == 1 else images
        return rgb.contiguous(memory_format=torch.channels_last)  # convolutions and norms over channels are faster

    def check(self, output: Tensor, target: Tensor) -> None:
        """Refuse images that cannot be meant, as :meth:`forward` does; check nothing in compiled code.

        Raises:
            ImageError: The images differ in shape, or have another shape, type or range.
        """
        if torch.compiler.is_compiling():
            return
        if output.shape != target.shape:
            raise ImageError(
                f"Expected output and target of the same shape, got {tuple(output.shape)} and {tuple(target.shape)}."
            )
        for images in (output, target):
            check_form(images, channels=(1, 3))
        if not self._targets_checked:
            check_images(self._in_unit_range(target.detach()), self.value_range)
            self._targets_checked = True


def _without_autocast(device: torch.device) -> torch.autocast:
    """Keep the sums of a distance, such as Gram matrices, from being computed in half precision."""
    return torch.autocast("cpu" if device.type == "meta" else device.type, enabled=False)


def _checked_reduction(reduction: str) -> Reduction:
    if reduction not in get_args(Reduction):
        raise UsageError(f"No reduction is named {reduction!r}; there are {', '.join(get_args(Reduction))}.")
    return cast(Reduction, reduction)


def _checked_range(value_range: tuple[float, float]) -> tuple[float, float]:
    low, high = map(float, value_range)
    if not low < high < math.inf or low == -math.inf:
        raise UsageError(f"Expected a value range such as (0, 1) or (-1, 1), got {value_range}.")
    return low, high
