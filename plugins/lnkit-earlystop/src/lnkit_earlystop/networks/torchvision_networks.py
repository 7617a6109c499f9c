"""EfficientNets and vision transformers of torchvision for small images."""

from __future__ import annotations

from typing import Any

from torch import nn
from torchvision import models
from torchvision.models.vision_transformer import VisionTransformer

from lnkit_earlystop.networks.architecture import Architecture

# Width, MLP width and heads: Kumar2022, appendix, for ViT-B/8 and ViT-L/4; the 16 heads are those of Dosovitskiy et al.
# 2021, Table 1.
WIDTHS = {"b": (768, 3072, 12), "l": (1024, 4096, 16)}
VIT_DROPOUT = 0.1  # Kumar2022, appendix
HEAD_CHANNELS = 64  # of each head, in both sizes


def efficientnet(architecture: Architecture, classes: int, dropout: float | None = None) -> nn.Module:
    """Build torchvision's EfficientNet; None for the dropout of Tan and Le 2019."""
    options: dict[str, Any] = {} if dropout is None else {"dropout": dropout}
    network: nn.Module = getattr(models, f"efficientnet_{architecture.variant}")(num_classes=classes, **options)
    return network


def vit(architecture: Architecture, classes: int, dropout: float | None = None) -> nn.Module:
    """Build torchvision's vision transformer; other widths change the number of heads, not their size."""
    size, _, patch = architecture.variant.partition("_")
    width, hidden, heads = WIDTHS[size]
    heads = max(round(heads * architecture.width), 1)
    network: nn.Module = VisionTransformer(
        image_size=architecture.resolution,
        patch_size=int(patch),
        num_layers=architecture.depth,
        num_heads=heads,
        hidden_dim=heads * HEAD_CHANNELS,
        mlp_dim=heads * HEAD_CHANNELS * hidden // width,
        dropout=VIT_DROPOUT if dropout is None else dropout,
        num_classes=classes,
    )
    return network
