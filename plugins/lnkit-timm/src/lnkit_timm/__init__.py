"""Backbones from timm for lnkit: every architecture by timm's own name, and one with weights that pip alone brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import lnkit
from lnkit_timm import lite0
from lnkit_timm.backbones import PREFIX, points_of, spec_of
from lnkit_timm.catalog import read_index

__version__ = "0.1.0"

LNKIT_INTERFACE = 1


@lnkit.hookimpl
def register_backbone(register: Callable[..., None]) -> None:
    index = read_index()
    register(lite0.SPEC, *(spec_of(one, index.citations.get(one.family, "")) for one in index.architectures))


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    register(lite0.NAME, *lite0.POINTS)
    for one in read_index().architectures:
        register(PREFIX + one.name, *points_of(one))
