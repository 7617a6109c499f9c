"""Names and extraction points of the small-image networks; free of torch, so that all can be listed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import lnkit

RESOLUTION = 64  # pixels; Kumar2022, section 4
DEPTHS = range(2, 201)  # of ResNets; Kumar2022: 6 to 200 layers (section 4), and 2 to 10 (section 5)
EFFICIENTNETS = ("b0", "b1", "b2", "b3", "b4", "b5")  # Kumar2022, section 4
VITS = ("b_8", "b_4", "l_8", "l_4")  # Kumar2022, section 4: Base and Large, with patches of 8 and 4 pixels
VIT_BLOCKS = {"b": 12, "l": 24}  # Kumar2022, Tables 4 and 5
STAGES = 4  # with maps of 16, 8, 4 and 2 pixels for images of 64; Kumar2022, section 4

_NAME = re.compile(
    r"(?:resnet(?P<depth>\d+)|efficientnet_(?P<efficientnet>b\d)|vit_(?P<vit>[a-z]_\d+))"
    r"(?:_d(?P<blocks>\d+(?:\.\d+)?))?(?:_w(?P<width>\d+(?:\.\d+)?))?(?P<noskip>_noskip)?(?:_(?P<resolution>\d+))?"
)
EXPECTED = (
    "resnet<depth> (2 to 200), efficientnet_b0 to efficientnet_b5, vit_b_8, vit_b_4, vit_l_8 or vit_l_4; then "
    "_d<blocks> for ViTs and _d<factor> for EfficientNets of another depth, _w<factor> for another width, _noskip for "
    "ResNets without skip connections, and the resolution"
)


@dataclass(frozen=True, slots=True)
class Architecture:
    """A network for small images, without weights."""

    family: str  # "resnet", "efficientnet" or "vit"
    variant: str  # "50", "b0", "b_8"
    width: float = 1.0  # factor of the number of channels
    blocks: int = 0  # of a ViT's encoder; 0 for those of the variant
    depth_factor: float = 1.0  # of the blocks in each stage of an EfficientNet
    skip: bool = True  # whether a ResNet has skip connections
    resolution: int = RESOLUTION  # side of the training images, pixels

    @property
    def short_name(self) -> str:
        """The name without the resolution: ``resnet50_w0.5``."""
        separator = "" if self.family == "resnet" else "_"
        name = f"{self.family}{separator}{self.variant}"
        name += f"_d{self.blocks}" * bool(self.blocks) + f"_d{self.depth_factor:g}" * (self.depth_factor != 1)
        name += f"_w{self.width:g}" * (self.width != 1)
        return name + "_noskip" * (not self.skip)

    @property
    def name(self) -> str:
        """The name of the backbone: ``resnet50_w0.5_64``."""
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
    """Parse the name of an architecture, with or without its resolution.

    Raises:
        lnkit.UsageError: there is no such architecture.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise lnkit.UsageError(f"There is no architecture {name!r}. Expected {EXPECTED}: resnet6, resnet50_w0.5_64.")
    parts = match.groupdict()
    family = "resnet" if parts["depth"] else "efficientnet" if parts["efficientnet"] else "vit"
    depth = float(parts["blocks"] or 0)
    if family != "efficientnet" and depth != int(depth):
        raise lnkit.UsageError(f"{name!r} cannot be built. Expected a whole number of blocks, got {depth:g}.")
    architecture = Architecture(
        family,
        str(int(parts["depth"])) if parts["depth"] else parts["efficientnet"] or parts["vit"],
        width=float(parts["width"] or 1),
        blocks=0 if family == "efficientnet" else int(depth),
        depth_factor=depth if family == "efficientnet" and parts["blocks"] else 1.0,
        skip=parts["noskip"] is None,
        resolution=int(parts["resolution"] or RESOLUTION),
    )
    _refuse_impossible(architecture, name)
    return architecture


def architecture_of(name: str) -> Architecture | None:
    """Return the architecture of a backbone of this plugin (``resnet6_64@step1000``); None for any other name."""
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
        "a depth above 0": architecture.depth_factor <= 0,
        "another depth in the name itself, as in resnet10": family == "resnet" and architecture.blocks != 0,
        "skip connections, which only ResNets can do without": family != "resnet" and not architecture.skip,
        "a resolution of 32 pixels or more": architecture.resolution < RESOLUTION // 2,
        "a resolution that patches divide": family == "vit" and bool(architecture.resolution % int(variant[-1])),
    }
    for expected, is_wrong in wrong.items():
        if is_wrong:
            raise lnkit.UsageError(f"{name!r} cannot be built. Expected {expected}.")


def listed_architectures() -> Iterator[Architecture]:
    """Yield the architectures of Kumar2022, which are registered without being trained."""
    for depth in (2, 3, 4, 5, 6, 10, 14, 18, 26, 34, 50, 101, 152, 200):
        yield Architecture("resnet", str(depth))
    yield from (Architecture("efficientnet", variant) for variant in EFFICIENTNETS)
    yield from (Architecture("vit", variant) for variant in VITS)


def points(architecture: Architecture) -> tuple[lnkit.ExtractionPoint, ...]:
    """Return the extraction points of Kumar2022: after each stage or block, and last, all together, its standard."""
    citation = "Kumar et al. 2022, section 4"
    if architecture.family == "vit":
        nodes = {f"block{i + 1}": f"encoder.layers.encoder_layer_{i}" for i in range(architecture.depth)}
        together, description, layout = "blocks", "class token after encoder block", "CLS"
    else:
        nodes = dict(_stages(architecture))
        together, description, layout = "stages", "output of stage", "NCHW"
    single = [
        lnkit.ExtractionPoint(name, node, f"{description} {number}", citation, layout=layout)  # type: ignore[arg-type]
        for number, (name, node) in enumerate(nodes.items(), start=1)
    ]
    if len(single) > 1:
        joined = "+".join(nodes.values())
        single.append(lnkit.ExtractionPoint(together, joined, f"all {len(nodes)} together", citation, layout=layout))  # type: ignore[arg-type]
    return tuple(single)


def _stages(architecture: Architecture) -> Iterator[tuple[str, str]]:
    if architecture.family == "resnet":
        count = min(max(architecture.depth - 2, 0), STAGES)
        yield from ((f"stage{i}", f"stages.{i - 1}") for i in range(1, count + 1))
        if not count:
            yield "stem", "stem"
        return
    # The last block of torchvision's EfficientNet at each resolution below that of the stem.
    for number, block in enumerate((2, 3, 5, 7), start=1):
        yield f"stage{number}", f"features.{block}"
