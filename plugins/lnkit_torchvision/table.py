"""torchvision's classification networks: their citations, smallest images and extraction points."""

from __future__ import annotations

from typing import Literal, NamedTuple

from lnkit import ExtractionPoint
from lnkit_torchvision.study import study_points

POINT_NAMES = ("early", "semi_early", "mid", "late")
STAGES = "the last four stages at which the resolution halves"
BLOCKS = "the blocks at a quarter, half, three quarters and all of the depth"
FROM_QUARTER = (4, 8, 16, 32)  # strides of the stages: pixels of the image per position
FROM_HALF = (2, 4, 8, 16)  # if only a pool follows the last stage
WITHOUT_QUARTER = (2, 8, 16, 32)  # if only a pool is at a quarter

Points = tuple[ExtractionPoint, ...]


class Network(NamedTuple):
    """A classification network."""

    name: str  # as in torchvision.models
    family: str
    citation: str
    min_size: int  # pixels; measured smallest side of images from which the late point can be computed
    points: Points

    @property
    def transform_input(self) -> bool:
        """Whether it normalizes its input once more inside ``forward``."""
        return self.family == "Inception"


def stages(nodes: str, strides: tuple[int, ...] = FROM_QUARTER, layout: Literal["NCHW", "NHWC"] = "NCHW") -> Points:
    """Return the points of a hierarchical network: the ends of its last four stages.

    Args:
        nodes: the four nodes, separated by spaces. A pool alone is no stage.
        strides: pixels of the image per position, at each node.
        layout: of the features.
    """
    stage_ends = zip(POINT_NAMES, nodes.split(), strides, strict=True)
    return tuple(ExtractionPoint(name, node, f"1/{stride} stage", STAGES, layout) for name, node, stride in stage_ends)


def blocks(depth: int) -> Points:
    """Return the points of a plain transformer of ``depth`` blocks, whose first token is the class token."""
    ends = [depth * quarter // 4 for quarter in (1, 2, 3, 4)]
    maps = tuple(
        ExtractionPoint(name, f"encoder.layers.encoder_layer_{end - 1}", f"block {end} of {depth}", BLOCKS, "NLC", 1)
        for name, end in zip(POINT_NAMES, ends, strict=True)
    )
    return (*maps, ExtractionPoint("class_token", "encoder.ln", "the class token at the end", BLOCKS, "CLS"))


def _family(family: str, citation: str, min_size: int, points: Points | None, names: str) -> tuple[Network, ...]:
    """Return networks that are alike, named in ``names`` with spaces between; without points, those of Pihlgren2023."""
    return tuple(Network(name, family, citation, min_size, points or study_points(name)) for name in names.split())


_VGG = "Simonyan and Zisserman 2015"
_RESIDUAL = stages("layer1 layer2 layer3 layer4")
_DENSE = stages("features.denseblock1 features.denseblock2 features.denseblock3 features.denseblock4")
_EVEN = "features.1 features.3 features.5 features.7"

NETWORKS = (
    *_family("VGG", _VGG, 16, None, "vgg11 vgg16 vgg16_bn vgg19"),
    *_family("VGG", _VGG, 16, stages("features.6 features.13 features.20 features.27", FROM_HALF), "vgg11_bn"),
    *_family("VGG", _VGG, 16, stages("features.8 features.13 features.18 features.23", FROM_HALF), "vgg13"),
    *_family("VGG", _VGG, 16, stages("features.12 features.19 features.26 features.33", FROM_HALF), "vgg13_bn"),
    *_family("VGG", _VGG, 16, stages("features.12 features.25 features.38 features.51", FROM_HALF), "vgg19_bn"),
    *_family("ResNet", "He et al. 2016", 1, None, "resnet18 resnet50"),
    *_family("ResNet", "He et al. 2016", 1, _RESIDUAL, "resnet34 resnet101 resnet152"),
    *_family("ResNeXt", "Xie et al. 2017", 1, None, "resnext50_32x4d"),
    *_family("ResNeXt", "Xie et al. 2017", 1, _RESIDUAL, "resnext101_32x8d resnext101_64x4d"),
    *_family("Wide ResNet", "Zagoruyko and Komodakis 2016", 1, _RESIDUAL, "wide_resnet50_2 wide_resnet101_2"),
    *_family("Inception", "Szegedy et al. 2015", 15, None, "googlenet"),
    *_family("Inception", "Szegedy et al. 2016", 43, None, "inception_v3"),
    *_family("EfficientNet", "Tan and Le 2019", 1, None, "efficientnet_b0 efficientnet_b7"),
    *_family(
        "EfficientNet",
        "Tan and Le 2019",
        1,
        stages("features.2 features.3 features.5 features.7"),
        "efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6",
    ),
    *_family(
        "EfficientNet", "Tan and Le 2021", 1, stages("features.2 features.3 features.5 features.6"), "efficientnet_v2_s"
    ),
    *_family(
        "EfficientNet",
        "Tan and Le 2021",
        1,
        stages("features.2 features.3 features.5 features.7"),
        "efficientnet_v2_m efficientnet_v2_l",
    ),
    *_family("AlexNet", "Krizhevsky 2014", 31, None, "alexnet"),
    *_family("DenseNet", "Huang et al. 2017", 29, None, "densenet121"),
    *_family("DenseNet", "Huang et al. 2017", 29, _DENSE, "densenet161 densenet169 densenet201"),
    *_family("SqueezeNet", "Iandola et al. 2016", 17, None, "squeezenet1_1"),
    *_family(
        "SqueezeNet",
        "Iandola et al. 2016",
        21,
        stages("features.1 features.5 features.10 features.12", FROM_HALF),
        "squeezenet1_0",
    ),
    *_family(
        "MobileNet",
        "Sandler et al. 2018",
        1,
        stages("features.3 features.6 features.13 features.17"),
        "mobilenet_v2",
    ),
    *_family(
        "MobileNet",
        "Howard et al. 2019",
        1,
        stages("features.3 features.6 features.12 features.15"),
        "mobilenet_v3_large",
    ),
    *_family(
        "MobileNet",
        "Howard et al. 2019",
        1,
        stages("features.1 features.3 features.8 features.11"),
        "mobilenet_v3_small",
    ),
    *_family(
        "MNASNet",
        "Tan et al. 2019",
        1,
        stages("layers.8 layers.9 layers.11 layers.13"),
        "mnasnet0_5 mnasnet0_75 mnasnet1_0 mnasnet1_3",
    ),
    *_family(
        "ShuffleNet",
        "Ma et al. 2018",
        1,
        stages("conv1 stage2 stage3 stage4", WITHOUT_QUARTER),
        "shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5 shufflenet_v2_x2_0",
    ),
    *_family(
        "RegNet",
        "Radosavovic et al. 2020",
        1,
        stages("trunk_output.block1 trunk_output.block2 trunk_output.block3 trunk_output.block4"),
        "regnet_x_400mf regnet_x_800mf regnet_x_1_6gf regnet_x_3_2gf regnet_x_8gf regnet_x_16gf regnet_x_32gf "
        "regnet_y_400mf regnet_y_800mf regnet_y_1_6gf regnet_y_3_2gf regnet_y_8gf regnet_y_16gf regnet_y_32gf "
        "regnet_y_128gf",
    ),
    *_family(
        "ConvNeXt", "Liu et al. 2022", 32, stages(_EVEN), "convnext_tiny convnext_small convnext_base convnext_large"
    ),
    *_family("Swin", "Liu et al. 2021", 4, stages(_EVEN, layout="NHWC"), "swin_t swin_s swin_b"),
    *_family("SwinV2", "Liu et al. 2022", 4, stages(_EVEN, layout="NHWC"), "swin_v2_t swin_v2_s swin_v2_b"),
    *_family("MaxViT", "Tu et al. 2022", 1, stages("blocks.0 blocks.1 blocks.2 blocks.3"), "maxvit_t"),
    *_family("ViT", "Dosovitskiy et al. 2021", 1, blocks(12), "vit_b_16 vit_b_32"),
    *_family("ViT", "Dosovitskiy et al. 2021", 1, blocks(24), "vit_l_16 vit_l_32"),
    *_family("ViT", "Dosovitskiy et al. 2021", 1, blocks(32), "vit_h_14"),
)
