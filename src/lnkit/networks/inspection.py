"""What a backbone offers for cutting: shape, stride, parameters and macs at its points, without weights or images."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lnkit.errors import ImageError, UsageError
from lnkit.networks.loss_network import as_map
from lnkit.networks.profiler import Reading, read_modules, read_operations
from lnkit.networks.weights import build_random
from lnkit.specs import BackboneSpec, ExtractionPoint

logger = logging.getLogger("lnkit")

Shape = tuple[int, ...]

STEP = 224  # pixels; a multiple of every usual stride and patch: 14, 16, 32 and what divides them


@dataclass(frozen=True, slots=True)
class NodeOutput:
    """What comes out at a node of a point."""

    node: str
    shape: Shape  # (C, H, W)
    stride: int | None  # pixels between two positions; None: the output's size does not grow with the image's


@dataclass(frozen=True, slots=True)
class PointFacts:
    """What a loss network cut at one point costs and gives."""

    point: ExtractionPoint
    outputs: tuple[NodeOutput, ...]  # one for each node; none where there is a problem
    parameters: int = 0  # of everything that runs before the point's output is there
    macs: int = 0  # until then, for one image: the multiply-adds of convolutions and matrix products, each counted once
    problem: str = ""  # "too small", or what else keeps the point from being used


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A place in a backbone that may serve as a node; parameters and macs are counted as for a point."""

    node: str
    kind: str  # "Conv2d", or "operation" for what is no module but a step in the traced graph: layer1.0.add
    shape: Shape  # of its output for one image, laid out as it comes
    stride: int | None  # as in NodeOutput, where the output is (C, H, W)
    parameters: int
    macs: int


def inspect_points(spec: BackboneSpec, points: Sequence[ExtractionPoint], size: int = 64) -> tuple[PointFacts, ...]:
    """Measure a backbone up to each of the points, on one image of ``size`` x ``size`` pixels.

    Nothing is computed where the backbone runs on torch's meta device, which knows shapes only.

    Raises:
        WeightsError: a package that the backbone needs is missing.
    """
    nodes = list(dict.fromkeys(node for point in points for node in point.nodes))
    measured, wider = _measure(spec, nodes, size), _measure(spec, nodes, size + STEP)
    return tuple(_point_facts(point, measured, wider) for point in points)


def inspect_nodes(spec: BackboneSpec, size: int = 64) -> tuple[NodeFacts, ...]:
    """List every node that a point may name: modules and, of a network that can be traced, operations between them.

    They come as a tree, each module before what is in it, else in the order in which they run. Where the images are too
    small for the whole network, the list ends there.

    Raises:
        WeightsError: a package that the backbone needs is missing.
    """
    measured, wider = _measure(spec, None, size), _measure(spec, None, size + STEP)
    return tuple(_node_facts(node, reading, wider.readings.get(node)) for node, reading in _as_tree(measured.readings))


@dataclass(frozen=True, slots=True)
class _Measured:
    readings: Mapping[str, Reading]  # in the order in which the nodes were done
    image_size: tuple[int, int]  # (height, width) that reached the backbone


def _node_facts(node: str, reading: Reading, wider: Reading | None) -> NodeFacts:
    shape = tuple(reading.output.shape[1:])
    stride = _stride(shape, tuple(wider.output.shape[1:])) if len(shape) == 3 and wider else None
    return NodeFacts(node, reading.kind, shape, stride, reading.parameters, reading.macs)


def _as_tree(readings: Mapping[str, Reading]) -> list[tuple[str, Reading]]:
    """Sort by path so that what is inside a module comes right after it, else as it was."""
    tree: dict[str, Any] = {}
    for node in readings:
        branch = tree
        for name in node.split("."):
            branch = branch.setdefault(name, {})
    return [(path, readings[path]) for path in _walk(tree, "") if path in readings]


def _walk(tree: Mapping[str, Any], above: str) -> Iterator[str]:
    for name, branch in tree.items():
        yield above + name
        yield from _walk(branch, f"{above}{name}.")


def _point_facts(point: ExtractionPoint, measured: _Measured, wider: _Measured) -> PointFacts:
    missing = [node for node in point.nodes if node not in measured.readings]
    if missing:
        reached = missing[0] in wider.readings
        return PointFacts(point, (), problem="too small" if reached else f"no output at {missing[0]}")
    try:
        outputs = tuple(_node_output(point, node, measured, wider) for node in point.nodes)
    except ImageError:
        return PointFacts(point, (), problem="too small")
    except UsageError as error:
        return PointFacts(point, (), problem=str(error))
    found = [measured.readings[node] for node in point.nodes]
    return PointFacts(point, outputs, max(r.parameters for r in found), max(r.macs for r in found))


def _node_output(point: ExtractionPoint, node: str, measured: _Measured, wider: _Measured) -> NodeOutput:
    shape = _shape(point, node, measured)
    larger = _shape(point, node, wider) if node in wider.readings else None
    return NodeOutput(node, shape, _stride(shape, larger))


def _shape(point: ExtractionPoint, node: str, measured: _Measured) -> Shape:
    return tuple(as_map(measured.readings[node].output, point, measured.image_size).shape[1:])


def _stride(shape: Shape, larger: Shape | None) -> int | None:
    """Pixels per position, from how the output grows with the image: what is lost at the border does not count."""
    grown = larger[-1] - shape[-1] if larger else 0
    return round(STEP / grown) if grown else None


def _measure(spec: BackboneSpec, nodes: Collection[str] | None, size: int) -> _Measured:
    """Run one image of ``size`` x ``size`` pixels through a backbone and read off the nodes (None: all)."""
    image_size = spec.input_size or (size, size)
    try:
        readings = _measure_on("meta", spec, nodes, image_size)
    except NotImplementedError as error:  # something in it needs values: then with random ones
        logger.debug("%s does not run on the meta device: %s", spec.name, error)
        readings = _measure_on("cpu", spec, nodes, image_size)
    return _Measured(readings, image_size)


def _measure_on(
    device: str, spec: BackboneSpec, nodes: Collection[str] | None, image_size: tuple[int, int]
) -> dict[str, Reading]:
    with torch.device(device):
        image = torch.zeros(1, 3, *image_size)
        backbone = build_random(spec).to(device).eval()
    modules = read_modules(backbone, nodes, image)
    if nodes is not None and set(nodes) <= dict(backbone.named_modules()).keys():
        return modules
    steps = read_operations(backbone, image)  # first, since they come in the order in which everything runs
    return {node: one for node, one in (steps | modules).items() if nodes is None or node in nodes}
