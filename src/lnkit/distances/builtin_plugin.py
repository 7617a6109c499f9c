"""The plugin inside lnkit: the bundled distances, the backbone "pixel" as a baseline, executors. Free of torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from lnkit.errors import UnknownNameError, did_you_mean, near_names
from lnkit.hookspecs import hookimpl
from lnkit.specs import NO_WEIGHTS, BackboneSpec, DistanceSpec, ExecutorSpec, ExtractionPoint

if TYPE_CHECKING:
    import torch

    from lnkit.specs import Distance

STUDY = "Pihlgren et al. 2023 (arXiv 2302.04032)"
LPIPS = "Zhang et al. 2018 (CVPR)"
BASICSR, TRAINNER = "BasicSR, criterion l1", "traiNNer-redux, criterion charbonnier"
DING = "Ding et al. 2020 (arXiv 2004.07728)"
EARLY_STOPPING = "Kumar et al. 2022 (TMLR)"

DISTANCES = {
    "spatial": ("squared difference of unit-length features, position by position", f"{LPIPS}; {STUDY}, Eq. 1"),
    "mean_pool": ("the same after averaging each channel over space", f"{EARLY_STOPPING}, listing 1"),
    "mean_pool_per_channel": ("`mean_pool` over the number of channels", f"{EARLY_STOPPING}, section 8.1"),
    "style": ("squared difference of the Gram matrices of the channels", f"{EARLY_STOPPING}, section 8.1"),
    "sort": ("`spatial` after sorting each channel over space", f"reference code of {STUDY}"),
    "squared": ("mean squared difference of the features, not normalized", f"{STUDY}, Eq. 3"),
    "lin": ("`spatial` with a learned weight for each channel", LPIPS),
    "l1": ("mean absolute difference of the features, not normalized", BASICSR),
    "charbonnier": ("smooth `l1`: mean of sqrt(d^2 + eps^2); option eps, 1e-6", TRAINNER),
    "cosine": ("1 - cos of the angle between features, position by position", "half of `spatial`"),
    "angle": ("angle between features in radians, position by position", "Kahan 2006, section 12, for its form"),
    "gram": ("mean difference of Gram matrices over C H W; option criterion, l1 or squared", "BasicSR, style_weight"),
    "dists": ("dissimilarity of the channels' means, variances and covariance; option weights, dists or a file", DING),
}

EXECUTORS = {  # name -> what it starts workers on, and the extra that it needs
    "local": ("this machine, one process on each GPU", ""),
    "slurm": ("a SLURM cluster, through submitit", "lnkit[slurm]"),
    "ray": ("a Ray cluster, or one that is started here", "lnkit[ray]"),
}

PIXEL = "pixel"


@hookimpl
def register_backbone(register: Callable[[BackboneSpec], None]) -> None:
    register(
        BackboneSpec(
            name=PIXEL,
            family="Baseline",
            load=_load_pixel,
            weights=NO_WEIGHTS,
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
    for name in DISTANCES:
        register(builtin_spec(name))


@hookimpl
def register_executor(register: Callable[[ExecutorSpec], None]) -> None:
    for name, (title, extra) in EXECUTORS.items():
        requires = (extra,) if extra else ()
        register(ExecutorSpec(name, title, f"lnkit.sweep.executors.{name}:start", requires))


def builtin_spec(name: str) -> DistanceSpec:
    """Return the spec of a bundled distance; raise UnknownNameError for any other name."""
    if name not in DISTANCES:
        hint = did_you_mean(near_names(name, DISTANCES))
        raise UnknownNameError(
            f"No bundled distance is named {name!r}; there are {', '.join(DISTANCES)}.{hint} "
            "For a distance of a plugin, pass a registry's `distance` as `lookup`."
        )
    description, citation = DISTANCES[name]
    return DistanceSpec(name, partial(_load_distance, name), description, citation)


def _load_pixel(pretrained: bool) -> torch.nn.Module:
    from collections import OrderedDict  # noqa: PLC0415 - beside torch

    from torch import nn  # noqa: PLC0415 - torch, only when it is loaded

    return nn.Sequential(OrderedDict(image=nn.Identity()))


def _load_distance(name: str, **options: Any) -> Distance:
    from lnkit.distances.functional import builtin_distance  # noqa: PLC0415 - torch, only when it is loaded

    return builtin_distance(name, **options)
