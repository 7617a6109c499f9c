"""torchvision's classification networks, 14 cut as in the published study, and the trunks of others trained on COCO."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

import lnkit
from lnkit.specs import IMAGENET_CLASSES
from lnkit_torchvision.coco import TRAINED_NETWORKS, TrainedNetwork
from lnkit_torchvision.layer_names import layer_names
from lnkit_torchvision.study import DISTS, dists_points
from lnkit_torchvision.table import NETWORKS, Network
from lnkit_torchvision.weights import V1, WEIGHTS

if TYPE_CHECKING:
    import torch

LNKIT_INTERFACE = 1
DOWNLOADS = "https://download.pytorch.org/models/"
MEBIBYTE = 2**20
REQUIRES = ("torchvision>=0.21",)
L2_POOLING = "vgg16_l2pool"
IMAGENET_1K = "ImageNet-1k classification"


@lnkit.hookimpl
def register_backbone(register: Callable[[lnkit.BackboneSpec], None]) -> None:
    for network in NETWORKS:
        register(_spec(network, next(iter(WEIGHTS[network.name])), network.name))
        if network.name == "vgg16":
            register(_spec_with_l2_pooling(network))
    for trained in TRAINED_NETWORKS:
        register(_trunk_spec(trained, next(iter(trained.weights)), trained.name))


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    for network in NETWORKS:
        for point in network.points:
            register(network.name, point)
    for point in dists_points():
        register(L2_POOLING, point)
    for trained in TRAINED_NETWORKS:
        register(trained.name, *trained.points)


def _spec(network: Network, tag: str, name: str) -> lnkit.BackboneSpec:
    """Describe a network with one of its sets of pretrained weights.

    Args:
        network: from the table.
        tag: of its weights.
        name: of the backbone.
    """
    weights = WEIGHTS[network.name][tag]
    return lnkit.BackboneSpec(
        name=name,
        family=network.family,
        load=partial(_load, network.name, tag, weights.size),
        weights=tag,
        citation=network.citation,
        mean=weights.input.mean,
        std=weights.input.std,
        min_size=network.min_size,
        requires=REQUIRES,
        transform_input=network.transform_input,
        remote=lnkit.RemoteFile(DOWNLOADS + weights.file, size=round(weights.mebibytes * MEBIBYTE)),
        input_size=(weights.size, weights.size) if weights.size else None,
        interpolation=weights.interpolation,
        eval_size=weights.eval_size,
        classes=IMAGENET_CLASSES,
        trained_on=f"SWAG, {IMAGENET_1K}" if "SWAG" in tag else IMAGENET_1K,
        imagenet_top1=weights.top1,
        layer_names=layer_names(network.name),
        tags=tuple(WEIGHTS[network.name]),
        with_tag=partial(_spec_with_tag, network),
    )


def _spec_with_tag(network: Network, tag: str) -> lnkit.BackboneSpec:
    return _spec(network, tag, f"{network.name}.{tag}")


def _spec_with_l2_pooling(network: Network) -> lnkit.BackboneSpec:
    """Describe the VGG-16 of DISTS, which has the weights of torchvision's and normalizes images by itself."""
    return replace(
        _spec(network, V1, L2_POOLING),
        load=_load_with_l2_pooling,
        citation=DISTS,
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        min_size=1,
        eval_size=None,
        imagenet_top1=None,  # torchvision states that of the network with max pools
        tags=(),
        with_tag=None,
    )


def _trunk_spec(network: TrainedNetwork, tag: str, name: str) -> lnkit.BackboneSpec:
    """Describe the trunk of a segmentation or detection network; arguments as for ``_spec``."""
    weights = network.weights[tag]
    return lnkit.BackboneSpec(
        name=name,
        family=network.trunk.family,
        load=partial(_load_trunk, network.name, tag, weights.frozen_eps),
        weights=tag,
        citation=network.citation,
        mean=network.input.mean,
        std=network.input.std,
        min_size=network.trunk.min_size,
        requires=REQUIRES,
        remote=lnkit.RemoteFile(DOWNLOADS + weights.file, size=round(weights.mebibytes * MEBIBYTE)),
        eval_size=network.eval_size,
        trained_on=network.trained_on,
        tags=tuple(network.weights),
        with_tag=partial(_trunk_with_tag, network),
    )


def _trunk_with_tag(network: TrainedNetwork, tag: str) -> lnkit.BackboneSpec:
    return _trunk_spec(network, tag, f"{network.name}.{tag}")


def _load(name: str, tag: str, size: int, pretrained: bool) -> torch.nn.Module:
    from lnkit_torchvision.load import load  # noqa: PLC0415 - torch and torchvision, only when it is loaded

    return load(name, tag if pretrained else None, size)


def _load_trunk(name: str, tag: str, frozen_eps: float | None, pretrained: bool) -> torch.nn.Module:
    from lnkit_torchvision.trunks import load_trunk  # noqa: PLC0415 - torch and torchvision, as above

    return load_trunk(name, tag if pretrained else None, frozen_eps)


def _load_with_l2_pooling(pretrained: bool) -> torch.nn.Module:
    from lnkit_torchvision.l2pool import load_with_l2_pooling  # noqa: PLC0415 - torch and torchvision, as above

    return load_with_l2_pooling(V1 if pretrained else None)
