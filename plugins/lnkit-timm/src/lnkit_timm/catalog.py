"""The index of timm's architectures, read without timm or torch: what each is called, where it is cut, what it takes.

``index.json`` is made by ``python -m index``, from the networks themselves; a test holds it against timm.
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
HOME = "taps"  # the child module under which a network's taps stand
STANDARD = ("early", "semi_early", "mid", "late")
CLASS_TOKEN = "class_token"

RULES = {
    "stages": "the last four of timm's reduction stages",
    "blocks": "the blocks at a quarter, half, three quarters and all of the depth",
}

NORMALIZATIONS: Mapping[str, tuple[Triple, Triple]] = {  # mean and std of RGB in [0, 1], as timm states them
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "clip": ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    "none": ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
}


class Adaptation(NamedTuple):
    """A way to take images of other sizes than those that a network was trained with."""

    options: Mapping[str, Any]  # of timm.create_model
    phrase: str  # for the signature; {size} is the size that the network was trained with


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
    """What a set of weights expects."""

    mean: Triple
    std: Triple
    interpolation: Interpolation  # "bicubic"
    size: tuple[int, int]  # (height, width) that it was trained with


class Tap(NamedTuple):
    """Where a map comes out that no module of the network gives as its output."""

    module: str  # "stages.0"
    element: int | None = None  # of the tuple that the module gives
    order: str = ""  # "reroll" or "deblockify": how the module's tokens are brought into rows and columns


@dataclass(frozen=True, slots=True)
class Architecture:
    """One line of the index. Where four points differ, texts hold four parts with spaces between them."""

    name: str  # "resnet18"
    family: str  # "ResNet"
    nodes: str  # "layer1 layer2 layer3 layer4"; "stages.0[0]" and "blocks.1:reroll" are taps
    at: str  # "1/4 1/8 1/16 1/32" of the image's size, or "3/12 6/12 9/12 12/12" of the depth
    input: str  # of the default weights: "imagenet bicubic 224"
    parameters: int  # with those
    rule: str = "stages"  # key of RULES
    layout: str = "NCHW"  # "NLC+1": tokens, of which the first is left out
    class_token: str = ""  # node whose first token is the class token
    adaptation: str = ""  # key of ADAPTATIONS
    step: int = 1  # height and width must be multiples of it
    min_size: int = 1
    fixed: bool = False  # takes one size only: images are resized to it
    tags: Mapping[str, str] = field(default_factory=dict)  # tag -> input, "" where it is the default's; default first

    @property
    def default_tag(self) -> str:
        return next(iter(self.tags), "")

    def input_of(self, tag: str) -> Input:
        return read_input(self.tags.get(tag) or self.input)

    @property
    def taps(self) -> dict[str, Tap]:
        """The taps that it needs, by the names of their points."""
        wanted = zip(STANDARD, self.nodes.split(), strict=True)
        return {point: read_tap(node) for point, node in wanted if is_tapped(node)}


@dataclass(frozen=True, slots=True)
class Index:
    """All architectures, and the version of timm that they were read from."""

    timm: str  # "1.0.31"
    citations: Mapping[str, str]  # family -> title and arXiv number of the paper that timm names first
    architectures: tuple[Architecture, ...]


@cache
def read_index() -> Index:
    content = json.loads(INDEX.read_text(encoding="utf-8"))
    rows = content["architectures"].items()
    return Index(content["timm"], content["citations"], tuple(Architecture(name, **row) for name, row in rows))


@cache
def read_input(text: str) -> Input:
    """Read ``imagenet bicubic 224``, or ``0.43,0.411,0.296/0.213,0.156,0.143 bicubic 1024x768`` (height first)."""
    normalization, interpolation, size = text.split()
    mean, std = NORMALIZATIONS.get(normalization) or map(_triple, normalization.split("/"))
    height, _, width = size.partition("x")
    return Input(mean, std, cast("Interpolation", interpolation), (int(height), int(width or height)))


def write_input(given: Input) -> str:
    """The text that read_input reads."""
    known = {value: name for name, value in NORMALIZATIONS.items()}
    numbers = "/".join(",".join(map(str, triple)) for triple in (given.mean, given.std))
    height, width = given.size
    size = str(height) if height == width else f"{height}x{width}"
    return f"{known.get((given.mean, given.std), numbers)} {given.interpolation} {size}"


def read_tap(node: str) -> Tap:
    """Read ``stages.0[0]`` or ``blocks.1:reroll``; a plain node gives a tap of the module as it is."""
    path, _, order = node.partition(":")
    module, _, element = path.rstrip("]").partition("[")
    return Tap(module, int(element) if element else None, order)


def is_tapped(node: str) -> bool:
    return node.endswith("]") or ":" in node


def _triple(text: str) -> Triple:
    first, second, third = map(float, text.split(","))
    return first, second, third
