"""From the name of a backbone to a loss network: weights, extraction points, attributes.

Every name is imported when it is first used, so that ``import lnkit.networks`` does not import torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lnkit._lazy import lazy_exports

if TYPE_CHECKING:
    from lnkit.networks.device import open_device as open_device
    from lnkit.networks.hf_hub import fetch_hub_file as fetch_hub_file
    from lnkit.networks.load import (
        load_backbone as load_backbone,
        load_loss_network as load_loss_network,
        make_loss_network as make_loss_network,
    )
    from lnkit.networks.loss_network import LossNetwork as LossNetwork
    from lnkit.networks.weight_readings import read_weights as read_weights
    from lnkit.networks.weights import LoadedBackbone as LoadedBackbone, build_backbone as build_backbone

__getattr__, __all__ = lazy_exports(
    __name__,
    {
        "lnkit.networks.device": ("open_device",),
        "lnkit.networks.hf_hub": ("fetch_hub_file",),
        "lnkit.networks.load": ("load_backbone", "load_loss_network", "make_loss_network"),
        "lnkit.networks.loss_network": ("LossNetwork",),
        "lnkit.networks.weight_readings": ("read_weights",),
        "lnkit.networks.weights": ("LoadedBackbone", "build_backbone"),
    },
)
