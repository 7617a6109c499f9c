"""The 14 torchvision backbones of the published study, at its four extraction points."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import lnkit
from lnkit_torchvision.table import BACKBONES, LPIPS_POINTS, POINTS, Row

if TYPE_CHECKING:
    import torch

WEIGHTS = "IMAGENET1K_V1"  # of every one of the 14, although torchvision has newer recipes; P, section 3
STUDY = "Pihlgren et al. 2023, Table II"  # arXiv 2302.04032, called P in this folder
LPIPS = "Zhang et al. 2018"  # arXiv 1801.03924; the layers are those of its published implementation
DOWNLOADS = "https://download.pytorch.org/models/"
MEBIBYTE = 2**20


@lnkit.hookimpl
def register_backbone(register: Callable[[lnkit.BackboneSpec], None]) -> None:
    for row in BACKBONES:
        register(_spec(row))


@lnkit.hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, lnkit.BackboneSpec]) -> None:
    for backbone, points in POINTS.items():
        for name, (node, description) in points.items():
            register(backbone, lnkit.ExtractionPoint(name, node, description, STUDY))
    for backbone, indices in LPIPS_POINTS.items():
        node = "+".join(f"features.{index}" for index in indices)
        description = f"the {len(indices)} layers that LPIPS compares"
        register(backbone, lnkit.ExtractionPoint("lpips", node, description, LPIPS))


def _spec(row: Row) -> lnkit.BackboneSpec:
    return lnkit.BackboneSpec(
        name=row.name,
        family=row.family,
        load=partial(_load, row.name),
        weights=WEIGHTS,
        citation=row.citation,
        min_size=row.min_size,
        requires=("torchvision>=0.21",),
        transform_input=row.transform_input,
        remote=lnkit.RemoteFile(DOWNLOADS + row.file, size=round(row.mebibytes * MEBIBYTE)),
    )


def _load(name: str, pretrained: bool) -> torch.nn.Module:
    from lnkit_torchvision.load import load  # noqa: PLC0415 - torch and torchvision, which listing does without

    return load(name, WEIGHTS if pretrained else None)
