"""Which nodes of a network can be searched: each feature map once, under the name that people know."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from lnkit.errors import UsageError
from lnkit.evaluation.request import RunRequest
from lnkit.plugins.load import default_registry
from lnkit.plugins.user_backbones import backbone_from_module
from lnkit.progress import SilentProgress
from lnkit.search.measurement import MOST_BYTES, plan_passes
from lnkit.search.nodes import Node, find_nodes
from lnkit.specs import ExtractionPoint

SIZE = 64


def nodes_of(backbone, *patterns, registry=None, size=SIZE, weights="random"):
    request = RunRequest(backbone, weights=weights)
    return find_nodes(request, registry or default_registry(), patterns, size, SilentProgress())


def with_network(module, points=()):
    spec = backbone_from_module(module, "own")
    return default_registry().with_backbone(spec, {name: ExtractionPoint(name, node) for name, node in points})


def test_nodes_that_give_the_same_features_are_one_and_registered_names_stay():
    found = {node.name: node for node in nodes_of("squeezenet1_1").nodes}
    assert {"early", "semi_early", "mid", "late"} <= set(found)
    same = {name: set(node.equal) for name, node in found.items() if node.equal}
    assert "flatten" in same["classifier"] or "flatten" in same.get("classifier.3", set())
    assert "classifier.0" in same["late"] | same.get("features.12", set()), "dropout does nothing in evaluation"


def test_every_node_of_the_list_is_searched_or_named_as_another_or_as_unusable():
    from lnkit.networks.inspection import inspect_nodes

    registry = default_registry()
    listed = {node.node for node in inspect_nodes(registry.backbone("alexnet"), SIZE)}
    found = nodes_of("alexnet")
    names = {name for node in found.nodes for name in (node.name, *node.equal)} | set(found.unusable)
    points = {point.node: name for name, point in registry.points_at("alexnet").items() if len(point.nodes) == 1}
    assert {points.get(node, node) for node in listed} <= names | set(points.values())


def test_a_pattern_narrows_and_one_that_fits_nothing_is_refused():
    found = nodes_of("squeezenet1_1", "features.3.squee*", "mid")
    assert [node.name for node in found.nodes] == ["features.3.squeeze", "features.3.squeeze_activation", "mid"]
    assert {node.name for node in found.others} == {"early", "semi_early", "late"}, (
        "they are compared with all the same"
    )
    with pytest.raises(UsageError, match=r"no node 'features.33'.*--all"):
        nodes_of("squeezenet1_1", "features.33")


def test_a_network_of_one_layer_has_one_node():
    assert [node.name for node in nodes_of("pixel", weights="pretrained").nodes] == ["image"]
    own = with_network(nn.Sequential(nn.Conv2d(3, 4, 3)))
    assert [node.name for node in nodes_of("own", registry=own, weights="pretrained").nodes] == ["0"]


class Untraceable(nn.Module):
    """A forward that depends on values, so that only modules can be cut."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)

    def forward(self, images):
        features = self.first(images)
        return self.second(features) + 1 if features.mean() > 100 else self.second(features.relu())


def test_a_network_that_cannot_be_traced_is_searched_at_its_modules():
    own = with_network(Untraceable())
    assert [node.name for node in nodes_of("own", registry=own, weights="pretrained").nodes] == ["first", "second"]


class Tuples(nn.Module):
    """A node whose output is no tensor, one without positions, and one that ends in a vector."""

    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Conv2d(3, 4, 3), nn.Linear(4, 2)

    def forward(self, images):
        return self.head(self.body(images).mean((2, 3)))


def test_vectors_are_maps_of_one_position():
    names = [node.name for node in nodes_of("own", registry=with_network(Tuples()), weights="pretrained").nodes]
    assert "head" in names
    assert "body" in names


def test_a_vision_transformer_has_its_class_token_at_each_block():
    pytest.importorskip("timm")
    names = {node.name for node in nodes_of("timm/vit_tiny_patch16_224", "blocks.?", "blocks.?@cls").nodes}
    assert {"blocks.0", "blocks.0@cls", "blocks.4@cls"} <= names
    assert "early" in names, "block 3 has a registered name"


def test_macs_rise_along_a_chain():
    macs = [node.macs for node in nodes_of("alexnet", "features.*").nodes]
    assert macs == sorted(macs)
    assert macs[0] > 0


def test_passes_hold_what_memory_allows_and_every_node_once_for_each_distance():
    small = [Node(f"n{index}", MOST_BYTES // (3 * 32 * 4), 0) for index in range(10)]  # four fit at 64 pixels
    passes = plan_passes("b", small[:9], small[9:], ("spatial", "l1"), 64)
    assert [len(part.nodes) for part in passes] == [4, 4, 2, 4, 4, 1]
    assert [node for part in passes[:3] for node in part.nodes] == small
    assert {name for part in passes for name in part.searched} == {node.name for node in small[:9]}
    large = plan_passes("b", [Node("huge", 10 * MOST_BYTES, 0)], [], ("spatial",), 64)
    assert len(large) == 1, "a node that is too large for the limit has a pass of its own"
    assert torch.float32.itemsize == 4


def test_a_node_whose_name_means_a_set_of_points_is_left_out():
    own = with_network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3)), [("1", "0+1"), ("first", "0")])
    found = nodes_of("own", registry=own, weights="pretrained")
    assert [node.name for node in found.nodes] == ["first"]
