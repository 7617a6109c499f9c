"""The usual names of VGG's layers, against the modules that torchvision builds."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import get_model

import lnkit
from lnkit.plugins.load import default_registry
from lnkit_torchvision.layer_names import CONVOLUTIONS, layer_names

KINDS = {"conv": nn.Conv2d, "bn": nn.BatchNorm2d, "relu": nn.ReLU, "pool": nn.MaxPool2d}


@pytest.mark.parametrize("name", [f"{net}{norm}" for net in CONVOLUTIONS for norm in ("", "_bn")])
def test_that_a_name_is_the_layer_that_it_says(name: str) -> None:
    """Blocks end at pools, and the k-th convolution of a block is the k-th: counted in torchvision's own network."""
    with torch.device("meta"):
        features = get_model(name, init_weights=False).features
    block, convolution, expected = 1, 0, {}
    for index, module in enumerate(features):
        kind = next(kind for kind, cls in KINDS.items() if isinstance(module, cls))
        if kind == "pool":
            expected[f"pool{block}"] = f"features.{index}"
            block, convolution = block + 1, 0
            continue
        convolution += kind == "conv"
        expected[f"{kind}{block}_{convolution}"] = f"features.{index}"
    assert dict(layer_names(name)) == expected


def test_that_the_layers_of_lpips_are_the_last_relus_of_the_blocks() -> None:
    """Zhang2018's implementation takes indices 3, 8, 15, 22, 29 of VGG-16."""
    names = layer_names("vgg16")
    taps = [names[name] for name in ("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3")]
    assert taps == [f"features.{index}" for index in (3, 8, 15, 22, 29)]


def test_that_a_layer_can_be_named_as_a_point() -> None:
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    named = lnkit.load_loss_network("vgg11", "relu2_1+pool3", weights="random")(image)
    nodes = lnkit.load_loss_network("vgg11", "features.4+features.10", weights="random")(image)
    assert list(named) == ["relu2_1", "pool3"]
    assert all(torch.equal(a, b) for a, b in zip(named.values(), nodes.values(), strict=True))


def test_that_a_layer_that_vgg_lacks_is_refused_with_near_names() -> None:
    with pytest.raises(lnkit.UnknownNameError, match="conv3_2"):
        default_registry().resolve_points("vgg11", "conv3_5")


def test_that_other_networks_have_no_layer_names() -> None:
    assert layer_names("resnet18") == {}
