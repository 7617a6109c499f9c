"""From names to a loss network: load a backbone with its weights and cut it at its points."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

import torch
from torch import nn

from lnkit.errors import UsageError, WeightsError
from lnkit.networks.graph_extractor import cut_backbone
from lnkit.networks.loss_network import LossNetwork
from lnkit.networks.weights import LoadedBackbone, build_backbone, build_random
from lnkit.plugins.load import default_registry
from lnkit.progress import Progress
from lnkit.specs import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    NORMALIZATIONS,
    BackboneSpec,
    ExtractionPoint,
    LossNetworkId,
    Normalization,
)

Triple = tuple[float, float, float]

# LPIPS takes images in [-1, 1] and computes (image - shift) / scale: ScalingLayer, Zhang et al. 2018.
# With x = (image + 1) / 2 in [0, 1] that is (x - (1 + shift) / 2) / (scale / 2).
LPIPS_MEAN = ((1 - 0.030) / 2, (1 - 0.088) / 2, (1 - 0.188) / 2)


LPIPS_STD = (0.458 / 2, 0.448 / 2, 0.450 / 2)


def load_loss_network(
    backbone: str,
    points: str = "late",
    *,
    weights: str = "pretrained",
    seed: int = 0,
    normalization: Normalization = "backbone",
    transform_input: bool = True,
    progress: Progress | None = None,
) -> LossNetwork:
    """Load a registered backbone and cut it at one or more points.

    ``load_loss_network("vgg16", "early+late")(images)`` takes images (N, 3, H, W) in [0, 1] and returns
    ``{"early": ..., "late": ...}``, each of shape (N, C, H', W').

    Args:
        backbone: a name from ``lnkit list-backbones``.
        points: names from ``lnkit points BACKBONE``, node paths, or "all"; several are joined with "+".
        weights: "pretrained", "random", or a file (safetensors, or a state dict saved by ``torch.save``).
        seed: of random weights.
        normalization: what is done to the images first; see normalization_of.
        transform_input: False skips the second normalization inside GoogLeNet and Inception v3, as the published
            implementation of the 14-backbone study does. It means nothing to other backbones.
        progress: is told of a download before it begins.

    Raises:
        UnknownNameError: no plugin provides the backbone or the point.
        WeightsError: the weights are missing, damaged, made for another network, or could not be fetched.
    """
    registry = default_registry()
    spec = registry.backbone(backbone)
    names = tuple(dict.fromkeys(name for group in registry.resolve_points(backbone, points) for name in group))
    found = registry.points_of(LossNetworkId(backbone, names))
    mean_and_std(spec, normalization)  # refuses an unknown one before anything is fetched
    return make_loss_network(build_backbone(spec, weights, seed, progress), spec, found, normalization, transform_input)


def make_loss_network(
    loaded: LoadedBackbone,
    spec: BackboneSpec,
    points: Sequence[ExtractionPoint],
    normalization: str = "backbone",
    transform_input: bool = True,
) -> LossNetwork:
    """Cut a loaded backbone, which stays as it is, at points of one node each.

    Raises:
        UsageError: the normalization is unknown.
        WeightsError: a point lies in the head, and the file that the weights came from had none.
    """
    for point in points:
        _require_weights(point, spec, loaded)
    if not spec.transform_input:
        return _cut(loaded, spec, points, normalization)
    before = _set_transform_input(loaded.module, transform_input)
    try:
        return _cut(loaded, spec, points, normalization)
    finally:
        _set_transform_input(loaded.module, before)


def _cut(
    loaded: LoadedBackbone, spec: BackboneSpec, points: Sequence[ExtractionPoint], normalization: str
) -> LossNetwork:
    mean, std = mean_and_std(spec, normalization)
    return LossNetwork(
        loaded.module,
        points,
        mean=mean,
        std=std,
        input_size=spec.input_size,
        interpolation=spec.interpolation,
        name=spec.name,
    )


def check_nodes(spec: BackboneSpec, nodes: Sequence[str]) -> None:
    """Refuse node paths that a backbone does not have, before its weights or any data are fetched.

    Raises:
        UnknownNameError: there is no such node; the message names near ones.
    """
    if not nodes:
        return
    with torch.device("meta"):
        outline = build_random(spec).eval()
    unknown = [node for node in nodes if node not in dict(outline.named_modules())]
    if unknown:
        with suppress(NotImplementedError):  # what does not run on the meta device is judged later, on the real one
            cut_backbone(outline, unknown, spec.name)


def mean_and_std(spec: BackboneSpec, normalization: str) -> tuple[Triple, Triple]:
    """Return what is subtracted from RGB in [0, 1] and what it is divided by then.

    "backbone" is what the backbone was trained with, "imagenet" torchvision's ImageNet statistics, "lpips" the similar
    ones of LPIPS, and "none" leaves images as they are.

    Raises:
        UsageError: there is no such normalization.
    """
    known: dict[str, tuple[Triple, Triple]] = {
        "backbone": (spec.mean, spec.std),
        "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
        "lpips": (LPIPS_MEAN, LPIPS_STD),
        "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    }
    if normalization not in known:
        names = ", ".join(NORMALIZATIONS)
        raise UsageError(f"There is no normalization {normalization!r}; it is one of {names}.")
    return known[normalization]


def _set_transform_input(module: nn.Module, value: bool) -> bool:
    """Switch the re-normalization inside torchvision's Inception family on or off; return how it was."""
    before = bool(module.transform_input)
    module.transform_input = value  # type: ignore[assignment]  # a plain attribute; nn.Module's stubs expect a tensor
    return before


def _require_weights(point: ExtractionPoint, spec: BackboneSpec, loaded: LoadedBackbone) -> None:
    """Refuse a point inside the one part that a file may leave out."""
    heads = {name.split(".")[0] for name in loaded.absent}
    if {node.split(".")[0] for node in point.nodes} & heads:
        raise WeightsError(
            f"{loaded.source} has no weights for the head of {spec.name}, and the point {point.name!r} lies in it. "
            "Use an earlier point, or a file that holds the whole network."
        )


def load_backbone(
    backbone: str, *, weights: str = "pretrained", seed: int = 0, progress: Progress | None = None
) -> nn.Module:
    """Load a registered backbone with its weights, whole and in evaluation mode.

    It takes images as it was trained to, normalized by its own mean and standard deviation; ``load_loss_network`` cuts
    it and normalizes.

    Args:
        backbone: a name from ``lnkit list-backbones``.
        weights: "pretrained", "random", or a file (safetensors, or a state dict saved by ``torch.save``).
        seed: of random weights.
        progress: is told of a download before it begins.

    Raises:
        UnknownNameError: no plugin provides the backbone.
        WeightsError: the weights are missing, damaged, made for another network, or could not be fetched.
    """
    return build_backbone(default_registry().backbone(backbone), weights, seed, progress).module
