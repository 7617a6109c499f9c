"""Shapes, strides, parameters and flops, against hand counts, loss networks and published figures."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import torch
from torch import nn

from lnkit import BackboneSpec, ExtractionPoint, LossNetwork
from lnkit.networks.inspection import NodeOutput, inspect_nodes, inspect_points
from lnkit.registry import default_registry
from lnkit_torchvision.table import BACKBONES

NAMES = [row.name for row in BACKBONES]


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
    assert (early.parameters, early.flops) == (3 * 8 * 25 + 8, 14 * 14 * 3 * 8 * 25)
    assert late.outputs == (NodeOutput("3", (4, 6, 6), 4),)
    assert late.parameters == early.parameters + 8 * 4 * 9 + 2 * 4
    assert late.flops == early.flops + 6 * 6 * 8 * 4 * 9
    assert pooled.outputs == (NodeOutput("4", (4, 1, 1), None),)


def test_a_set_of_nodes_shows_each_and_costs_as_much_as_its_deepest() -> None:
    both, late = inspect_points(SMALL, [ExtractionPoint("both", "3+1"), ExtractionPoint("late", "3")], 32)
    assert [output.node for output in both.outputs] == ["3", "1"]
    assert (both.parameters, both.flops) == (late.parameters, late.flops)


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
    assert (added.parameters, added.flops) == (block.parameters, block.flops)


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


def test_multiply_adds_of_whole_networks_agree_with_the_published_ones(shared: Path) -> None:
    """Ours are lower than Table I by 6 % at most: presumably P counts activations, pooling and batch norm too."""
    with (shared.parent / "published" / "attributes.csv").open(newline="") as file:
        published = {row["backbone"]: float(row["mflops_224"]) for row in csv.DictReader(file)}
    assert published.keys() == set(NAMES)
    for name, expected in published.items():
        last = inspect_nodes(default_registry().backbone(name), 224)[-1]
        assert last.shape[0] == 1000
        assert 0.94 * expected <= last.flops / 1e6 <= expected, name


def test_nodes_are_listed_as_far_as_the_image_reaches() -> None:
    alexnet = default_registry().backbone("alexnet")
    whole, part = inspect_nodes(alexnet, 64), inspect_nodes(alexnet, 20)
    assert (whole[0].node, whole[0].kind, whole[0].shape) == ("features.0", "Conv2d", (64, 15, 15))
    assert [node.node for node in part] == [node.node for node in whole][: len(part)]
    assert 0 < len(part) < len(whole)
