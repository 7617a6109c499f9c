"""What lnkit itself brings, through the same door as every plugin: the distances, and raw pixels to compare with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lnkit.hookspecs import hookimpl
from lnkit.specs import BackboneSpec, DistanceSpec, ExtractionPoint

if TYPE_CHECKING:
    import torch

STUDY = "Pihlgren et al. 2023 (arXiv 2302.04032)"
LPIPS = "Zhang et al. 2018 (CVPR)"
EARLY_STOPPING = "Kumar et al. 2022 (TMLR)"

DISTANCES = {
    "spatial": ("squared difference of unit-length features, position by position", f"{LPIPS}; {STUDY}, Eq. 1"),
    "mean_pool": ("the same after averaging each channel over space", f"{EARLY_STOPPING}, section 8.1"),
    "style": ("squared difference of the Gram matrices of the channels", f"{EARLY_STOPPING}, section 8.1"),
    "sort": ("`spatial` after sorting each channel over space", f"the published implementation of {STUDY}"),
    "squared": ("mean squared difference of the features, not normalized", f"{STUDY}, Eq. 3"),
    "lin": ("`spatial` with a learned weight for each channel", LPIPS),
}

PIXEL = "pixel"


@hookimpl
def register_backbone(register: Callable[[BackboneSpec], None]) -> None:
    register(
        BackboneSpec(
            name=PIXEL,
            family="Baseline",
            load=_load_pixel,
            weights="none needed",
            citation="the image itself, the row to compare with",
            mean=(0.0, 0.0, 0.0),
            std=(1.0, 1.0, 1.0),
            distance="squared",
        )
    )


@hookimpl
def register_extraction_points(register: Callable[..., None], backbones: Mapping[str, BackboneSpec]) -> None:
    register(PIXEL, ExtractionPoint("image", node="image", description="RGB in [0, 1]"))


@hookimpl
def register_distance(register: Callable[[DistanceSpec], None]) -> None:
    for name, (description, citation) in DISTANCES.items():
        register(DistanceSpec(name, partial(_load_distance, name), description, citation))


def _load_pixel(pretrained: bool) -> torch.nn.Module:
    from collections import OrderedDict  # noqa: PLC0415 - beside torch

    from torch import nn  # noqa: PLC0415 - torch, only when it is loaded

    return nn.Sequential(OrderedDict(image=nn.Identity()))


def _load_distance(name: str, **options: Any) -> Any:
    from lnkit.distances.functional import builtin  # noqa: PLC0415 - torch, only when it is loaded

    return builtin(name)(**options)
