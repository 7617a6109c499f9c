"""The nodes of a backbone that can be points, each feature map once."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from math import prod
from typing import TYPE_CHECKING

import torch

from lnkit.errors import LnkitError, UsageError, did_you_mean, near_names
from lnkit.evaluation.request import RunRequest, resolve
from lnkit.evaluation.services import cut_network
from lnkit.networks.attributes import SIZE
from lnkit.networks.feature_map import as_map
from lnkit.networks.inspection import inspect_nodes
from lnkit.networks.own_forward import noise
from lnkit.specs import BackboneSpec, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    from torch import Tensor

    from lnkit.networks.inspection import NodeFacts
    from lnkit.plugins.registry import Registry
    from lnkit.progress import Progress

CLASS_TOKEN = "@cls"
BYTES = 4  # of a feature in float32
IMAGES = 2  # of noise, on which nodes are compared


@dataclass(frozen=True, slots=True)
class Node:
    """A node that can be a point."""

    name: str  # as --point takes it: "mid", "features.7", "blocks.0@cls"
    bytes: int  # of its features of one image
    macs: int  # multiply-adds up to it, for one image of 224 x 224 pixels or of the backbone's input size
    equal: tuple[str, ...] = ()  # other nodes with the same features


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of a backbone, in the order of the forward pass."""

    nodes: tuple[Node, ...]  # that are searched
    others: tuple[Node, ...]  # registered points that no pattern names, to compare with
    unusable: Mapping[str, str]  # node -> why its output is no feature map


def find_nodes(
    request: RunRequest, registry: Registry, patterns: Sequence[str], size: int, progress: Progress
) -> Nodes:
    """Find the nodes whose outputs are feature maps, and drop those that give the same features as another.

    Args:
        request: names the backbone and its weights.
        registry: knows the backbone.
        patterns: names of points and nodes, ``*`` for any part of one; empty for all.
        size: side in pixels of the images.
        progress: receives the progress of loading.

    Raises:
        UsageError: no node fits a pattern.
        LnkitError: the weights cannot be loaded.
    """
    spec = registry.backbone(str(request.backbone))
    listed = _listed(spec.name, registry, inspect_nodes(spec, size), size)
    unusable = {name: point for name, point in listed.items() if isinstance(point, str)}
    usable = {name: point for name, point in listed.items() if not isinstance(point, str)}
    matching = _matching(spec.name, usable, patterns)
    registered = registry.points_at(spec.name)
    chosen = [name for name in usable if name in matching or name in registered]
    try:
        features = _features(request, registry, chosen, size, progress)
    except UsageError:  # a step of the trace that the network's own forward does not have: modules are left
        modules = _module_paths(spec)
        kept = [name for name in chosen if name in registered or name.removesuffix(CLASS_TOKEN) in modules]
        features = _features(request, registry, kept, size, progress)
    macs = {node.node: node.macs for node in inspect_nodes(spec, max(SIZE, spec.min_size))}
    distinct = _distinct(features, usable, registered, macs)
    searched = tuple(node for node in distinct if {node.name, *node.equal} & set(matching))
    return Nodes(searched, tuple(node for node in distinct if node not in searched), unusable)


def _listed(
    backbone: str, registry: Registry, facts: Sequence[NodeFacts], size: int
) -> dict[str, ExtractionPoint | str]:
    """Return every point of one node and every node by name: as a point, or why it cannot be one."""
    registered = {name: point for name, point in registry.points_at(backbone).items() if len(point.nodes) == 1}
    named = {(point.node, point.layout == "CLS"): name for name, point in registered.items()}
    found: dict[str, ExtractionPoint | str] = {}
    for node in facts:
        for name in (node.node, node.node + CLASS_TOKEN):
            point = _point(backbone, name, registry)
            if point is None or (name != node.node and len(node.shape) != 2):
                continue
            name = named.get((point.node, point.layout == "CLS"), name)  # people know this one
            point = registered.get(name, point)
            try:
                as_map(torch.empty(1, *node.shape, device="meta"), point, (size, size))
            except LnkitError as error:
                found[name] = str(error)
            else:
                found[name] = point
    return found


def _point(backbone: str, name: str, registry: Registry) -> ExtractionPoint | None:
    """Return a node as a point; None where it has no class token, or where its name means a set of points."""
    known = registry.points_at(backbone).get(name)
    if known and len(known.nodes) > 1:
        return None
    try:
        (point,) = registry.points_of(LossNetworkId(backbone, (name,)))
    except UsageError:  # no class token
        return None
    if name.endswith(CLASS_TOKEN):
        tokens = _point(backbone, name.removesuffix(CLASS_TOKEN), registry)
        return point if tokens and (tokens.prefix_tokens or tokens.layout == "auto") else None
    return point


def _module_paths(spec: BackboneSpec) -> set[str]:
    from lnkit.networks.weights import build_random  # noqa: PLC0415 - only after a failure

    with torch.device("meta"):
        return {path for path, _ in build_random(spec).named_modules()}


def _matching(backbone: str, points: Mapping[str, ExtractionPoint], patterns: Sequence[str]) -> list[str]:
    for pattern in patterns:
        if not any(_fits(name, point, pattern) for name, point in points.items()):
            near = did_you_mean(near_names(pattern, points))
            raise UsageError(
                f"{backbone} has no node {pattern!r} whose output is a feature map.{near} "
                f"`lnkit points {backbone} --all` lists the nodes; * stands for any part of a name."
            )
    return [name for name, point in points.items() if not patterns or any(_fits(name, point, p) for p in patterns)]


def _fits(name: str, point: ExtractionPoint, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(point.node, pattern)


def _features(
    request: RunRequest, registry: Registry, names: Sequence[str], size: int, progress: Progress
) -> dict[str, Tensor]:
    """Return the features of images of noise at each node."""
    resolved = resolve(replace(request, points=",".join(names)), registry)
    loaded = resolved.load(request.seed, progress)
    points = {point.name: point for layers in resolved.layers.values() for point in layers}
    network = cut_network(resolved, loaded, tuple(points.values()))
    with torch.no_grad():
        features = network.features(noise(IMAGES, (size, size)))
    of_network = {network.points[0]: layers[0].name for network, layers in resolved.layers.items()}
    return {name: features[of_network[name]] for name in names}


def _distinct(
    features: Mapping[str, Tensor],
    points: Mapping[str, ExtractionPoint],
    registered: Mapping[str, ExtractionPoint],
    macs: Mapping[str, int],
) -> tuple[Node, ...]:
    """Keep one of the nodes with equal features: a registered point, else the first."""
    groups: dict[str, list[str]] = {}
    for name, values in features.items():
        content = values.contiguous().numpy().tobytes()
        groups.setdefault(hashlib.sha256(f"{tuple(values.shape)}".encode() + content).hexdigest(), []).append(name)
    kept = []
    for names in groups.values():
        first = next((name for name in names if name in registered), names[0])
        size = BYTES * prod(features[first].shape[1:])
        others = tuple(name for name in names if name != first)
        kept.append(Node(first, size, macs.get(points[first].node, 0), others))
    return tuple(kept)
