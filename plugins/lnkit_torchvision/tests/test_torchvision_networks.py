"""Every torchvision classification network: its facts against torchvision, its features against plain hooks."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

import lnkit
from lnkit.networks.hub import HASH_IN_NAME
from lnkit.networks.inspection import inspect_points
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import LoadedBackbone
from lnkit.plugins.load import default_registry
from lnkit_torchvision import L2_POOLING
from lnkit_torchvision.coco import TRAINED_NETWORKS
from lnkit_torchvision.load import load
from lnkit_torchvision.study import POINTS as STUDY
from lnkit_torchvision.table import NETWORKS, Network
from lnkit_torchvision.weights import WEIGHTS

SIZE = 64  # pixels; every stride divides it
STANDARD = ("early", "semi_early", "mid", "late")
REQUIRES = ("torchvision>=0.21",)
FIRST_OF_FAMILY = {network.family: network.name for network in reversed(NETWORKS)}
EACH = [  # the study's networks and one of each family in every run of the tests, all in test-all
    pytest.param(network, marks=[] if network.name in {*STUDY, *FIRST_OF_FAMILY.values()} else [pytest.mark.exhaustive])
    for network in NETWORKS
]
TAGGED = [(name, tag) for name, tags in WEIGHTS.items() for tag in tags]


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """Small images on many networks: several threads would mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@contextmanager
def without_values() -> Iterator[None]:
    """Build networks whose weights have a shape only; drawing those of all networks would take minutes."""
    register = nn.Module.register_parameter

    def register_on_meta(module: nn.Module, name: str, given: nn.Parameter | None) -> None:
        shape_only = given is not None and given.ndim > 1
        register(module, name, nn.Parameter(given.to("meta")) if shape_only else given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nn.Module, "register_parameter", register_on_meta)
        yield


def give_values(network: nn.Module) -> None:
    """Let all weights look into one small store of random numbers, scaled so that no layer shrinks or blows up much."""
    for module in network.modules():
        for name, given in list(module.named_parameters(recurse=False)):
            if given.is_meta:
                module.register_parameter(name, nn.Parameter(weights_like(given), requires_grad=False))


def weights_like(given: Tensor) -> Tensor:
    """Each row begins 97 numbers after the one before; a matrix is copied, since layout decides how it is rounded."""
    store = noise(given[0].numel().bit_length())
    values = store.as_strided(given.shape, (97, *given[0].contiguous().stride()))
    return values.contiguous() if given.ndim == 2 else values


@cache
def noise(bits: int) -> Tensor:
    return torch.randn(2**21, generator=torch.Generator().manual_seed(bits)) * 2 ** ((1 - bits) / 2)


def smaller(spec: lnkit.BackboneSpec) -> lnkit.BackboneSpec:
    """A transformer built for small images, as torchvision can."""
    patch = int(spec.name[-2:])
    side = SIZE // patch * patch
    return replace(spec, load=lambda _pretrained: load(spec.name, None, side), input_size=(side, side))


@dataclass(frozen=True)
class Prepared:
    network: Network
    spec: lnkit.BackboneSpec
    module: nn.Module  # torchvision's own, with values
    points: tuple[lnkit.ExtractionPoint, ...]
    cut: lnkit.LossNetwork


@pytest.fixture(scope="module", params=EACH, ids=lambda network: network.name)
def prepared(request: pytest.FixtureRequest) -> Prepared:
    network: Network = request.param
    spec = default_registry().backbone(network.name)
    if network.family == "ViT":
        spec = smaller(spec)
    with without_values():
        module = spec.load(False).eval()
    give_values(module)
    points = tuple(point for point in default_registry().points_at(network.name).values() if len(point.nodes) == 1)
    return Prepared(
        network, spec, module, points, make_loss_network(LoadedBackbone(module, "random", "", ""), spec, points)
    )


def test_features_equal_those_of_the_untouched_network(prepared: Prepared) -> None:
    size = 96 if prepared.network.name == "inception_v3" else SIZE  # less does not get through the whole of that one
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = prepared.cut(images)
        expected = hooked(prepared.module, [point.node for point in prepared.points], prepared.cut.normalize(images))
    assert [point.name for point in prepared.points if point.name in STANDARD] == list(STANDARD)
    for point in prepared.points:
        wanted = as_map(expected[point.node], prepared.network.family, point.name)
        assert torch.equal(features[point.name], wanted), point.name
        assert wanted.isfinite().all(), point.name
        assert wanted.std() > 0, point.name


def hooked(module: nn.Module, nodes: list[str], images: Tensor) -> dict[str, Tensor]:
    """What the nodes put out in the network's own forward pass, kept before anything can change it."""
    kept: dict[str, Tensor] = {}

    def keep(node: str) -> None:
        hook = lambda _module, _inputs, output: kept.__setitem__(node, output.clone())  # noqa: E731
        handles.append(module.get_submodule(node).register_forward_hook(hook))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    for node in nodes:
        keep(node)
    module(images)
    for handle in handles:
        handle.remove()
    return kept


def as_map(output: Tensor, family: str, point: str) -> Tensor:
    """Bring an output to (N, C, H, W), by a second way, from what is known of the family."""
    if family in ("Swin", "SwinV2"):
        return output.movedim(-1, 1)
    if family != "ViT":
        return output
    if point == "class_token":
        return output[:, :1].transpose(1, 2).unsqueeze(-1)
    side = math.isqrt(output.shape[1] - 1)  # token 1 + row * side + column stands at (row, column)
    return output[:, 1:].unflatten(1, (side, side)).movedim(-1, 1)


def test_points_by_rule_lie_where_the_rule_says(prepared: Prepared) -> None:
    if prepared.network.name in STUDY:
        pytest.skip("cut as in the study")
    nodes = [point.node for point in prepared.points]
    if prepared.network.family == "ViT":
        depth = len(prepared.module.get_submodule("encoder.layers"))
        ends = [f"encoder.layers.encoder_layer_{depth * quarter // 4 - 1}" for quarter in (1, 2, 3, 4)]
        assert nodes == [*ends, "encoder.ln"]
        return
    size = 224 if prepared.spec.input_size else SIZE
    sides = sides_of_blocks(prepared.module, nodes[0].rpartition(".")[0], prepared.points[0].layout, size)
    working = {side for node, side in sides.items() if list(prepared.module.get_submodule(node).parameters())}
    assert [sides[node] for node in nodes] == sorted(working, reverse=True)[-4:], "the last four resolutions"
    order = list(sides)
    for node in nodes[:3]:
        assert sides[order[order.index(node) + 1]] < sides[node], f"{node} is where its stage ends"
    strides = [2 ** round(math.log2(size / sides[node])) for node in nodes]
    assert [point.description for point in prepared.points] == [f"1/{stride} stage" for stride in strides]


def sides_of_blocks(module: nn.Module, parent: str, layout: str, size: int) -> dict[str, int]:
    """The height of the maps that come out of a module's children, in the order in which they run."""
    prefix = f"{parent}." if parent else ""
    nodes = [prefix + name for name, _ in module.get_submodule(parent).named_children()]
    with torch.no_grad():
        outputs = hooked(module, nodes, torch.zeros(1, 3, size, size))
    return {node: output.shape[1 if layout == "NHWC" else 2] for node, output in outputs.items() if output.ndim == 4}


def test_min_size_is_the_smallest_side_that_reaches_every_point(prepared: Prepared) -> None:
    least = prepared.spec.min_size
    assert all(output.numel() > 0 for output in prepared.cut(torch.zeros(1, 3, least, least)).values())
    if least > 1:
        with pytest.raises(lnkit.ImageError, match="too small"):
            prepared.cut(torch.zeros(1, 3, least - 1, least - 1))


def test_all_of_torchvisions_classification_networks_are_there() -> None:
    registered = [spec.name for spec in default_registry().backbones.values() if spec.requires == REQUIRES]
    trained = [network.name for network in TRAINED_NETWORKS]
    assert sorted(registered) == sorted([*models.list_models(module=models), L2_POOLING, *trained])


@pytest.mark.parametrize("name", WEIGHTS)
def test_a_plain_name_means_the_first_imagenet_weights(name: str) -> None:
    enum = models.get_model_weights(name)
    spec = default_registry().backbone(name)
    assert spec.weights == ("IMAGENET1K_V1" if "IMAGENET1K_V1" in enum.__members__ else enum.DEFAULT.name)
    assert spec.tags == tuple(weights.name for weights in enum)
    same = default_registry().backbone(f"{name}.{spec.weights}")
    assert replace(same, name=name, load=spec.load, with_tag=spec.with_tag) == spec


@pytest.mark.parametrize(("name", "tag"), TAGGED)
def test_weights_are_as_torchvision_states_them(name: str, tag: str) -> None:
    spec = default_registry().backbone(f"{name}.{tag}")
    weights = models.get_model_weights(name)[tag]
    preset = weights.transforms()
    assert (spec.name, spec.weights) == (f"{name}.{tag}", tag)
    assert spec.remote is not None
    assert spec.remote.url == weights.url
    assert spec.remote.size == round(weights.meta["_file_size"] * 2**20)
    accuracy = weights.meta["_metrics"]["ImageNet-1K"]["acc@1"]
    assert spec.imagenet_top1 == (None if math.isnan(accuracy) else accuracy)
    assert HASH_IN_NAME.search(weights.url), "what is fetched can be checked"
    assert (list(spec.mean), list(spec.std)) == (preset.mean, preset.std)
    assert [spec.eval_size] == preset.crop_size
    assert spec.trained_on == f"{'SWAG, ' if 'SWAG' in tag else ''}ImageNet-1k classification"
    if spec.family in ("ViT", "MaxViT"):
        assert spec.input_size == (*preset.crop_size, *preset.crop_size) == weights.meta["min_size"]
        assert spec.interpolation == preset.interpolation.value
    else:
        assert spec.input_size is None


@pytest.mark.parametrize("tag", WEIGHTS["vit_b_16"])
def test_transformers_are_built_for_the_size_of_their_weights(tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = default_registry().backbone(f"vit_b_16.{tag}")
    assert spec.input_size is not None
    with without_values():
        state = models.vit_b_16(image_size=spec.input_size[0]).state_dict()
        weights = models.ViT_B_16_Weights[tag]
        monkeypatch.setattr(type(weights), "get_state_dict", lambda self, **_options: state if self is weights else {})
        pretrained, random = spec.load(True), spec.load(False)
    shapes = {name: value.shape for name, value in state.items()}
    for built in (pretrained, random):
        assert built.image_size == spec.input_size[0]
        assert {name: value.shape for name, value in built.state_dict().items()} == shapes


def test_images_are_resized_for_a_network_of_one_size() -> None:
    from torchvision.transforms.v2 import functional as transforms

    spec = default_registry().backbone("vit_b_32")
    with without_values():
        module = spec.load(False).eval()
    give_values(module)
    point = default_registry().points_at("vit_b_32")["semi_early"]
    images = torch.rand(2, 3, 50, 70, generator=torch.Generator().manual_seed(1))
    resized = transforms.resize(images, [224, 224], transforms.InterpolationMode.BILINEAR, antialias=True)
    with torch.no_grad():
        found = make_loss_network(LoadedBackbone(module, "random", "", ""), spec, [point])(images)["semi_early"]
        wanted = hooked(module, [point.node], transforms.normalize(resized, list(spec.mean), list(spec.std)))
    torch.testing.assert_close(found, as_map(wanted[point.node], "ViT", point.name))
    assert spec.input_rule == "resized to 224x224,bilinear"


@pytest.mark.parametrize("name", FIRST_OF_FAMILY.values(), ids=FIRST_OF_FAMILY)
def test_every_point_can_be_inspected(name: str) -> None:
    points = list(default_registry().points_at(name).values())
    facts = inspect_points(default_registry().backbone(name), points, size=96)
    assert [fact.problem for fact in facts] == [""] * len(points)
    assert [fact.parameters for fact in facts[:4]] == sorted(fact.parameters for fact in facts[:4])
    assert facts[0].macs > 0
