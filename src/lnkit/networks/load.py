"""Load a backbone by name, whole or cut at its points into a loss network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress

import torch
from torch import nn

from lnkit.errors import UnknownNameError, UsageError, WeightsError
from lnkit.networks.graph_extractor import cut_backbone
from lnkit.networks.loss_network import LossNetwork
from lnkit.networks.weights import LoadedBackbone, build_backbone, build_random
from lnkit.plugins.load import default_registry
from lnkit.plugins.user_backbones import is_user_backbone
from lnkit.progress import Progress
from lnkit.specs import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    LPIPS_MEAN,
    LPIPS_STD,
    NORMALIZATIONS,
    BackboneSpec,
    ExtractionPoint,
    LossMode,
    LossNetworkId,
    Normalization,
)

Triple = tuple[float, float, float]


def load_loss_network(  # noqa: PLR0913 - options by name
    backbone: str,
    points: str = "late",
    *,
    weights: str = "pretrained",
    seed: int = 0,
    normalization: Normalization = "backbone",
    transform_input: bool = True,
    mode: LossMode = "eval",
    progress: Progress | None = None,
) -> LossNetwork:
    """Load a registered backbone and cut it at one or more points.

    Args:
        backbone: A name from ``lnkit list-backbones``.
        points: Names from ``lnkit points BACKBONE``, node paths, or "all"; several are joined with "+".
        weights: "pretrained", "random", or a file (safetensors, or a state dict saved by ``torch.save``).
        seed: Seed of random weights.
        normalization: Mean and standard deviation that are applied to the images: "backbone" those of its training,
            "imagenet" those of torchvision, "lpips" those of LPIPS (Zhang2018), "none" no normalization.
        transform_input: False skips the second normalization inside GoogLeNet and Inception v3, as the reference code
            of Pihlgren2023 does. Other backbones ignore it.
        mode: "eval" stays in evaluation mode, "train" follows ``train()`` and ``eval()``; see :class:`LossNetwork`.
        progress: Announces a download before it begins.

    Returns:
        A module that takes images (N, 3, H, W) in [0, 1] and returns features (N, C, H', W') by point:
        ``{"early": ..., "late": ...}`` for ``points="early+late"``.

    Raises:
        UnknownNameError: No plugin provides the backbone or the point.
        UsageError: The normalization is unknown.
        WeightsError: The weights are missing, damaged, made for another network, or could not be fetched.

    Example:
        >>> import torch
        >>> network = load_loss_network("pixel", "image")  # the image itself, to compare with
        >>> features = network(torch.full((1, 3, 2, 2), 0.5))
        >>> features["image"].shape, features["image"].mean().item()
        (torch.Size([1, 3, 2, 2]), 0.5)

    References:
        arXiv 2302.04032 (Pihlgren2023), arXiv 1801.03924 (Zhang2018).
    """
    registry = default_registry()
    spec = registry.backbone(backbone)
    names = tuple(dict.fromkeys(name for group in registry.resolve_points(backbone, points) for name in group))
    resolved = registry.points_of(LossNetworkId(backbone, names))
    mean_and_std(spec, normalization)  # refuses an unknown one before anything is fetched
    loaded = build_backbone(spec, weights, seed, progress)
    check = not registry.provider("backbone", backbone).tested
    return make_loss_network(loaded, spec, resolved, normalization, transform_input, mode, check=check)


def make_loss_network(
    loaded: LoadedBackbone,
    spec: BackboneSpec,
    points: Sequence[ExtractionPoint],
    normalization: str = "backbone",
    transform_input: bool = True,
    mode: LossMode = "eval",
    *,
    check: bool = True,
) -> LossNetwork:
    """Cut a loaded backbone at some of its points.

    Args:
        loaded: The backbone with its weights; it is not changed.
        spec: Its spec.
        points: Points of one node each.
        normalization: As for :func:`load_loss_network`.
        transform_input: As for :func:`load_loss_network`.
        mode: As for :func:`load_loss_network`.
        check: Compare the cut with the backbone's own forward; see :class:`LossNetwork`.

    Raises:
        UnknownNameError: The backbone has no node of a point.
        UsageError: The normalization is unknown.
        WeightsError: A point lies in the head, for which the file of the weights had no tensors.
    """
    for point in points:
        _require_weights(point, spec, loaded)
    mean, std = mean_and_std(spec, normalization)
    switch = _transform_input(loaded.module, transform_input) if spec.transform_input else nullcontext()
    with switch, _named_listing(spec):
        return LossNetwork(
            loaded.module,
            points,
            mean=mean,
            std=std,
            input_size=spec.input_size,
            interpolation=spec.interpolation,
            name=spec.name,
            mode=mode,
            check=check,
        )


def check_nodes(spec: BackboneSpec, nodes: Sequence[str]) -> None:
    """Check node paths before weights or data are fetched.

    Raises:
        UnknownNameError: The backbone has no such node; the message names similar ones.
    """
    if not nodes:
        return
    with torch.device("meta"):
        outline = build_random(spec).eval()
    modules = dict(outline.named_modules())
    unknown = [node for node in nodes if node not in modules]
    if unknown:
        with suppress(NotImplementedError), _named_listing(spec):  # needs values: checked later, with the real weights
            cut_backbone(outline, unknown, spec.name)


def mean_and_std(spec: BackboneSpec, normalization: str) -> tuple[Triple, Triple]:
    """Return the mean and the standard deviation, of RGB in [0, 1], of a normalization.

    Args:
        spec: The backbone.
        normalization: As for :func:`load_loss_network`.

    Raises:
        UsageError: The normalization is unknown.
    """
    known: dict[str, tuple[Triple, Triple]] = {
        "backbone": (spec.mean, spec.std),
        "imagenet": (IMAGENET_MEAN, IMAGENET_STD),
        "lpips": (LPIPS_MEAN, LPIPS_STD),
        "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    }
    if normalization not in known:
        raise UsageError(f"No normalization is named {normalization!r}; there are {', '.join(NORMALIZATIONS)}.")
    return known[normalization]


@contextmanager
def _transform_input(module: nn.Module, value: bool) -> Iterator[None]:
    """Switch the second normalization inside torchvision's Inception family on or off while inside."""
    before = module.transform_input
    module.transform_input = value  # type: ignore[assignment]  # a plain attribute; nn.Module's stubs expect a tensor
    try:
        yield
    finally:
        module.transform_input = before


@contextmanager
def _named_listing(spec: BackboneSpec) -> Iterator[None]:
    """Add the command that lists all nodes to the error for an unknown one, if a command can find the backbone."""
    try:
        yield
    except UnknownNameError as error:
        if not is_user_backbone(spec.name) and default_registry().backbones.get(spec.name) != spec:
            raise
        raise UnknownNameError(f"{error} `lnkit points {spec.name} --all` lists every node.") from error


def _require_weights(point: ExtractionPoint, spec: BackboneSpec, loaded: LoadedBackbone) -> None:
    """Refuse a point in the head if the file of the weights had no head."""
    heads = {name.split(".")[0] for name in loaded.absent}
    if {node.split(".")[0] for node in point.nodes} & heads:
        raise WeightsError(
            f"{loaded.source} has no weights for the head of {spec.name}, and the point {point.name!r} lies in it. "
            "Use an earlier point, or a file that holds the whole network."
        )


def load_backbone(
    backbone: str, *, weights: str = "pretrained", seed: int = 0, progress: Progress | None = None
) -> nn.Module:
    """Load a registered backbone with its weights, uncut.

    Unlike a loss network, it expects images that are normalized by its own mean and standard deviation.

    Args:
        backbone: A name from ``lnkit list-backbones``.
        weights: "pretrained", "random", or a file (safetensors, or a state dict saved by ``torch.save``).
        seed: Seed of random weights.
        progress: Announces a download before it begins.

    Returns:
        The network, in evaluation mode and without gradients.

    Raises:
        UnknownNameError: No plugin provides the backbone.
        WeightsError: The weights are missing, damaged, made for another network, or could not be fetched.

    Example:
        >>> load_backbone("pixel")
        Sequential(
          (image): Identity()
        )
    """
    return build_backbone(default_registry().backbone(backbone), weights, seed, progress).module
