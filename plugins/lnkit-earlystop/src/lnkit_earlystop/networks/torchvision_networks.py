"""EfficientNets and vision transformers of torchvision for small images."""

from __future__ import annotations

from functools import partial

from torch import nn
from torchvision.models.efficientnet import EfficientNet, MBConvConfig
from torchvision.models.vision_transformer import VisionTransformer

from lnkit_earlystop.networks.architecture import Architecture

# Stages of EfficientNet-B0: expansion, kernel, stride, entering and leaving channels, layers; Tan and Le 2019, Table 1.
STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)
# Width, depth and dropout of each variant; TPU code, models/official/efficientnet/efficientnet_builder.py.
SCALES = {
    "b0": (1.0, 1.0, 0.2),
    "b1": (1.0, 1.1, 0.2),
    "b2": (1.1, 1.2, 0.3),
    "b3": (1.2, 1.4, 0.3),
    "b4": (1.4, 1.8, 0.4),
    "b5": (1.6, 2.2, 0.4),
}
NORM_MOMENTUM = 0.1  # PyTorch's counterpart of TensorFlow's .9; Kumar2022, Table 3, for every variant
NORM_EPSILON = 1e-3  # TPU code, efficientnet_builder.py

# Width, MLP width and heads: Kumar2022, Table 4, for ViT-B/8. For ViT-L/4 its Table 5 has 12 heads, which do not divide
# its width of 1,024; the 16 heads are those of Dosovitskiy et al. 2021, Table 1.
WIDTHS = {"b": (768, 3072, 12), "l": (1024, 4096, 16)}
VIT_DROPOUT = 0.1  # Kumar2022, Tables 4 and 5


def efficientnet(architecture: Architecture, classes: int, dropout: float | None = None) -> nn.Module:
    """Build torchvision's EfficientNet; None for the dropout of the variant.

    Another width or depth (Kumar2022, App. I) multiplies the factor of the variant; every stage keeps a block.
    """
    width, depth, variant_dropout = SCALES[architecture.variant]
    width, depth = width * architecture.width, depth * architecture.depth_factor
    network: nn.Module = EfficientNet(
        [MBConvConfig(*stage, width_mult=width, depth_mult=depth) for stage in STAGES],
        dropout=variant_dropout if dropout is None else dropout,
        num_classes=classes,
        norm_layer=partial(nn.BatchNorm2d, eps=NORM_EPSILON, momentum=NORM_MOMENTUM),
    )
    return network


def vit(architecture: Architecture, classes: int, dropout: float | None = None) -> nn.Module:
    """Build torchvision's vision transformer.

    Other widths change the number of heads, whose size stays about the same; Kumar2022 does not say how it narrows.
    """
    size, _, patch = architecture.variant.partition("_")
    full_width, hidden, full_heads = WIDTHS[size]
    heads = max(round(full_heads * architecture.width), 1)
    width = heads * max(round(full_width * architecture.width / heads), 1)
    network: nn.Module = VisionTransformer(
        image_size=architecture.resolution,
        patch_size=int(patch),
        num_layers=architecture.depth,
        num_heads=heads,
        hidden_dim=width,
        mlp_dim=width * hidden // full_width,
        dropout=VIT_DROPOUT if dropout is None else dropout,
        num_classes=classes,
    )
    return network
