"""Loss networks against forward hooks on the unmodified backbone, and their guarantees."""

from __future__ import annotations

import copy
import types
from typing import Any

import numpy as np
import pytest
import torch
import torchvision
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import get_model

from lnkit import ExtractionPoint, ImageError, LossNetwork, UnknownNameError, UsageError
from lnkit.networks.feature_map import as_map
from lnkit.networks.hook_extractor import HookExtractor

NETWORKS = {
    "squeezenet1_1": ("features.0", "features.1", "features.7", "features.12"),
    "alexnet": ("features.1", "features.11"),
    "vgg11": ("features.0", "features.1", "features.19"),
    "resnet18": ("conv1", "bn1", "relu", "layer1.0.bn2", "layer4"),
    "densenet121": ("features.conv0", "features.norm0", "features.relu0", "features.denseblock2"),
    "googlenet": ("conv1", "inception3a", "inception4a.branch2"),
    "inception_v3": ("Conv2d_2b_3x3", "Mixed_5b", "Mixed_6e"),
    "efficientnet_b0": ("features.0.1", "features.1.0.block", "features.4", "features.7"),
    "mobilenet_v3_small": ("features.0.1", "features.4", "features.11"),
}


def build(name: str) -> nn.Module:
    torch.manual_seed(0)
    options = {"transform_input": True, "init_weights": False} if name in ("googlenet", "inception_v3") else {}
    return get_model(name, weights=None, **options).eval()


def cut(backbone: nn.Module, *nodes: str) -> LossNetwork:
    return LossNetwork(backbone, [ExtractionPoint(node, node) for node in nodes])


def hooked(backbone: nn.Module, nodes: tuple[str, ...], images: Tensor) -> dict[str, Tensor]:
    """Run the whole backbone and copy the output of each node right after it has run."""
    outputs: dict[str, Tensor] = {}
    for node in nodes:
        backbone.get_submodule(node).register_forward_hook(
            lambda _module, _inputs, output, node=node: outputs.update({node: output.clone()})
        )
    mean, std = (torch.tensor(v).reshape(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    with torch.no_grad():
        backbone((images - mean) / std)
    return outputs


@pytest.mark.parametrize("name", NETWORKS)
def test_features_are_those_of_the_unmodified_backbone(name: str) -> None:
    backbone, nodes, images = build(name), NETWORKS[name], torch.rand(2, 3, 96, 80)
    before = images.clone()
    network = cut(backbone, *nodes)
    assert isinstance(network.backbone, torch.fx.GraphModule)
    with torch.no_grad():
        features = network(images)
    for node, expected in hooked(backbone, nodes, images).items():
        assert torch.equal(features[node], expected), node
    assert torch.equal(images, before)


def test_transform_input_is_honored_and_can_be_switched_off() -> None:
    backbone, images = build("googlenet"), torch.rand(1, 3, 64, 64)
    on = cut(backbone, "conv1")(images)["conv1"]
    backbone.transform_input = False
    off = cut(backbone, "conv1")(images)["conv1"]
    assert not torch.allclose(on, off)
    assert torch.equal(off, hooked(backbone, ("conv1",), images)["conv1"])


class Writer(nn.Module):
    """Changes its features in place in all the ways that real networks do."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c, self.d, self.e, self.f = (nn.Conv2d(3, 3, 1) for _ in range(6))
        self.same = nn.Identity()
        self.drop = nn.Dropout()
        self.end = nn.Conv2d(3, 3, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.a(x)
        functional.relu(x, inplace=True)
        x = self.b(x)
        y = x.view(-1)
        y.mul_(2)  # through a view
        x = self.c(x)
        x += 1
        x = self.same(self.d(x))
        x.add_(1)
        x = self.drop(self.e(x))
        x[:, 0].fill_(5)
        x = functional.leaky_relu(self.f(x), 0.1, True)
        return self.end(x)


class Opaque(Writer):
    """Cannot be traced, since its forward pass depends on values."""

    def forward(self, x: Tensor) -> Tensor:
        if x.sum() > 1e9:
            return x
        return super().forward(x)


@pytest.mark.parametrize("kind", [Writer, Opaque])
def test_features_survive_whatever_is_done_to_them_in_place(kind: type[Writer]) -> None:
    torch.manual_seed(0)
    backbone, images, nodes = (
        kind().eval(),
        torch.rand(2, 3, 5, 5),
        ("a", "b", "c", "d", "same", "e", "drop", "f", "end"),
    )
    network = cut(backbone, *nodes)
    assert isinstance(network.backbone, HookExtractor) == (kind is Opaque)
    features = network(images)
    for node, expected in hooked(backbone, nodes, images).items():
        assert torch.equal(features[node], expected), node


def test_features_of_operations_can_be_taken() -> None:
    backbone, images = build("resnet18"), torch.rand(1, 3, 64, 64)
    features = cut(backbone, "layer4.1.add", "layer4.1", "layer4")(images)
    assert torch.equal(features["layer4.1.add"].relu(), features["layer4"])
    assert torch.equal(features["layer4.1"], features["layer4"])  # both end in the same operation


def test_two_points_may_share_a_node() -> None:
    points = [ExtractionPoint("one", "conv1"), ExtractionPoint("other", "conv1")]
    features = LossNetwork(build("resnet18"), points)(torch.rand(1, 3, 32, 32))
    assert torch.equal(features["one"], features["other"])


@pytest.mark.parametrize("kind", ["traced", "hooked"])
def test_nothing_past_the_deepest_point_is_kept(kind: str) -> None:
    backbone: nn.Module = build("resnet18")
    if kind == "hooked":
        backbone.forward = types.MethodType(opaque_forward, backbone)  # type: ignore[method-assign]
    network = cut(backbone, "relu", "layer2")
    kept = sum(parameter.numel() for parameter in network.parameters())
    expected = sum(
        p.numel() for part in ("conv1", "bn1", "layer1", "layer2") for p in getattr(backbone, part).parameters()
    )
    assert kept == expected


def opaque_forward(self: Any, images: Tensor) -> Any:
    if images.sum() > 1e12:  # a tracer cannot pass here
        return images
    x = self.maxpool(self.relu(self.bn1(self.conv1(images))))
    return self.fc(self.layer4(self.layer3(self.layer2(self.layer1(x)))).mean((2, 3)))


def test_the_backbone_given_is_left_alone_and_the_copy_is_frozen() -> None:
    backbone = build("resnet18").train()
    state = copy.deepcopy(backbone.state_dict())
    network = cut(backbone, "layer1")
    network(torch.rand(2, 3, 64, 64))
    assert all(module.training for module in backbone.modules())
    assert all(parameter.requires_grad for parameter in backbone.parameters())
    assert all(torch.equal(value, state[key]) for key, value in backbone.state_dict().items())
    assert not any(parameter.requires_grad for parameter in network.parameters())
    assert not {p.data_ptr() for p in network.parameters()} & {p.data_ptr() for p in backbone.parameters()}


def test_it_never_trains_whatever_its_parent_does() -> None:
    network = cut(build("resnet18"), "layer1")
    parent = nn.Sequential(network).train()
    assert parent.training
    assert not any(module.training for module in network.modules())


def test_points_are_needed_and_names_differ() -> None:
    with pytest.raises(UsageError, match="got none"):
        LossNetwork(build("alexnet"), [])
    with pytest.raises(UsageError, match="late, late"):
        LossNetwork(build("alexnet"), [ExtractionPoint("late", "features.1"), ExtractionPoint("late", "features.4")])


def test_unknown_node_is_refused_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"'layer5'.*layer4"):
        cut(build("resnet18"), "layer5")
    with pytest.raises(UnknownNameError, match=r"'features\.99'"):
        cut(build("alexnet"), "features.99")


def test_node_that_never_runs_is_refused() -> None:
    backbone = torchvision.models.vit_b_16(weights=None)
    with pytest.raises(UsageError, match="never runs"):
        cut(backbone, "encoder.layers.encoder_layer_0.self_attention.out_proj")(torch.rand(1, 3, 224, 224))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (torch.rand(1, 3, 64, 64) * 255, r"\[0, 1\], got \[.*25"),
        (torch.rand(1, 3, 64, 64) * 2 - 1, r"got \[-0\.99"),
        (torch.full((1, 3, 64, 64), float("nan")), "nan"),
        (torch.zeros(1, 3, 64, 64, dtype=torch.uint8), "torch.uint8"),
        (torch.zeros(1, 1, 64, 64), r"\(1, 1, 64, 64\)"),
        (torch.zeros(3, 64, 64), r"\(3, 64, 64\)"),
    ],
)
def test_other_images_are_refused(images: Tensor, message: str) -> None:
    with pytest.raises(ImageError, match=message):
        cut(build("alexnet"), "features.1")(images)


def test_images_too_small_for_a_point_are_refused_by_its_name() -> None:
    network = cut(build("inception_v3"), "Conv2d_2b_3x3", "Mixed_6e")
    with pytest.raises(ImageError, match=r"32 x 30 pixels.*point 'Mixed_6e'"):
        network(torch.rand(1, 3, 30, 32))


@pytest.mark.parametrize(
    ("point", "shape", "expected"),
    [
        (ExtractionPoint("p", "n", layout="NHWC"), (2, 4, 6, 5), (2, 5, 4, 6)),
        (ExtractionPoint("p", "n", layout="NLC", prefix_tokens=1), (2, 17, 5), (2, 5, 4, 4)),
        (ExtractionPoint("p", "n", layout="NLC"), (2, 32, 5), (2, 5, 4, 8)),
        (ExtractionPoint("p", "n", layout="NC"), (2, 5), (2, 5, 1, 1)),
    ],
)
def test_layouts_become_maps(point: ExtractionPoint, shape: tuple[int, ...], expected: tuple[int, ...]) -> None:
    size = (64, 64 * expected[3] // expected[2])
    output = torch.arange(torch.tensor(shape).prod().item()).reshape(shape)
    found = as_map(output, point, size)
    assert found.shape == expected
    tokens = found.flatten(2).transpose(1, 2).reshape(2, -1)  # back to rows of positions
    assert torch.equal(tokens, output.reshape(2, -1, 5)[:, point.prefix_tokens :].reshape(2, -1))


def test_layout_that_does_not_fit_is_refused() -> None:
    with pytest.raises(UsageError, match=r"\(2, 17, 5\).*NCHW"):
        as_map(torch.zeros(2, 17, 5), ExtractionPoint("late", "blocks.3"), (64, 64))


def test_it_compiles_whole() -> None:
    network = cut(build("squeezenet1_1"), "features.1", "features.7")
    images = torch.rand(2, 3, 64, 64)
    compiled = torch.compile(network, fullgraph=True, backend="eager")
    for node, features in compiled(images).items():
        torch.testing.assert_close(features, network(images)[node])


# sizes that a backbone asks for, and class tokens


class Tokens(nn.Module):
    """Patches of 4 x 4 pixels as tokens after a class token, as in plain transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, 5, 4, stride=4)
        self.block = nn.Linear(5, 5)

    def forward(self, x: Tensor) -> Tensor:
        patches = self.patch(x).flatten(2).transpose(1, 2)
        token: Tensor = self.block(torch.cat([patches.mean(1, keepdim=True), patches], dim=1))
        return token


def test_a_class_token_is_a_map_of_one_position() -> None:
    backbone = Tokens()
    points = [
        ExtractionPoint("map", "block", layout="NLC", prefix_tokens=1),
        ExtractionPoint("cls", "block", layout="CLS"),
    ]
    network = LossNetwork(backbone, points, mean=(0.0,) * 3, std=(1.0,) * 3)
    images = torch.rand(2, 3, 8, 12)
    with torch.no_grad():
        features, tokens = network(images), backbone(images)
    assert features["map"].shape == (2, 5, 2, 3)
    assert torch.equal(features["map"][:, :, 1, 2], tokens[:, -1])
    assert torch.equal(features["cls"], tokens[:, 0].reshape(2, 5, 1, 1))


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_images_are_resized_as_pillow_does(interpolation: str) -> None:
    """Of a photograph halved and doubled; PIL rounds to 8 bits between its two passes, and bicubic overshoots."""
    from PIL import Image
    from skimage import data

    photograph = data.astronaut()[:128, :160]
    images = torch.from_numpy(photograph.copy()).permute(2, 0, 1)[None] / 255
    for size in ((64, 80), (256, 320)):
        network = LossNetwork(
            nn.Sequential(nn.Identity()),
            [ExtractionPoint("image", "0")],
            mean=(0.0,) * 3,
            std=(1.0,) * 3,
            input_size=size,
            interpolation=interpolation,  # type: ignore[arg-type]  # parametrized
        )
        resized = network(images)["image"][0].permute(1, 2, 0).clamp(0, 1) * 255
        expected = Image.fromarray(photograph).resize(size[::-1], Image.Resampling[interpolation.upper()])
        assert (resized - torch.from_numpy(np.asarray(expected).copy())).abs().max() < 1.6


def test_images_of_the_right_size_are_not_resampled() -> None:
    network = LossNetwork(nn.Sequential(nn.Identity()), [ExtractionPoint("image", "0")], input_size=(8, 8))
    free = LossNetwork(nn.Sequential(nn.Identity()), [ExtractionPoint("image", "0")])
    images = torch.rand(1, 3, 8, 8)
    assert torch.equal(network(images)["image"], free(images)["image"])


class InLists(nn.Module):
    """Stores its blocks in nested lists, and cannot be traced."""

    def __init__(self) -> None:
        super().__init__()
        self.stages = nn.ModuleList([nn.ModuleList([nn.Conv2d(3, 3, 1), nn.Conv2d(3, 3, 1)]) for _ in range(3)])
        self.head = nn.Linear(3, 10)

    def forward(self, images: Tensor) -> Tensor:
        if images.sum() > 1e12:  # a tracer cannot pass here
            return images
        for stage in self.stages:
            for block in stage:
                images = block(images)
        return self.head(images.mean((2, 3)))


def test_blocks_in_lists_are_kept_as_far_as_they_run() -> None:
    backbone = InLists().eval()
    network = cut(backbone, "stages.1.0")
    kept = {name.removeprefix("backbone.backbone.") for name, _ in network.named_parameters()}
    assert kept == {f"stages.{block}.{kind}" for block in ("0.0", "0.1", "1.0") for kind in ("weight", "bias")}
    images = torch.rand(2, 3, 8, 8)
    expected = hooked(backbone, ("stages.1.0",), images)["stages.1.0"]
    assert torch.equal(network(images)["stages.1.0"], expected)
