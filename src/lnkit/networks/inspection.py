"""Shape, stride, parameters and macs at the points and nodes of a backbone, without weights or images."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from lnkit.errors import ImageError, UsageError
from lnkit.networks.feature_map import as_map
from lnkit.networks.profiler import Reading, read_modules, read_operations
from lnkit.networks.weights import build_random
from lnkit.specs import BackboneSpec, ExtractionPoint

logger = logging.getLogger("lnkit")

Shape = tuple[int, ...]

STEP = 224  # pixels; a multiple of the usual strides and patch sizes: 14, 16, 32 and their divisors


@dataclass(frozen=True, slots=True)
class NodeOutput:
    """The output at one node of a point."""

    node: str
    shape: Shape  # (C, H, W)
    stride: int | None  # pixels between two positions; None: the output's size does not grow with the image's


@dataclass(frozen=True, slots=True)
class PointFacts:
    """The outputs and the cost of a loss network cut at one point."""

    point: ExtractionPoint
    outputs: tuple[NodeOutput, ...]  # one for each node; empty if there is a problem
    parameters: int = 0  # of everything that runs up to the point
    macs: int = 0  # up to the point, for one image: multiply-adds of convolutions and matrix products
    problem: str = ""  # why the point cannot be used: "too small"


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """One possible node of a backbone; parameters and macs are counted as for a point."""

    node: str
    kind: str  # "Conv2d", or "operation" for a step of the traced graph that is no module: layer1.0.add
    shape: Shape  # of its output for one image, in its own layout
    stride: int | None  # as in NodeOutput, if the output is (C, H, W)
    parameters: int
    macs: int


def inspect_points(
    spec: BackboneSpec, points: Sequence[ExtractionPoint], size: int = 64, *, strides: bool = True
) -> tuple[PointFacts, ...]:
    """Measure a backbone up to each of some points.

    If the backbone runs on torch's meta device, only shapes are computed.

    Args:
        spec: The backbone.
        points: Its points to measure.
        size: Side in pixels of the image that is used.
        strides: Measure strides too, with a second, larger image.

    Raises:
        WeightsError: A package that the backbone needs is missing.
    """
    nodes = list(dict.fromkeys(node for point in points for node in point.nodes))
    measured = _measure(spec, nodes, size)
    wider = _measure_wider(spec, nodes, size, measured) if strides else measured
    return tuple(_point_facts(point, measured, wider) for point in points)


def inspect_nodes(spec: BackboneSpec, size: int = 64) -> tuple[NodeFacts, ...]:
    """List the nodes of a backbone: its modules and, if it can be traced, the operations between them.

    The order is that of a tree, each module before its children, and otherwise that of the forward pass. The list ends
    where an image of ``size`` x ``size`` pixels is too small.

    Raises:
        WeightsError: A package that the backbone needs is missing.
    """
    measured = _measure(spec, None, size)
    wider = _measure_wider(spec, None, size, measured)
    return tuple(_node_facts(node, reading, wider.readings.get(node)) for node, reading in _as_tree(measured.readings))


@dataclass(frozen=True, slots=True)
class _Measured:
    readings: Mapping[str, Reading]  # in the order of the forward pass
    image_size: tuple[int, int]  # (height, width) at the input of the backbone


def _node_facts(node: str, reading: Reading, wider: Reading | None) -> NodeFacts:
    shape = tuple(reading.output.shape[1:])
    stride = _stride(shape, tuple(wider.output.shape[1:])) if len(shape) == 3 and wider else None
    return NodeFacts(node, reading.kind, shape, stride, reading.parameters, reading.macs)


def _as_tree(readings: Mapping[str, Reading]) -> list[tuple[str, Reading]]:
    """Move the children of a module right after it, and keep the order otherwise."""
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
    readings = [measured.readings[node] for node in point.nodes]
    return PointFacts(point, outputs, max(r.parameters for r in readings), max(r.macs for r in readings))


def _node_output(point: ExtractionPoint, node: str, measured: _Measured, wider: _Measured) -> NodeOutput:
    shape = _shape(point, node, measured)
    larger = _shape(point, node, wider) if node in wider.readings else None
    return NodeOutput(node, shape, _stride(shape, larger))


def _shape(point: ExtractionPoint, node: str, measured: _Measured) -> Shape:
    return tuple(as_map(measured.readings[node].output, point, measured.image_size).shape[1:])


def _stride(shape: Shape, larger: Shape | None) -> int | None:
    """Return the pixels per position, from the growth of the output with the image: borders do not count."""
    grown = larger[-1] - shape[-1] if larger else 0
    return round(STEP / grown) if grown else None


def _measure(spec: BackboneSpec, nodes: Collection[str] | None, size: int) -> _Measured:
    """Run one image of ``size`` x ``size`` pixels through a backbone and read its nodes (None: all)."""
    image_size = spec.input_size or (size, size)
    try:
        readings = _measure_on("meta", spec, nodes, image_size)
    except NotImplementedError as error:  # an operation needs values
        logger.debug("%s does not run on the meta device: %s", spec.name, error)
        readings = _measure_on("cpu", spec, nodes, image_size)
    return _Measured(readings, image_size)


def _measure_wider(spec: BackboneSpec, nodes: Collection[str] | None, size: int, measured: _Measured) -> _Measured:
    """Measure with a larger image, which a backbone of one input size does not accept."""
    return measured if spec.input_size else _measure(spec, nodes, size + STEP)


def _measure_on(
    device: str, spec: BackboneSpec, nodes: Collection[str] | None, image_size: tuple[int, int]
) -> dict[str, Reading]:
    with torch.device(device):
        image = torch.zeros(1, 3, *image_size)
        backbone = build_random(spec).to(device).eval()
    modules = read_modules(backbone, nodes, image)
    if nodes is not None and set(nodes) <= dict(backbone.named_modules()).keys():
        return modules
    steps = read_operations(backbone, image)  # come first: they are in the order of the forward pass
    return {node: reading for node, reading in (steps | modules).items() if nodes is None or node in nodes}
