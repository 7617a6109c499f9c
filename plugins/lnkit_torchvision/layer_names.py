"""The names that people give to the layers of VGG: ``conv3_4``, ``relu2_2``, ``pool3``."""

from __future__ import annotations

from collections.abc import Mapping

CONVOLUTIONS = {  # of each of the five blocks; Simonyan and Zisserman 2015, Table 1, columns A, B, D and E
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}


def layer_names(network: str) -> Mapping[str, str]:
    """Return the node of each named layer of a network of torchvision; empty for networks other than VGG.

    Args:
        network: "vgg16", or "vgg16_bn", in which ``bn3_1`` stands between ``conv3_1`` and ``relu3_1``.

    Example:
        >>> names = layer_names("vgg19")
        >>> names["conv3_4"], names["relu2_2"], names["pool5"]
        ('features.16', 'features.8', 'features.36')
    """
    base, _, batch_norm = network.partition("_")
    kinds = ("conv", "bn", "relu") if batch_norm else ("conv", "relu")
    names: list[str] = []
    for block, convolutions in enumerate(CONVOLUTIONS.get(base, ()), start=1):
        names += [f"{kind}{block}_{index}" for index in range(1, convolutions + 1) for kind in kinds]
        names.append(f"pool{block}")
    return {name: f"features.{index}" for index, name in enumerate(names)}
