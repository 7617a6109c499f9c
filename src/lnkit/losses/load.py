"""Load a loss as a PyTorch module."""

from __future__ import annotations

from pathlib import Path

import torch

from lnkit.losses.as_backbone import DISTANCE, Weights, loss_as_backbone
from lnkit.losses.definition import Loss
from lnkit.losses.expression import parse_loss
from lnkit.losses.toml import read_loss
from lnkit.plugins.load import default_registry
from lnkit.progress import Progress
from lnkit.specs import DistanceConfig
from lnkit.training.perceptual_loss import DeepPerceptualLoss, Reduction


def load_loss(  # noqa: PLR0913 - options by name
    loss: str | Loss | Path,
    *,
    distance: str = "squared",
    weights: Weights = "pretrained",
    seed: int = 0,
    reduction: Reduction = "mean",
    value_range: tuple[float, float] = (0.0, 1.0),
    longest: int | None = None,
    progress: Progress | None = None,
) -> DeepPerceptualLoss:
    """Load a weighted sum of distances at points of one or more backbones.

    Args:
        loss: Its text, such as "vgg19:conv1_2*0.1+conv5_4, l1 + 0.1*pixel:image, l1"; a TOML file; or a Loss.
        distance: Of the terms that name none.
        weights: "pretrained" or "random" for all backbones, a file for the only one that has weights, or those of
            each backbone by its name: ``{"vgg19": "vgg19.safetensors"}``.
        seed: Seed of random weights.
        reduction: As for :class:`lnkit.DeepPerceptualLoss`.
        value_range: As for :class:`lnkit.DeepPerceptualLoss`.
        longest: As for :class:`lnkit.DeepPerceptualLoss`.
        progress: Announces downloads before they begin.

    Returns:
        A module that maps outputs and targets, images (N, 3, H, W) in [0, 1], to the mean loss. Each backbone runs
        once.

    Raises:
        DataError: The file cannot be read.
        UnknownNameError: No plugin provides a backbone, a point or a distance.
        UsageError: The text or the file is no loss.
        WeightsError: Weights are missing or damaged, or could not be fetched.

    Example:
        >>> import torch
        >>> loss = load_loss("pixel:image, l1 + 0.5*pixel:image, squared")
        >>> loss(torch.zeros(1, 3, 4, 4), torch.full((1, 3, 4, 4), 0.5)).item()
        0.625
    """
    registry = default_registry()
    read = loss if isinstance(loss, Loss) else parse_loss(loss) if isinstance(loss, str) else read_loss(loss)
    described = loss_as_backbone(read.with_distance(distance), registry)
    network = described.cut(described.load(weights, seed, progress), registry)
    network.to(memory_format=torch.channels_last)  # faster
    return DeepPerceptualLoss(
        network,
        distance=DistanceConfig(DISTANCE),
        reduction=reduction,
        value_range=value_range,
        longest=longest,
        lookup=lambda _: described.distance,
    )
