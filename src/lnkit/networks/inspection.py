"""What a backbone offers for cutting: shape, stride, parameters and flops at its points, without weights or images."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from lnkit.errors import ImageError, UnknownNameError, UsageError
from lnkit.networks.lossnet import LossNetwork, as_map
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
    flops: int = (
        0  # until then, for one image: the multiply-adds of convolutions and matrix products, each counted once
    )
    problem: str = ""  # "too small", or what else keeps the point from being used


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """A module of a backbone that may serve as a node; parameters and flops are counted as for a point."""

    node: str
    kind: str  # "Conv2d"
    shape: Shape  # of its output for one image, laid out as the module does
    parameters: int
    flops: int


def inspect_points(spec: BackboneSpec, points: Sequence[ExtractionPoint], size: int = 64) -> tuple[PointFacts, ...]:
    """Measure a backbone up to each of the points, on one image of ``size`` x ``size`` pixels.

    Nothing is computed where the backbone runs on torch's meta device, which knows shapes only.

    Raises:
        WeightsError: a package that the backbone needs is missing.
    """
    modules = [node for point in points for node in point.nodes]
    readings = _measure(spec, modules, size)
    wider = _measure(spec, modules, size + STEP)
    return tuple(_facts(point, size, readings, wider) for point in points)


def inspect_nodes(spec: BackboneSpec, size: int = 64) -> tuple[NodeFacts, ...]:
    """List the modules whose output is one tensor, in the order in which they finish.

    Where the images are too small for the whole network, the list ends there.

    Raises:
        WeightsError: a package that the backbone needs is missing.
    """
    return tuple(
        NodeFacts(node, reading.kind, tuple(reading.output.shape[1:]), reading.parameters, reading.flops)
        for node, reading in _measure(spec, None, size).items()
    )


@dataclass(frozen=True, slots=True)
class _Reading:
    kind: str
    output: Tensor
    parameters: int
    flops: int


def _facts(
    point: ExtractionPoint, size: int, readings: Mapping[str, _Reading], wider: Mapping[str, _Reading]
) -> PointFacts:
    missing = [node for node in point.nodes if node not in readings]
    if missing:
        return PointFacts(point, (), problem="too small" if missing[0] in wider else f"no output at {missing[0]}")
    found = [readings[node] for node in point.nodes]
    outputs = []
    for node, reading in zip(point.nodes, found, strict=True):
        try:
            shape = _shape(reading.output, point, size)
        except ImageError:
            return PointFacts(point, (), problem="too small")
        except UsageError as error:
            return PointFacts(point, (), problem=str(error))
        larger = _shape(wider[node].output, point, size + STEP) if node in wider else None
        outputs.append(NodeOutput(node, shape, _stride(shape, larger)))
    return PointFacts(point, tuple(outputs), max(r.parameters for r in found), max(r.flops for r in found))


def _shape(output: Tensor, point: ExtractionPoint, size: int) -> Shape:
    return tuple(as_map(output, point, (size, size)).shape[1:])


def _stride(shape: Shape, larger: Shape | None) -> int | None:
    """Pixels per position, from how the output grows with the image: what is lost at the border does not count."""
    grown = larger[-1] - shape[-1] if larger else 0
    return round(STEP / grown) if grown else None


def _measure(spec: BackboneSpec, nodes: Iterable[str] | None, size: int) -> dict[str, _Reading]:
    """Run one image through a backbone and read off the nodes (None: all modules) in the order in which they finish."""
    nodes = None if nodes is None else list(dict.fromkeys(nodes))
    try:
        return _measure_on("meta", spec, nodes, size)
    except NotImplementedError as error:  # something in it needs values: then with random ones
        logger.debug("%s does not run on the meta device: %s", spec.name, error)
        return _measure_on("cpu", spec, nodes, size)


def _measure_on(device: str, spec: BackboneSpec, nodes: Sequence[str] | None, size: int) -> dict[str, _Reading]:
    with torch.device(device):
        backbone = build_random(spec).eval()
        image = torch.zeros(1, 3, size, size)
    modules = dict(backbone.named_modules())
    wanted = [node for node in modules if node] if nodes is None else [node for node in nodes if node in modules]
    readings = _read(backbone, {node: modules[node] for node in wanted}, image)
    for node in set(nodes or ()) - modules.keys():
        readings |= _read_operation(backbone, node, image)
    return readings


def _read(backbone: nn.Module, modules: Mapping[str, nn.Module], image: Tensor) -> dict[str, _Reading]:
    """Let every module note, when it has run for the first time, what has been done until then."""
    readings: dict[str, _Reading] = {}
    counter = FlopCounterMode(display=False)
    seen = _ParametersSeen()

    def note(node: str) -> Callable[..., None]:
        def hook(module: nn.Module, _inputs: Any, output: Any) -> None:
            if isinstance(output, Tensor) and node not in readings:
                readings[node] = _Reading(type(module).__name__, output, seen.total, counter.get_total_flops() // 2)

        return hook

    for node, module in modules.items():
        module.register_forward_hook(note(node))
    with torch.no_grad(), counter, seen:
        try:
            backbone(image)
        except NotImplementedError:
            raise
        except Exception as error:  # images too small from here on; the backbone's own code may raise anything
            logger.debug("A %s stops with %s", tuple(image.shape), error)
    return readings


def _read_operation(backbone: nn.Module, node: str, image: Tensor) -> dict[str, _Reading]:
    """Read off a node that is no module but an operation in the traced graph, such as ``layer1.0.add``."""
    try:
        network = LossNetwork(backbone, [ExtractionPoint(node, node)])
    except UnknownNameError:
        return {}
    parameters = sum(parameter.numel() for parameter in network.parameters())
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        try:
            output = network.tap(image)[node]
        except RuntimeError as error:
            logger.debug("A %s does not reach %s: %s", tuple(image.shape), node, error)
            return {}
    return {node: _Reading("operation", output, parameters, counter.get_total_flops() // 2)}


class _ParametersSeen(TorchFunctionMode):
    """Counts the parameters that have taken part in any operation so far."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[int, int] = {}

    @property
    def total(self) -> int:
        return sum(self.sizes.values())

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        for value in tree_leaves((args, kwargs)):
            if isinstance(value, nn.Parameter):
                self.sizes[id(value)] = value.numel()
        return func(*args, **(kwargs or {}))
