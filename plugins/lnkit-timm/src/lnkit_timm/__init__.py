"""Backbones from timm for lnkit: networks by timm's own name, and one with pretrained weights that pip alone brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import lnkit
from lnkit_timm.table import LITE0, NETWORKS, Network

if TYPE_CHECKING:
    import torch

__version__ = "0.1.0"

POINT_NAMES = ("early", "semi_early", "mid", "late")


@lnkit.hookimpl
def register_backbone(register: Callable[[lnkit.BackboneSpec], None]) -> None:
    for network in (LITE0, *NETWORKS):
        register(_spec(network))


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    for network in (LITE0, *NETWORKS):
        cut = network.cut
        for name, node, description in zip(POINT_NAMES, cut.nodes, cut.descriptions, strict=True):
            point = lnkit.ExtractionPoint(name, node, description, cut.rule, cut.layout, cut.prefix_tokens)
            register(network.backbone, point)


def _spec(network: Network) -> lnkit.BackboneSpec:
    return lnkit.BackboneSpec(
        name=network.backbone,
        family=network.family,
        load=partial(_load, network),
        weights=network.weights,
        citation=network.citation,
        mean=network.mean,
        std=network.std,
        min_size=network.min_size,
        requires=network.requires,
    )


def _load(network: Network, pretrained: bool) -> torch.nn.Module:
    from lnkit_timm.load import load  # noqa: PLC0415 - torch and timm, which listing does without

    return load(network, pretrained)
