"""The image towers of OpenCLIP, vision transformers that were trained on pairs of images and texts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import lnkit
from lnkit_openclip.towers import CITATION, HUB_NAMES, TOWERS, Tower

if TYPE_CHECKING:
    import torch

LNKIT_INTERFACE = 1
PREFIX = "openclip/"


@lnkit.hookimpl
def register_backbone(register: Callable[..., None]) -> None:
    register(*(_spec(tower, next(iter(tower.weights)), PREFIX + tower.name) for tower in TOWERS))


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    for tower in TOWERS:
        register(PREFIX + tower.name, *tower.points)


def _spec(tower: Tower, tag: str, name: str) -> lnkit.BackboneSpec:
    """Describe a tower with one of its sets of weights.

    Args:
        tower: from the table.
        tag: of its weights, as OpenCLIP names them.
        name: of the backbone.
    """
    weights = tower.weights[tag]
    remote = lnkit.HubFile(weights.repository, names=HUB_NAMES)
    return lnkit.BackboneSpec(
        name=name,
        family="ViT",
        load=partial(_load, tower.name, tag, remote),
        weights=tag,
        citation=CITATION,
        mean=weights.mean,
        std=weights.std,
        requires=("open_clip_torch>=3.0",),
        remote=remote,
        input_size=(tower.side, tower.side),
        eval_size=tower.side,
        trained_on=weights.trained_on,
        tags=tuple(tower.weights),
        with_tag=partial(_with_tag, tower),
    )


def _with_tag(tower: Tower, tag: str) -> lnkit.BackboneSpec:
    return _spec(tower, tag, f"{PREFIX}{tower.name}.{tag}")


def _load(name: str, tag: str, remote: lnkit.HubFile, pretrained: bool) -> torch.nn.Module:
    from lnkit_openclip.load import load  # noqa: PLC0415 - torch and open_clip, which listing does without

    return load(name, tag, remote if pretrained else None)
