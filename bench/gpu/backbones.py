"""The networks of the checks, with random weights of a fixed seed."""

from __future__ import annotations

from importlib.util import find_spec

from lnkit.networks.load import load_loss_network
from lnkit.networks.loss_network import LossNetwork
from lnkit.plugins.load import default_registry
from lnkit_torchvision.study import POINTS

VIT = "timm/vit_small_patch16_224"
STUDY = tuple(POINTS)  # the 14 backbones of Pihlgren2023
FOUR_POINTS = ("early", "semi_early", "mid", "late")


def load_network(backbone: str, points: tuple[str, ...] = FOUR_POINTS) -> LossNetwork:
    """Load a loss network with random weights, the same on every machine with the same torch."""
    return load_loss_network(backbone, "+".join(points), weights="random")


def why_missing(backbone: str) -> str:
    """Return why a backbone cannot be built here; "" if it can."""
    if backbone not in default_registry().backbones:
        return "no installed plugin provides it"
    return "timm is not installed" if backbone == VIT and find_spec("timm") is None else ""
