"""Backbones ``hf-hub:owner/name``: networks that timm saved on the Hugging Face hub, cut like the same architecture.

A repository says what it is in ``config.json``, which is fetched when its name is used; its weights are those in
``model.safetensors``. Files that hold Python objects instead of numbers are not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import lnkit
from lnkit.data import read_json
from lnkit.progress import SilentProgress
from lnkit_timm.backbones import PREFIX, backbone_spec, extraction_points
from lnkit_timm.catalog import ADAPTATIONS, Architecture, Triple, read_index
from lnkit_timm.training_data import trained_on

if TYPE_CHECKING:
    import torch

SOURCE = "hf-hub"
CONFIGURATION = "config.json"
WEIGHTS = "model.safetensors"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
TAG = re.compile(r"[A-Za-z0-9][\w.@-]*")  # of weights; stands in signatures
INTERPOLATIONS = ("bicubic", "bilinear")


def describe(repository: str) -> tuple[lnkit.BackboneSpec, Sequence[lnkit.ExtractionPoint]]:
    """Describe the network of a repository.

    Args:
        repository: ``owner/name``.

    Raises:
        lnkit.UnknownNameError: the network is none of timm's.
        lnkit.UsageError: ``repository`` is no name of one.
        lnkit.WeightsError: the configuration cannot be fetched, or is damaged.
    """
    name = f"{SOURCE}:{repository}"
    if not REPOSITORY.fullmatch(repository):
        raise lnkit.UsageError(f"Expected {SOURCE}:OWNER/NAME, a repository of the Hugging Face hub, got {name!r}.")
    configuration = _configuration(repository)
    architecture = _architecture(name, configuration)
    pretrained = configuration.get("pretrained_cfg")
    settings = pretrained if isinstance(pretrained, dict) else configuration  # older files have no part of their own
    given = settings.get("tag")
    tag = given if isinstance(given, str) and TAG.fullmatch(given) else ""
    usual = backbone_spec(architecture)
    size = _size(name, settings.get("input_size"), (usual.eval_size or 224,) * 2)
    interpolation = settings.get("interpolation")
    return (
        replace(
            usual,
            name=PREFIX + repository,
            load=partial(_load, repository, architecture),
            weights=tag or "main",
            mean=_triple(name, "mean", settings.get("mean"), usual.mean),
            std=_triple(name, "std", settings.get("std"), usual.std),
            input_size=size if architecture.fixed else None,
            interpolation=interpolation if interpolation in INTERPOLATIONS else usual.interpolation,
            eval_size=max(size),
            size_note=ADAPTATIONS[architecture.adaptation].phrase.format(size=f"{size[1]}x{size[0]}"),
            classes="",
            trained_on=trained_on(architecture.name, tag),
            tags=(),
            with_tag=None,
            remote=lnkit.HubFile(repository, names=(WEIGHTS,)),
        ),
        extraction_points(architecture),
    )


def _configuration(repository: str) -> dict[str, Any]:
    from lnkit.networks import fetch_hub_file  # noqa: PLC0415 - torch, which listing does without

    file = lnkit.HubFile(repository, names=(CONFIGURATION,))
    try:
        return read_json(fetch_hub_file(file, f"configuration of {SOURCE}:{repository}", SilentProgress()))
    except lnkit.DataError as error:
        raise lnkit.WeightsError(f"The configuration of {SOURCE}:{repository} is damaged. {error}") from error
    except lnkit.WeightsError as error:
        raise lnkit.WeightsError(
            f"The configuration of {SOURCE}:{repository}, without which its network is unknown, could not be fetched. "
            f"{error.__cause__ or error} Check the name. Without a connection, run `lnkit weights fetch "
            f"{SOURCE}:{repository}` where there is one, and carry the hub's cache over (HF_HOME says where it is)."
        ) from error


def _architecture(name: str, configuration: dict[str, Any]) -> Architecture:
    given = configuration.get("architecture")
    known = {architecture.name: architecture for architecture in read_index().architectures}
    if not isinstance(given, str) or given not in known:
        said = f"its configuration names {given!r:.80}" if given else "its configuration names no architecture"
        raise lnkit.UnknownNameError(
            f"Expected {name} to be a network of timm, but {said}. `lnkit list-backbones 'timm/*'` lists timm's."
        )
    return known[given]


def _triple(name: str, field: str, value: object, usual: Triple) -> Triple:
    if value is None:
        return usual
    if isinstance(value, list) and len(value) == 3 and all(isinstance(number, (int, float)) for number in value):
        return float(value[0]), float(value[1]), float(value[2])
    raise _damaged(name, field, "three numbers", value)


def _size(name: str, value: object, usual: tuple[int, int]) -> tuple[int, int]:
    """Return height and width from ``[3, 224, 224]``."""
    if value is None:
        return usual
    if isinstance(value, list) and len(value) == 3 and all(isinstance(side, int) and side > 0 for side in value):
        if value[0] == 3:
            return value[1], value[2]
        raise lnkit.UsageError(f"Expected {name} to take RGB images, but it takes images of {value[0]} channels.")
    raise _damaged(name, "input_size", "three whole numbers above 0", value)


def _damaged(name: str, field: str, expected: str, value: object) -> lnkit.WeightsError:
    return lnkit.WeightsError(
        f"The configuration of {name} is damaged: expected {expected} as {field}, got {value!r:.80}."
    )


def _load(repository: str, architecture: Architecture, pretrained: bool) -> torch.nn.Module:
    from lnkit_timm.load import load_from_hub  # noqa: PLC0415 - torch and timm, which listing does without

    return load_from_hub(repository, architecture, pretrained)
