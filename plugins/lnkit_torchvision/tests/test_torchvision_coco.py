"""The trunks of torchvision's segmentation and detection networks: facts, and features, against torchvision's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torchvision import models

import lnkit
from lnkit.cli import run
from lnkit.networks.inspection import inspect_points
from lnkit.networks.load import make_loss_network
from lnkit.networks.weights import LoadedBackbone, build_backbone
from lnkit.plugins.load import default_registry
from lnkit_torchvision.coco import TRAINED_NETWORKS, TrainedNetwork
from lnkit_torchvision.table import NETWORKS
from lnkit_torchvision.trunks import load_trunk

SIZE = 96  # pixels; every stride divides it
SSD_SIZE = 288  # SSD300 takes no image that is much smaller
STANDARD = ("early", "semi_early", "mid", "late")
BRIEF = {  # one of most kinds of trunk in every run of the tests, all in test-all
    "fcn_resnet50",
    "lraspp_mobilenet_v3_large",
    "fasterrcnn_resnet50_fpn",
    "ssdlite320_mobilenet_v3_large",
}
EACH = [
    pytest.param(network, marks=[] if network.name in BRIEF else [pytest.mark.exhaustive], id=network.name)
    for network in TRAINED_NETWORKS
]
KINDS = [*sorted(BRIEF), pytest.param("ssd300_vgg16", marks=pytest.mark.exhaustive)]  # its weights take long to draw
TAGGED = [(network.name, tag) for network in TRAINED_NETWORKS for tag in network.weights]


def whole_network(name: str, tag: str, monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """Torchvision's own network as it builds it for pretrained weights, with drawn ones in their place."""
    torch.manual_seed(0)
    auxiliary = {"aux_loss": True} if name.startswith(("fcn_", "deeplab")) else {}
    state = models.get_model(name, weights=None, weights_backbone=None, **auxiliary).state_dict()
    for key, values in state.items():  # as if learned: a frozen batch norm that forgot them would show
        if key.endswith(("running_mean", "running_var")):
            values.add_(torch.rand_like(values) * 0.1)
    weights = models.get_model_weights(name)[tag]
    monkeypatch.setattr(type(weights), "get_state_dict", lambda self, *_arguments, **_options: state)
    return models.get_model(name, weights=tag).eval()


def hooked(network: nn.Module, nodes: list[str], images: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """What the nodes of the trunk put out while the whole network runs, and the images that reached the trunk."""
    trunk = network.backbone
    kept: dict[str, Tensor] = {}
    inputs: list[Tensor] = []
    handles = [trunk.register_forward_pre_hook(lambda _module, given: inputs.append(given[0].clone()))]
    for node in nodes:
        hook = lambda _module, _inputs, output, node=node: kept.__setitem__(node, output.clone())  # noqa: E731
        handles.append(trunk.get_submodule(node).register_forward_hook(hook))
    if hasattr(network, "transform"):  # detection: normalizes by itself, and would enlarge the images
        transform, size = network.transform, images.shape[-1]
        transform.min_size, transform.max_size, transform.fixed_size = (size,), size, None
        network(list(images))
    else:
        spec = default_registry().backbone("resnet50")
        network((images - torch.tensor(spec.mean).view(1, 3, 1, 1)) / torch.tensor(spec.std).view(1, 3, 1, 1))
    for handle in handles:
        handle.remove()
    return kept, inputs[0]


@pytest.mark.parametrize("network", EACH)
def test_features_equal_those_of_the_whole_network(network: TrainedNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bit by bit, with the normalization that the network itself applies; weights are those of a file of it."""
    spec = default_registry().backbone(network.name)
    points = list(default_registry().points_at(network.name).values())
    whole = whole_network(network.name, spec.weights, monkeypatch)
    trunk = spec.load(False)
    trunk.load_state_dict(whole.backbone.state_dict())
    cut = make_loss_network(LoadedBackbone(trunk.eval(), "random", "", ""), spec, points)
    size = SSD_SIZE if network.name == "ssd300_vgg16" else SIZE
    images = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        features = cut(images)
        expected, reached = hooked(whole, [point.node for point in points], images)
        assert torch.equal(cut.normalize(images), reached)
    assert tuple(features) == STANDARD
    for point in points:
        assert torch.equal(features[point.name], expected[point.node]), point.name
        assert features[point.name].std() > 0, point.name


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("fasterrcnn_resnet50_fpn", "COCO_V1"),
        ("keypointrcnn_resnet50_fpn", "COCO_LEGACY"),
        ("ssdlite320_mobilenet_v3_large", "COCO_V1"),
    ],
)
def test_random_and_pretrained_weights_build_the_same_trunk(
    name: str, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torchvision freezes batch norms, with one guard or another, for pretrained weights only."""
    spec = default_registry().backbone(f"{name}.{tag}")
    whole = whole_network(name, tag, monkeypatch)
    random = spec.load(False)
    assert shape_of(random) == shape_of(whole.backbone)
    assert shape_of(spec.load(True)) == shape_of(random)


def shape_of(network: nn.Module) -> list[tuple[str, type, object]]:
    return [(name, type(module), getattr(module, "eps", None)) for name, module in network.named_modules()]


@pytest.mark.exhaustive
@pytest.mark.parametrize(("name", "tag"), TAGGED)
def test_every_trunk_is_built_as_torchvision_builds_it(name: str, tag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = default_registry().backbone(f"{name}.{tag}")
    assert shape_of(spec.load(False)) == shape_of(whole_network(name, tag, monkeypatch).backbone)


def test_all_of_torchvisions_networks_for_segmentation_and_detection_are_there() -> None:
    theirs = [*models.list_models(module=models.segmentation), *models.list_models(module=models.detection)]
    assert sorted(network.name for network in TRAINED_NETWORKS) == sorted(theirs)


@pytest.mark.parametrize(("name", "tag"), TAGGED)
def test_weights_are_as_torchvision_states_them(name: str, tag: str) -> None:
    weights = models.get_model_weights(name)[tag]
    spec = default_registry().backbone(f"{name}.{tag}")
    assert spec.remote is not None
    assert (spec.weights, spec.remote.url) == (tag, weights.url)
    assert spec.remote.size == round(weights.meta["_file_size"] * 2**20)
    assert "license" not in weights.meta, "of its own; torchvision's is named in the README"
    assert spec.tags[0] == default_registry().backbone(name).weights == weights.__class__.DEFAULT.name
    assert set(spec.tags) == {one.name for one in weights.__class__}
    (measured,) = weights.meta["_metrics"]
    assert spec.trained_on.startswith("COCO")
    assert ("VOC" in spec.trained_on) == ("VOC" in measured)
    assert ("keypoint" in spec.trained_on) == ("keypoint_names" in weights.meta)
    metrics = weights.meta["_metrics"][measured]
    assert ("instance" in spec.trained_on) == ("mask_map" in metrics)
    assert ("segmentation" in spec.trained_on) == bool({"miou", "mask_map"} & set(metrics))


@pytest.mark.parametrize("name", [*sorted(BRIEF), "ssd300_vgg16", "fasterrcnn_mobilenet_v3_large_320_fpn"])
def test_images_are_normalized_and_sized_as_the_network_does_it(name: str) -> None:
    spec = default_registry().backbone(name)
    with torch.device("meta"):
        transform = getattr(models.get_model(name, weights=None, weights_backbone=None), "transform", None)
    if transform is None:
        preset = models.get_model_weights(name)[spec.weights].transforms()
        assert (list(spec.mean), list(spec.std), [spec.eval_size]) == (preset.mean, preset.std, preset.resize_size)
        return
    assert (list(spec.mean), list(spec.std)) == (transform.image_mean, transform.image_std)
    assert {spec.eval_size} == set(transform.fixed_size or transform.min_size)


def test_points_are_those_of_the_classification_network_inside() -> None:
    """By the words for them and the nodes, whose last parts are the same in ResNet; in SSD, by counting the ReLUs."""
    registry = default_registry()
    for network in TRAINED_NETWORKS:
        points = list(registry.points_at(network.name).values())
        theirs = list(registry.points_at(network.trunk.network).values())[:4]
        assert [point.name for point in points] == [point.name for point in theirs] == list(STANDARD)
        assert registry.backbone(network.name).family == registry.backbone(network.trunk.network).family
        if network.trunk.network.startswith("resnet"):
            assert [point.node.removeprefix("body.") for point in points] == [point.node for point in theirs]
    ssd = registry.points_at("ssd300_vgg16")
    assert [point.description for point in ssd.values()] == [
        point.description for point in list(registry.points_at("vgg16").values())[:4]
    ]
    with torch.device("meta"):
        trunk = load_trunk("ssd300_vgg16", None)
    relus = [node for node, module in trunk.named_modules() if isinstance(module, nn.ReLU)]
    for point in ssd.values():
        count = int("".join(filter(str.isdigit, point.description)))  # "13th ReLU"
        assert relus[count - 1] == point.node
    assert {network.trunk.network for network in TRAINED_NETWORKS} <= {network.name for network in NETWORKS}


@pytest.mark.parametrize("name", KINDS)
def test_points_lie_where_their_description_says(name: str) -> None:
    spec = default_registry().backbone(name)
    points = list(default_registry().points_at(name).values())
    facts = inspect_points(spec, points, size=SIZE)
    assert [fact.problem for fact in facts] == [""] * 4
    for point, fact in zip(points, facts, strict=True):
        if point.description.startswith("1/"):
            stride = int(point.description.removeprefix("1/").removesuffix(" stage"))
            assert fact.outputs[0].shape[-1] == SIZE // stride, point.name
    assert [fact.parameters for fact in facts] == sorted(fact.parameters for fact in facts)


@pytest.mark.parametrize("name", KINDS)
def test_min_size_is_the_smallest_side_that_reaches_every_point(name: str) -> None:
    spec = default_registry().backbone(name)
    cut = make_loss_network(build_backbone(spec, "random"), spec, list(default_registry().points_at(name).values()))
    least = spec.min_size
    assert all(output.numel() > 0 for output in cut(torch.zeros(1, 3, least, least)).values())
    if least > 1:
        with pytest.raises(lnkit.ImageError, match="too small"):
            cut(torch.zeros(1, 3, least - 1, least - 1))


def test_a_file_of_the_whole_network_fits_its_trunk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As torchvision's own files are: names begin with ``backbone.``, and heads stand beside them."""
    name = "lraspp_mobilenet_v3_large"
    whole = whole_network(name, "COCO_WITH_VOC_LABELS_V1", monkeypatch)
    save_file(whole.state_dict(), tmp_path / "whole.safetensors")
    loaded = build_backbone(default_registry().backbone(name), tmp_path / "whole.safetensors")
    theirs = whole.backbone.state_dict()
    assert all(torch.equal(values, theirs[key]) for key, values in loaded.module.state_dict().items())


def test_the_weights_of_another_task_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list-backbones", "--trained-on", "coco key"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == [
        "keypointrcnn_resnet50_fpn",
        "keypointrcnn_resnet50_fpn.COCO_LEGACY",
    ]
    assert run(["eval", "--backbone", "keypointrcnn_resnet50_fpn.COCO_V9", "--sample"]) == 2
    assert "It has: COCO_V1, COCO_LEGACY." in capsys.readouterr().err


def test_a_tag_is_its_own_backbone() -> None:
    plain = default_registry().backbone("ssd300_vgg16")
    same = default_registry().backbone("ssd300_vgg16.COCO_V1")
    assert replace(same, name=plain.name, load=plain.load, with_tag=plain.with_tag) == plain
