"""What a repository of the hub says of its vision transformer, read without torch or transformers."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import lnkit
from lnkit.data import read_json
from lnkit.progress import SilentProgress

if TYPE_CHECKING:
    import torch

    from lnkit.specs import Layout

SOURCE = "transformers"
WEIGHTS = "model.safetensors"
REPOSITORY = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*")
BLOCKS = "the blocks at a quarter, half, three quarters and all of the depth"
POINT_NAMES = ("early", "semi_early", "mid", "late")
CLIP_LAYERS = "encoder.layers"


class Kind(NamedTuple):
    """A class of transformers, and where its blocks are. The first token of each block is the class token."""

    model: str  # "Dinov2Model"
    blocks: str  # list of them
    norm: str  # of the tokens at the end; for CLIP the norm of the class token alone
    norm_layout: Layout = "CLS"
    part: str = ""  # of the configuration that describes the vision tower
    trained_on: str = ""


KINDS: Mapping[str, Kind] = {  # by the "model_type" of a configuration
    "clip": Kind("CLIPVisionModel", CLIP_LAYERS, "post_layernorm", "NC", "vision_config", "CLIP"),
    "clip_vision_model": Kind("CLIPVisionModel", CLIP_LAYERS, "post_layernorm", "NC", "", "CLIP"),
    "dinov2": Kind("Dinov2Model", "encoder.layer", "layernorm", trained_on="DINOv2"),
    "vit": Kind("ViTModel", "layers", "layernorm"),
}


def describe(repository: str) -> tuple[lnkit.BackboneSpec, Sequence[lnkit.ExtractionPoint]]:
    """Describe the vision transformer of a repository.

    Args:
        repository: ``owner/name``.

    Raises:
        lnkit.UnknownNameError: the network is of another kind.
        lnkit.UsageError: ``repository`` is no name of one.
        lnkit.WeightsError: a file that describes the network cannot be fetched, or is damaged.
    """
    name = f"{SOURCE}:{repository}"
    if not REPOSITORY.fullmatch(repository):
        raise lnkit.UsageError(f"Expected {SOURCE}:OWNER/NAME, a repository of the Hugging Face hub, got {name!r}.")
    configuration = _read(name, repository, "config.json")
    given = configuration.get("model_type")
    if not isinstance(given, str) or given not in KINDS:
        raise lnkit.UnknownNameError(
            f"Expected {name} to be one of {', '.join(KINDS)}, but its configuration says {given!r:.80}."
        )
    kind = KINDS[given]
    own = configuration.get(kind.part) if kind.part else configuration
    images = _read(name, repository, "preprocessor_config.json")
    depth = _whole(name, "num_hidden_layers", own, usual=12)
    crop = images.get("crop_size") or images.get("size")
    side = crop if isinstance(crop, int) else _whole(name, "height", crop, usual=0) or _whole(name, "image_size", own)
    spec = lnkit.BackboneSpec(
        name=f"{SOURCE}/{repository}",
        family="ViT",
        load=partial(_load, repository, kind),
        weights="main",
        citation="Hugging Face transformers",
        mean=_triple(name, "image_mean", images),
        std=_triple(name, "image_std", images),
        requires=("transformers>=5",),
        remote=lnkit.HubFile(repository, names=(WEIGHTS,)),
        input_size=(side, side),
        eval_size=side,
        trained_on=kind.trained_on,
    )
    return spec, _points(kind, depth)


def _points(kind: Kind, depth: int) -> list[lnkit.ExtractionPoint]:
    ends = [max(1, depth * quarter // 4) for quarter in (1, 2, 3, 4)]
    points = [
        lnkit.ExtractionPoint(name, f"{kind.blocks}.{end - 1}", f"block {end} of {depth}", BLOCKS, "NLC", 1)
        for name, end in zip(POINT_NAMES, ends, strict=True)
    ]
    token = lnkit.ExtractionPoint("class_token", kind.norm, "the class token at the end", BLOCKS, kind.norm_layout)
    return [*points, token]


def _read(name: str, repository: str, file: str) -> dict[str, Any]:
    from lnkit.networks import fetch_hub_file  # noqa: PLC0415 - torch, which listing does without

    try:
        return read_json(
            fetch_hub_file(lnkit.HubFile(repository, names=(file,)), f"{file} of {name}", SilentProgress())
        )
    except lnkit.DataError as error:
        raise lnkit.WeightsError(f"{file} of {name} is damaged. {error}") from error
    except lnkit.WeightsError as error:
        raise lnkit.WeightsError(
            f"{file} of {name}, without which its network is unknown, could not be fetched. {error.__cause__ or error} "
            "Check the name. Without a connection, name it where there is one, and carry the hub's cache over."
        ) from error


def _whole(name: str, field: str, facts: object, usual: int | None = None) -> int:
    value = facts.get(field, usual) if isinstance(facts, dict) else usual
    if isinstance(value, int) and not isinstance(value, bool) and value >= (0 if usual == 0 else 1):
        return value
    raise lnkit.WeightsError(f"The files of {name} are damaged: expected a whole number as {field}, got {value!r:.80}.")


def _triple(name: str, field: str, facts: dict[str, Any]) -> tuple[float, float, float]:
    value = facts.get(field)
    if isinstance(value, list) and len(value) == 3 and all(isinstance(number, (int, float)) for number in value):
        return float(value[0]), float(value[1]), float(value[2])
    raise lnkit.WeightsError(f"The files of {name} are damaged: expected three numbers as {field}, got {value!r:.80}.")


def _load(repository: str, kind: Kind, pretrained: bool) -> torch.nn.Module:
    from lnkit_transformers.load import load  # noqa: PLC0415 - torch and transformers, as above

    return load(repository, kind, pretrained)
