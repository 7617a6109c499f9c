"""Backbones from timm: every architecture by its name in timm, and one whose weights come with a pip package."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import lnkit
from lnkit_timm import hub_backbones, lite0
from lnkit_timm.backbones import PREFIX, backbone_spec, extraction_points
from lnkit_timm.catalog import LITE0, read_index

LNKIT_INTERFACE = 1


@lnkit.hookimpl
def register_backbone(register: Callable[..., None]) -> None:
    index = read_index()
    register(
        lite0.SPEC,
        *(
            backbone_spec(architecture, index.citations.get(architecture.family, ""))
            for architecture in index.architectures
        ),
    )


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    register(LITE0, *lite0.POINTS)
    for architecture in read_index().architectures:
        register(PREFIX + architecture.name, *extraction_points(architecture))


@lnkit.hookimpl
def register_backbone_source(register: Callable[..., None]) -> None:
    description = "networks that timm saved on the Hugging Face hub: hf-hub:OWNER/NAME"
    register(lnkit.BackboneSource(hub_backbones.SOURCE, hub_backbones.describe, description))
