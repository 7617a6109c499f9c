"""Networks for small images: against torchvision's, the literature, and what Kumar2022 says about them."""

from __future__ import annotations

import pytest
import torch
from scipy import stats
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


@pytest.mark.parametrize("variant", ["b0", "b1", "b2", "b3", "b4", "b5"])
def test_an_efficientnet_is_torchvisions(variant: str) -> None:
    with torch.device("meta"):
        ours = build(parse(f"efficientnet_{variant}"))
        theirs = getattr(models, f"efficientnet_{variant}")()
    shapes = [{name: tensor.shape for name, tensor in network.state_dict().items()} for network in (ours, theirs)]
    assert shapes[0] == shapes[1]
    assert ours.classifier[0].p == theirs.classifier[0].p
    norms = [module for module in ours.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert {(norm.momentum, norm.eps) for norm in norms} == {(0.1, 1e-3)}  # Kumar2022, Table 3: .9 of the old average


def test_an_efficientnet_of_another_width_or_depth() -> None:
    """Width multiplies channels, to multiples of 8; depth multiplies the layers of each stage (Tan and Le 2019)."""
    stages = ((16, 1), (24, 2), (40, 2), (80, 3), (112, 3), (192, 4), (320, 1))  # Table 1: channels and layers
    with torch.device("meta"):
        half, wide, deep = (build(parse(f"efficientnet_b0_{change}")) for change in ("w0.5", "w2", "d2"))
        shallow = build(parse("efficientnet_b5_d0.1"))
    for factor, network in ((0.5, half), (2, wide)):
        found = [network.features[number][-1].block[-1][0].out_channels for number in range(1, 8)]
        assert all(channels % 8 == 0 for channels in found)
        assert found == pytest.approx([factor * channels for channels, _ in stages], abs=4)
    assert [len(deep.features[number]) for number in range(1, 8)] == [2 * layers for _, layers in stages]
    assert [len(shallow.features[number]) for number in range(1, 8)] == [1] * 7
    assert [shape[-1] for shape in features("efficientnet_b0_d0.1_w0.1")] == [16, 8, 4, 2]


@pytest.mark.parametrize(
    ("name", "full", "factor"),
    [("vit_b_8", 768, 0.06), ("vit_b_8", 768, 0.5), ("vit_l_4", 1024, 0.12), ("vit_b_8", 768, 2)],
)
def test_a_vit_has_the_width_that_its_name_says(name: str, full: int, factor: float) -> None:
    """The best widths of Kumar2022, section 6, are 6 % for ViT-B/8 and 12 % for ViT-L/4."""
    with torch.device("meta"):
        network = build(parse(f"{name}_d1_w{factor}"))
    assert network.hidden_dim == pytest.approx(factor * full, rel=0.02)
    assert network.encoder.layers[0].mlp[0].out_features == pytest.approx(4 * factor * full, rel=0.02)


def test_a_vit_l_has_16_heads() -> None:
    """Table 5 of Kumar2022 has 12, which do not divide its width of 1,024; Dosovitskiy et al. 2021, Table 1, has 16."""
    with torch.device("meta"):
        networks = [build(parse(name)) for name in ("vit_l_4_d1", "vit_b_8_d1")]
    assert [network.encoder.layers[0].self_attention.num_heads for network in networks] == [16, 12]


def test_resnet6_is_that_of_the_tpu_code() -> None:
    """Four stages of one convolution, each with a projection, as resnet_model.py has them for a depth of 6."""
    expected = 7 * 7 * 3 * 64 + 2 * 64 + 512 * 1000 + 1000
    for entering, leaving in ((64, 64), (64, 128), (128, 256), (256, 512)):
        expected += (9 + 1) * entering * leaving + 2 * 2 * leaving
    with torch.device("meta"):
        assert count(build(parse("resnet6"))) == expected


@pytest.mark.parametrize("name", ["resnet6", "resnet18", "resnet50", "resnet52"])
def test_a_block_begins_as_its_skip_connection(name: str) -> None:
    torch.manual_seed(0)
    network = build(parse(f"{name}_w0.25"), 3).eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        found = expected = network.stem(images)
        for stage in network.stages:
            for block in stage:
                found = block(found)
                expected = expected if block.downsample is None else block.downsample(expected)
                expected = expected.relu()
    torch.testing.assert_close(found, expected)
    assert found.abs().max() > 0


def test_a_network_without_skip_connections_begins_with_ones() -> None:
    network = build(parse("resnet50_w0.25_noskip"), 3)
    norms = [module for module in network.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    assert all(bool((norm.weight == 1).all()) for norm in norms)


def test_weights_begin_as_in_the_tpu_code() -> None:
    """Convolutions: variance 1 / fan-in, cut off at two deviations before scaling; the head: a deviation of .01."""
    torch.manual_seed(0)
    network = build(parse("resnet10"), 100)
    convolutions = [module for module in network.modules() if isinstance(module, torch.nn.Conv2d)]
    for convolution in convolutions:
        fan_in = convolution.in_channels * convolution.kernel_size[0] ** 2
        assert convolution.weight.std().item() == pytest.approx(fan_in**-0.5, rel=0.03)
        cut = 2 * fan_in**-0.5 / stats.truncnorm(-2, 2).std()
        assert convolution.weight.abs().max().item() == pytest.approx(cut, rel=0.01)
    assert network.classifier.weight.std().item() == pytest.approx(0.01, rel=0.02)
    assert network.classifier.bias.abs().max() == 0


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
    assert parse("efficientnet_b5_d0.5_w0.25").name == "efficientnet_b5_d0.5_w0.25_64"
    assert parse("efficientnet_b5_d0.5_w0.25").depth_factor == 0.5


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("resnet1", "2 to 200"),
        ("resnet201", "2 to 200"),
        ("resnet", "There is no architecture"),
        ("efficientnet_b6", "b0 to b5"),
        ("efficientnet_b0_d0", "a depth above 0"),
        ("vit_b_8_d2.5", "a whole number of blocks, got 2.5"),
        ("vit_h_8", "vit_b_8"),
        ("vit_b_8_60", "patches divide"),
        ("vit_b_8_noskip", "only ResNets"),
        ("resnet6_d3", "as in resnet10"),
        ("resnet6_w0", "above 0"),
        ("resnet6_8", "32 pixels"),
    ],
)
def test_wrong_names_are_explained(name: str, said: str) -> None:
    with pytest.raises(lnkit.UsageError, match=said):
        parse(name)


def test_points_cite_the_section_that_describes_them() -> None:
    for name in ("resnet6", "efficientnet_b0", "vit_b_8"):
        assert {point.citation for point in points(parse(name))} == {"Kumar et al. 2022, section 4"}


def test_all_are_registered() -> None:
    from lnkit.plugins.load import load_registry

    registry = load_registry(only=["lnkit_earlystop"])
    for architecture in listed_architectures():
        assert set(registry.points_at(architecture.name)) == {point.name for point in points(architecture)}
