"""Networks for small images: against torchvision's, the literature, and what Kumar2022 says about them."""

from __future__ import annotations

import pytest
import torch
from torchvision import models

import lnkit
from lnkit_earlystop.networks import build
from lnkit_earlystop.networks.architecture import Architecture, listed_architectures, parse, points
from lnkit_earlystop.networks.resnet import block_sizes

PARAMETERS = {"18": 11_689_512, "34": 21_797_672, "50": 25_557_032, "101": 44_549_160, "152": 60_192_808}  # torchvision


def count(network: torch.nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def features(name: str, side: int = 64) -> list[torch.Size]:
    architecture = parse(name)
    network = build(architecture, 10).eval()
    shapes = []
    for node in points(architecture)[-1].nodes:
        network.get_submodule(node).register_forward_hook(lambda *args: shapes.append(args[2].shape))
    with torch.no_grad():
        assert network(torch.rand(2, 3, side, side)).shape == (2, 10)
    return shapes


@pytest.mark.parametrize("depth", range(2, 201))
def test_every_depth_has_as_many_layers(depth: int) -> None:
    stages = block_sizes(depth)
    assert 2 + sum(map(sum, stages)) == depth
    assert len(stages) == min(depth - 2, 4)


@pytest.mark.parametrize(("depth", "parameters"), PARAMETERS.items())
def test_known_depths_are_those_of_the_literature(depth: str, parameters: int) -> None:
    with torch.device("meta"):
        assert count(build(Architecture("resnet", depth))) == parameters


def test_a_resnet_computes_what_torchvisions_does() -> None:
    theirs, ours = models.resnet18(num_classes=7).eval(), build(Architecture("resnet", "18"), 7).eval()
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.rand(2, 3, 64, 64)
    torch.testing.assert_close(ours(images), theirs(images))


@pytest.mark.parametrize("name", ["resnet6", "resnet10", "resnet50", "resnet18_noskip", "efficientnet_b0"])
def test_stages_have_the_resolutions_of_k(name: str) -> None:
    assert [shape[-1] for shape in features(name)] == [16, 8, 4, 2]


def test_depths_without_four_stages() -> None:
    assert [shape[-1] for shape in features("resnet4")] == [16, 8]
    assert [shape[-1] for shape in features("resnet2")] == [16]  # the stem


def test_every_encoder_block_of_a_vit_is_a_point() -> None:
    assert features("vit_b_8_d3") == [(2, 65, 768)] * 3  # a class token and 8 x 8 patches
    found = points(parse("vit_l_4"))
    assert [point.name for point in found] == [*(f"block{i}" for i in range(1, 25)), "blocks"]
    assert {point.layout for point in found} == {"CLS"}


def test_a_vit_has_the_width_of_k() -> None:
    with torch.device("meta"):
        base = build(parse("vit_b_8"))
        torchvisions = models.VisionTransformer(64, 8, 12, 12, 768, 3072)
    assert count(base) == count(torchvisions)


@pytest.mark.parametrize(("width", "expected"), [("0.5", 0.25), ("2", 4.0)])
def test_width_squares_the_parameters(width: str, expected: float) -> None:
    with torch.device("meta"):
        plain, wide = (count(build(parse(name), 2)) for name in ("resnet18", f"resnet18_w{width}"))
    assert wide / plain == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("name", ["resnet6", "resnet10", "resnet50", "resnet11", "resnet52"])
def test_without_skip_connections_nothing_goes_around(name: str) -> None:
    """Where convolutions give zeros, a skip connection would still carry features on."""
    network = build(parse(f"{name}_noskip"), 3).eval()
    for part in network.stages.modules():
        if isinstance(part, torch.nn.Conv2d):
            torch.nn.init.zeros_(part.weight)
    with torch.no_grad():
        assert network.stages(network.stem(torch.rand(1, 3, 64, 64))).abs().max() == 0
    kept = build(parse(name), 3).eval()
    with torch.no_grad():
        assert kept.stages(kept.stem(torch.rand(1, 3, 64, 64))).abs().max() > 0


def test_names_say_everything() -> None:
    for architecture in (*listed_architectures(), Architecture("resnet", "50", width=0.5, skip=False, resolution=32)):
        assert parse(architecture.name) == architecture
    assert parse("resnet50_w0.5_noskip_32").name == "resnet50_w0.5_noskip_32"
    assert parse("vit_b_8_d6_w2").name == "vit_b_8_d6_w2_64"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet1", "2 to 200"),
        ("resnet201", "2 to 200"),
        ("resnet", "There is no architecture"),
        ("efficientnet_b6", "b0 to b5"),
        ("efficientnet_b0_w2", "compound scaling"),
        ("vit_h_8", "vit_b_8"),
        ("vit_b_8_60", "patches divide"),
        ("vit_b_8_noskip", "only ResNets"),
        ("resnet6_d3", "ViTs only"),
        ("resnet6_w0", "above 0"),
        ("resnet6_8", "32 pixels"),
    ],
)
def test_wrong_names_are_explained(name: str, said: str) -> None:
    with pytest.raises(lnkit.UsageError, match=said):
        parse(name)


def test_all_are_registered() -> None:
    from lnkit.plugins.load import load_registry

    registry = load_registry(only=["lnkit_earlystop"])
    for architecture in listed_architectures():
        assert set(registry.points_at(architecture.name)) == {point.name for point in points(architecture)}
