"""The shift-tolerant metrics of Ghildyal and Liu (ECCV 2022): two backbones, and the distance learned with each.

References:
    Ghildyal and Liu, "Shift-tolerant Perceptual Similarity Metric", ECCV 2022, arXiv 2207.13686.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import lnkit
from lnkit.specs import LPIPS_MEAN, LPIPS_STD
from lnkit_stlpips.networks import CITATION, DISTANCE, NETWORKS, PACKAGE, Network

if TYPE_CHECKING:
    import torch

    from lnkit.specs import Distance

LNKIT_INTERFACE = 1


@lnkit.hookimpl
def register_backbone(register: Callable[[lnkit.BackboneSpec], None]) -> None:
    for network in NETWORKS:
        register(_spec(network))


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    for network in NETWORKS:
        for name, node in network.points.items():
            register(network.name, lnkit.ExtractionPoint(name, node, network.descriptions[node], CITATION))
        description = f"the {len(network.nodes)} layers of the metric"
        register(network.name, lnkit.ExtractionPoint("lpips", "+".join(network.nodes), description, CITATION))


@lnkit.hookimpl
def register_distance(register: Callable[[lnkit.DistanceSpec], None]) -> None:
    description = "`lin` with the weights that ST-LPIPS learned for its own backbones"
    register(lnkit.DistanceSpec(DISTANCE, _load_distance, description, CITATION, per_point=True))


def _spec(network: Network) -> lnkit.BackboneSpec:
    return lnkit.BackboneSpec(
        name=network.name,
        family=network.family,
        load=partial(_load_backbone, network),
        weights=network.weights,
        weights_file=f"stlpips_pytorch/{network.file}",
        citation=CITATION,
        mean=LPIPS_MEAN,  # as in LPIPS
        std=LPIPS_STD,
        min_size=network.min_size,
        requires=(PACKAGE,),
        trained_on="BAPPS judgments",
        distance=DISTANCE,
    )


def _load_backbone(network: Network, pretrained: bool) -> torch.nn.Module:
    from lnkit_stlpips.trunk import build  # noqa: PLC0415 - torch, which listing does without
    from lnkit_stlpips.weights import trunk_weights  # noqa: PLC0415 - likewise

    module = build(network.name)
    if pretrained:
        module.load_state_dict(trunk_weights(network))
    return module


def _load_distance(backbone: str, point: str, channel_norm: bool = True, epsilon: str = "lpips") -> Distance:
    from lnkit.distances import builtin_distance  # noqa: PLC0415 - torch, which listing does without
    from lnkit_stlpips.weights import lin_weight  # noqa: PLC0415 - likewise

    return builtin_distance("lin", channel_norm=channel_norm, epsilon=epsilon, weight=lin_weight(backbone, point))
