"""The loss that a command compares images by: named, written out, in a file, or a backbone with its points."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.losses.expression import parse_loss
from lnkit.losses.imports.names import NAMES, import_name
from lnkit.losses.toml import read_loss
from lnkit.networks.weights import build_backbone, build_random, check_weights
from lnkit.plugins.registry import Registry

if TYPE_CHECKING:
    from torch import nn

DEFAULT = "lpips"  # with AlexNet and learned weights: the default of the package lpips and of pyiqa
DISTANCE = "spatial"  # where a term names none: that of LPIPS without learned weights


def choose_loss(
    text: str | None, backbone: str | None, points: str | None, distance: str | None, normalization: str | None
) -> Loss:
    """Return the loss of a command's options.

    Args:
        text: the loss in one line, a TOML file, or a name such as "lpips-vgg"; None for the default.
        backbone: a backbone instead, at ``points`` joined with "+".
        points: of the backbone; by default "late".
        distance: of terms that name none; by default "spatial".
        normalization: of the backbone.

    Raises:
        DataError: the file cannot be read.
        UsageError: options contradict each other, or the text is no loss.
    """
    if backbone is None:
        if points or normalization:
            raise UsageError("--point and --normalization belong to --backbone; a loss states its own.")
        return _read(text or DEFAULT).with_distance(distance or DISTANCE)
    if text:
        raise UsageError("--loss and --backbone both name what compares the images: give one of the two.")
    names = (points or "late").split("+")
    if len(set(names)) < len(names):
        raise UsageError(f"The points {points!r} name one twice.")
    given = LossInput(normalization or "backbone")
    return Loss((LossTerm(backbone, dict.fromkeys(names, 1.0), distance or DISTANCE, input=given),))


def with_weights(registry: Registry, loss: Loss, weights: str) -> tuple[Registry, str]:
    """Return a registry in which the only backbone of a loss has the weights in a file, and where weights come from.

    Args:
        registry: of the backbones.
        loss: the loss.
        weights: "pretrained", "random" or a file.

    Returns:
        The registry, and "pretrained" or "random".

    Raises:
        UsageError: a file is given, and the loss has several backbones.
        WeightsError: the file is missing.
    """
    if weights in ("pretrained", "random"):
        return registry, weights
    check_weights(weights)
    if len(loss.backbones) > 1:
        raise UsageError(
            f"--weights names a file for one backbone, and this loss has {len(loss.backbones)}: "
            f"{', '.join(loss.backbones)}. Leave it out, or use --weights random."
        )
    spec = registry.backbone(loss.backbones[0])

    def load(pretrained: bool) -> nn.Module:
        return build_backbone(spec, weights).module if pretrained else build_random(spec)

    changed = replace(spec, load=load, weights="file", remote=None)
    return registry.with_backbone(changed, registry.points.get(spec.name, {})), "pretrained"


def _read(text: str) -> Loss:
    if text in NAMES or (":" not in text and text.startswith(("lpips", "convnext_s"))):
        return import_name(text).loss
    if text.endswith(".toml") or (":" not in text and Path(text).is_file()):
        return read_loss(Path(text))
    return parse_loss(text)
