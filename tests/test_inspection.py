"""Shapes, strides, parameters and macs, against hand counts, loss networks and published figures."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lnkit import BackboneSpec, ExtractionPoint, LossNetwork
from lnkit.analysis.published.tables import read_rows
from lnkit.networks.inspection import NodeOutput, inspect_nodes, inspect_points
from lnkit.plugins.load import default_registry
from lnkit_torchvision.study import POINTS

NAMES = list(POINTS)
SLOW_TO_TRACE = {"densenet121", "efficientnet_b7", "inception_v3"}


def small(pretrained: bool) -> nn.Module:
    """Two strided convolutions, unpadded, a batch norm and a linear layer."""
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2),
        nn.ReLU(inplace=True),
        nn.Conv2d(8, 4, 3, stride=2, bias=False),
        nn.BatchNorm2d(4),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(4, 10),
    )


SMALL = BackboneSpec("small", "Test", load=small)


def test_facts_agree_with_a_hand_count() -> None:
    points = [ExtractionPoint("early", "1"), ExtractionPoint("late", "3"), ExtractionPoint("pooled", "4")]
    early, late, pooled = inspect_points(SMALL, points, 32)
    assert early.outputs == (NodeOutput("1", (8, 14, 14), 2),)
    assert (early.parameters, early.macs) == (3 * 8 * 25 + 8, 14 * 14 * 3 * 8 * 25)
    assert late.outputs == (NodeOutput("3", (4, 6, 6), 4),)
    assert late.parameters == early.parameters + 8 * 4 * 9 + 2 * 4
    assert late.macs == early.macs + 6 * 6 * 8 * 4 * 9
    assert pooled.outputs == (NodeOutput("4", (4, 1, 1), None),)


def test_a_set_of_nodes_shows_each_and_costs_as_much_as_its_deepest() -> None:
    both, late = inspect_points(SMALL, [ExtractionPoint("both", "3+1"), ExtractionPoint("late", "3")], 32)
    assert [output.node for output in both.outputs] == ["3", "1"]
    assert (both.parameters, both.macs) == (late.parameters, late.macs)


def test_too_small_an_image_spoils_only_the_points_it_does_not_reach() -> None:
    early, late = inspect_points(SMALL, [ExtractionPoint("early", "1"), ExtractionPoint("late", "3")], 7)
    assert early.problem == ""
    assert (late.problem, late.outputs) == ("too small", ())


def test_a_node_that_does_not_exist_is_a_problem_of_its_point_alone() -> None:
    good, bad = inspect_points(SMALL, [ExtractionPoint("good", "1"), ExtractionPoint("bad", "nothing")], 32)
    assert good.problem == ""
    assert "nothing" in bad.problem


def test_an_operation_between_modules_can_be_a_point() -> None:
    resnet = default_registry().backbone("resnet18")
    points = [ExtractionPoint("sum", "layer1.0.add"), ExtractionPoint("block", "layer1.0")]
    added, block = inspect_points(resnet, points, 64)
    assert added.outputs[0].shape == block.outputs[0].shape == (64, 16, 16)
    assert (added.parameters, added.macs) == (block.parameters, block.macs)


def test_a_backbone_that_needs_values_is_measured_all_the_same() -> None:
    class Picky(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 2, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.conv(x)
            return y if bool(torch.equal(x, x)) else x

    spec = BackboneSpec("picky", "Test", load=lambda pretrained: nn.Sequential(Picky(), nn.ReLU()))
    (facts,) = inspect_points(spec, [ExtractionPoint("late", "1")], 8)
    assert (facts.outputs[0].shape, facts.parameters) == ((2, 8, 8), 8)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_and_shapes_are_those_of_the_loss_network(name: str) -> None:
    spec = default_registry().backbone(name)
    points = [point for point in default_registry().points[name].values() if len(point.nodes) == 1]
    with torch.device("meta"):
        module = spec.load(False).eval()
    for facts in inspect_points(spec, points, 96):
        network = LossNetwork(module, [facts.point]).to("meta")
        features = network.features(torch.zeros(1, 3, 96, 96, device="meta"))[facts.point.name]
        assert facts.outputs[0].shape == tuple(features.shape[1:])
        assert facts.parameters == sum(parameter.numel() for parameter in network.parameters())


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[pytest.mark.exhaustive] if name in SLOW_TO_TRACE else []) for name in NAMES],
)
def test_multiply_adds_of_whole_networks_agree_with_the_published_ones(name: str) -> None:
    """At most 6 % below Pihlgren2023, Table I, which presumably also counts activations, pooling and batch norm."""
    published = {row["backbone"]: float(row["mflops_224"]) for row in read_rows("attributes")}
    assert published.keys() == set(NAMES)
    *_, logits = (node for node in inspect_nodes(default_registry().backbone(name), 224) if node.shape == (1000,))
    assert 0.94 * published[name] <= logits.macs / 1e6 <= published[name]


def test_nodes_are_listed_as_far_as_the_image_reaches() -> None:
    alexnet = default_registry().backbone("alexnet")
    whole, part = ({facts.node: facts for facts in inspect_nodes(alexnet, size)} for size in (64, 20))
    first = whole["features.0"]
    assert (first.kind, first.shape, first.stride) == ("Conv2d", (64, 15, 15), 4)
    assert part.keys() < whole.keys()
    assert {"features.0", "features.2"} < part.keys()
    assert not {"features", "features.12", "classifier"} & part.keys()


def test_nodes_come_as_a_tree_with_the_operations_between_modules() -> None:
    facts = {one.node: one for one in inspect_nodes(default_registry().backbone("resnet18"), 64)}
    nodes = list(facts)
    block = nodes[nodes.index("layer1.0") : nodes.index("layer1.1")]
    parts = ("conv1", "bn1", "relu", "conv2", "bn2", "add", "relu_1")
    assert block == ["layer1.0", *(f"layer1.0.{part}" for part in parts)]
    assert nodes[-3:] == ["avgpool", "flatten", "fc"]
    added, whole = facts["layer1.0.add"], facts["layer1.0"]
    assert (added.kind, whole.kind) == ("operation", "BasicBlock")
    assert (added.shape, added.parameters, added.macs) == (whole.shape, whole.parameters, whole.macs)


@pytest.mark.parametrize("name", ["resnet18", "googlenet", "densenet121"])
def test_every_listed_node_is_one_that_a_loss_network_takes(name: str) -> None:
    """All of them in one network, whose features have the shapes that were listed."""
    spec = default_registry().backbone(name)
    facts = [one for one in inspect_nodes(spec, 64) if len(one.shape) == 3]
    with torch.device("meta"):
        network = LossNetwork(spec.load(False).eval(), [ExtractionPoint(one.node, one.node) for one in facts])
    features = network.to("meta").features(torch.zeros(1, 3, 64, 64, device="meta"))
    assert {one.node: one.shape for one in facts} == {node: tuple(x.shape[1:]) for node, x in features.items()}


def test_images_are_measured_at_the_size_that_they_are_resized_to() -> None:
    fixed = BackboneSpec("fixed", "Test", load=small, input_size=(32, 48))
    (late,) = inspect_points(fixed, [ExtractionPoint("late", "3")], 100)
    (free,) = inspect_points(SMALL, [ExtractionPoint("late", "3")], 32)
    assert late.outputs == (NodeOutput("3", (4, 6, 10), None),)
    assert free.outputs[0].shape == (4, 6, 6)
