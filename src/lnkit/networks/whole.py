"""A registered backbone as it is, uncut: to train it further, or to look at it."""

from __future__ import annotations

from torch import nn

from lnkit.networks.weights import load_backbone as load_described
from lnkit.progress import Progress
from lnkit.registry import default_registry


def load_backbone(
    backbone: str, *, weights: str = "pretrained", seed: int = 0, progress: Progress | None = None
) -> nn.Module:
    """Load a registered backbone with its weights, whole and in evaluation mode.

    It takes images as it was trained to, normalized by its own mean and standard deviation; ``load_loss_network`` cuts
    it and normalizes.

    Args:
        backbone: a name from ``lnkit list-backbones``.
        weights: "pretrained", "random", or a file (safetensors, or a state dict saved by ``torch.save``).
        seed: of random weights.
        progress: is told of a download before it begins.

    Raises:
        UnknownNameError: no plugin provides the backbone.
        WeightsError: the weights are missing, damaged, made for another network, or could not be fetched.
    """
    return load_described(default_registry().backbone(backbone), weights, seed, progress).module
