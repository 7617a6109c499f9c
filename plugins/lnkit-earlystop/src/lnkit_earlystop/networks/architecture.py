"""What a small-image network is called, and where it is cut; free of torch, so that all can be listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

import lnkit

RESOLUTION = 64  # pixels; K, section 3
DEPTHS = range(2, 201)  # of ResNets; K's go down to 2-5 layers and up to 200
EFFICIENTNETS = ("b0", "b1", "b2", "b3", "b4", "b5")  # K, section 3
VITS = ("b_8", "b_4", "l_8", "l_4")  # K, section 3: Base and Large, with patches of 8 and 4 pixels
VIT_BLOCKS = {"b": 12, "l": 24}  # K, appendix
STAGES = 4  # where the resolution halves: 16, 8, 4, 2 pixels of 64

_NAME = re.compile(
    r"(?:resnet(?P<depth>\d+)|efficientnet_(?P<efficientnet>b\d)|vit_(?P<vit>[a-z]_\d+))"
    r"(?:_d(?P<blocks>\d+))?(?:_w(?P<width>\d+(?:\.\d+)?))?(?P<noskip>_noskip)?(?:_(?P<resolution>\d+))?"
)
EXPECTED = (
    "resnet<depth> (2 to 200), efficientnet_b0 to efficientnet_b5, vit_b_8, vit_b_4, vit_l_8 or vit_l_4; then "
    "_d<blocks> for ViTs of another depth, _w<factor> for ResNets and ViTs of another width, _noskip for ResNets "
    "without skip connections, and the resolution"
)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network for small images, without weights."""

    family: str  # "resnet", "efficientnet" or "vit"
    variant: str  # "50", "b0", "b_8"
    width: float = 1.0  # times the channels
    blocks: int = 0  # of a ViT's encoder; 0 as many as the variant has
    skip: bool = True  # ResNets without skip connections are plain stacks of the same convolutions
    resolution: int = RESOLUTION  # pixels of a side, of the images it is trained with

    @property
    def short_name(self) -> str:
        """``resnet50_w0.5``: without the resolution."""
        separator = "" if self.family == "resnet" else "_"
        name = f"{self.family}{separator}{self.variant}"
        name += f"_d{self.blocks}" * bool(self.blocks) + f"_w{self.width:g}" * (self.width != 1)
        return name + "_noskip" * (not self.skip)

    @property
    def name(self) -> str:
        """``resnet50_w0.5_64``: what the backbone is called."""
        return f"{self.short_name}_{self.resolution}"

    @property
    def depth(self) -> int:
        """Layers of a ResNet, encoder blocks of a ViT, 0 for EfficientNets."""
        if self.family == "resnet":
            return int(self.variant)
        return self.blocks or VIT_BLOCKS.get(self.variant[0], 0) if self.family == "vit" else 0

    @property
    def title(self) -> str:
        return {"resnet": "ResNet", "efficientnet": "EfficientNet", "vit": "ViT"}[self.family]


def parse(name: str) -> Architecture:
    """Read the name of an architecture, with or without its resolution.

    Raises:
        lnkit.UsageError: it is none; the message says what is expected.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise lnkit.UsageError(f"There is no architecture {name!r}. Expected is {EXPECTED}: resnet6, resnet50_w0.5_64.")
    found = match.groupdict()
    family = "resnet" if found["depth"] else "efficientnet" if found["efficientnet"] else "vit"
    architecture = Architecture(
        family,
        str(int(found["depth"])) if found["depth"] else found["efficientnet"] or found["vit"],
        width=float(found["width"] or 1),
        blocks=int(found["blocks"] or 0),
        skip=found["noskip"] is None,
        resolution=int(found["resolution"] or RESOLUTION),
    )
    _refuse_impossible(architecture, name)
    return architecture


def of_backbone(name: str) -> Architecture | None:
    """The architecture of a backbone of this plugin, by its name (``resnet6_64@step1000``); None for any other."""
    plain = name.partition("@")[0]
    try:
        architecture = parse(plain)
    except lnkit.UsageError:
        return None
    return architecture if architecture.name == plain else None


def _refuse_impossible(architecture: Architecture, name: str) -> None:
    family, variant = architecture.family, architecture.variant
    wrong = {
        "a depth of 2 to 200 layers": family == "resnet" and int(variant) not in DEPTHS,
        "b0 to b5": family == "efficientnet" and variant not in EFFICIENTNETS,
        f"one of {', '.join(f'vit_{vit}' for vit in VITS)}": family == "vit" and variant not in VITS,
        "a width above 0": architecture.width <= 0,
        "no other width, since compound scaling sets it": family == "efficientnet" and architecture.width != 1,
        "other depths of ViTs only": family != "vit" and architecture.blocks != 0,
        "skip connections, which only ResNets can do without": family != "resnet" and not architecture.skip,
        "a resolution of 32 pixels or more": architecture.resolution < RESOLUTION // 2,
        "a resolution that patches divide": family == "vit" and bool(architecture.resolution % int(variant[-1])),
    }
    for expected, is_wrong in wrong.items():
        if is_wrong:
            raise lnkit.UsageError(f"{name!r} cannot be built: expected is {expected}.")


def listed() -> Iterator[Architecture]:
    """The architectures that are registered without being trained: K's."""
    for depth in (2, 3, 4, 5, 6, 10, 14, 18, 26, 34, 50, 101, 152, 200):
        yield Architecture("resnet", str(depth))
    yield from (Architecture("efficientnet", variant) for variant in EFFICIENTNETS)
    yield from (Architecture("vit", variant) for variant in VITS)


def points(architecture: Architecture) -> tuple[lnkit.ExtractionPoint, ...]:
    """Where K cuts the network: after each stage or encoder block, and all of them together, which is K's standard."""
    citation = "Kumar et al. 2022, section 3"
    if architecture.family == "vit":
        nodes = {f"block{i + 1}": f"encoder.layers.encoder_layer_{i}" for i in range(architecture.depth)}
        whole, what, layout = "blocks", "class token after encoder block", "CLS"
    else:
        nodes = dict(_stages(architecture))
        whole, what, layout = "stages", "output of stage", "NCHW"
    single = [
        lnkit.ExtractionPoint(name, node, f"{what} {number}", citation, layout=layout)  # type: ignore[arg-type]
        for number, (name, node) in enumerate(nodes.items(), start=1)
    ]
    if len(single) > 1:
        joined = "+".join(nodes.values())
        single.append(lnkit.ExtractionPoint(whole, joined, f"all {len(nodes)} together", citation, layout=layout))  # type: ignore[arg-type]
    return tuple(single)


def _stages(architecture: Architecture) -> Iterator[tuple[str, str]]:
    if architecture.family == "resnet":
        count = min(max(architecture.depth - 2, 0), STAGES)
        yield from ((f"stage{i}", f"stages.{i - 1}") for i in range(1, count + 1))
        if not count:
            yield "stem", "stem"
        return
    # Of torchvision's EfficientNet, the last block at each resolution below that of the stem.
    for number, block in enumerate((2, 3, 5, 7), start=1):
        yield f"stage{number}", f"features.{block}"


def at_resolution(architecture: Architecture, resolution: int) -> Architecture:
    """The same architecture for images of another size; only ViTs are built otherwise then."""
    return replace(architecture, resolution=resolution)
