"""Checks of lnkit's features of an architecture against the network's own forward pass, and timm's intermediates.

The reference is timm's unmodified network, without taps or cuts, on the same image.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import timm
import torch
from cuts import choose_cuts
from substitutes import SubstituteWeights, without_weights
from timm.models.nest import deblockify
from torch import Tensor, nn

import lnkit
from lnkit_timm.backbones import backbone_spec, extraction_points
from lnkit_timm.catalog import CLASS_TOKEN, POINTS, Architecture, Tap, parse_tap
from lnkit_timm.load import build
from lnkit_timm.taps import add_taps

SIZE = 64  # pixels; height of the image, unless the network needs a larger one
WIDER = 32  # pixels by which the image is wider than high, so that swapped rows and columns are found
CLOSE = 1e-4  # relative to the largest value; timm may compute intermediates by another order of operations

_WEIGHTS = SubstituteWeights()


@dataclass(frozen=True, slots=True)
class PointCheck:
    """Result of the check at one point."""

    point: str  # "early"
    node: str  # "layer1", as the index has it
    shape: tuple[int, ...]  # (C, H, W)
    own: bool  # whether it equals the network's own forward pass, bit by bit
    timm: str  # "equal", "close" or "differs"; "none" where timm has no such intermediate


@dataclass(frozen=True, slots=True)
class Check:
    """Result of the check of an architecture."""

    name: str
    parameters: int
    image: tuple[int, int]  # (height, width)
    points: tuple[PointCheck, ...] = ()
    smallest: bool = False  # whether an image of the smallest size passes, and all features are finite
    problem: str = ""
    seconds: float = 0.0
    timm_version: str = timm.__version__

    @property
    def passed(self) -> bool:
        return not self.problem and self.smallest and all(point.own for point in self.points)


def check(architecture: Architecture) -> Check:
    """Build an architecture with substitute weights, and compare its features at all points."""
    start = time.perf_counter()
    image = image_size(architecture)
    parameters = 0
    try:
        network = _without_values(architecture)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        points, smallest = _compare(architecture, _WEIGHTS.fill(network), image)
    except Exception as error:  # any error of one architecture is its result
        reason = " ".join(str(error).split())[:200]
        return Check(architecture.name, parameters, image, problem=f"{type(error).__name__}: {reason}")
    return Check(architecture.name, parameters, image, points, smallest, seconds=time.perf_counter() - start)


def _without_values(architecture: Architecture) -> nn.Module:
    """Build an architecture without weights, unless it needs them in its constructor to run or copy parts of itself."""
    with suppress(RuntimeError), without_weights():
        network = build(architecture)
        if not any(buffer.is_meta for buffer in network.buffers()):
            return network
    return build(architecture)


def image_size(architecture: Architecture) -> tuple[int, int]:
    """Return height and width of a test image that is not square, in whole steps."""
    height = -(-max(SIZE, architecture.min_size) // architecture.step) * architecture.step
    return height, height + -(-WIDER // architecture.step) * architecture.step


@torch.inference_mode()
def _compare(
    architecture: Architecture, network: nn.Module, image: tuple[int, int]
) -> tuple[tuple[PointCheck, ...], bool]:
    spec = backbone_spec(architecture)
    tapped = copy.deepcopy(network)  # whose weights are shared
    add_taps(tapped, architecture.taps)
    loss_network = lnkit.LossNetwork(
        tapped,
        extraction_points(architecture),
        mean=spec.mean,
        std=spec.std,
        input_size=spec.input_size,
        interpolation=spec.interpolation,
        name=spec.name,
    )
    images = torch.rand(1, 3, *image, generator=torch.Generator().manual_seed(1))
    features = loss_network(images)
    own = _own_forward(architecture, network, loss_network.normalize(images))
    points = tuple(
        _check_point(point, node, features[point], *own[point]) for point, node in _nodes(architecture).items()
    )
    smallest = (
        features
        if architecture.fixed
        else loss_network(torch.full((1, 3, architecture.min_size, architecture.min_size), 0.5))
    )
    return points, all(bool(map_.isfinite().all()) for map_ in (*features.values(), *smallest.values()))


def _nodes(architecture: Architecture) -> dict[str, str]:
    nodes = dict(zip(POINTS, architecture.nodes.split(), strict=True))
    return {**nodes, CLASS_TOKEN: architecture.class_token} if architecture.class_token else nodes


def _check_point(point: str, node: str, features: Tensor, own: Tensor, intermediate: Tensor | None) -> PointCheck:
    agreement = "none" if intermediate is None else _agreement(features, intermediate)
    return PointCheck(point, node, tuple(features.shape[1:]), torch.equal(features, own), agreement)


def _agreement(features: Tensor, intermediate: Tensor) -> str:
    if features.shape != intermediate.shape:
        return "differs"
    if torch.equal(features, intermediate):
        return "equal"
    largest = float(intermediate.abs().max())
    return "close" if float((features - intermediate).abs().max()) <= CLOSE * largest else "differs"


def _own_forward(
    architecture: Architecture, network: nn.Module, images: Tensor
) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Return each point's map in the network's own forward pass, and the matching intermediate of timm, if any."""
    nodes = _nodes(architecture)
    outputs = _outputs(network, [parse_tap(node).module for node in nodes.values()], images)
    intermediates = network.forward_intermediates(images, intermediates_only=True)  # type: ignore[operator]
    _, cuts = choose_cuts(network, timm.models.model_entrypoint(architecture.name).__module__.rpartition(".")[2])
    maps: dict[str, tuple[Tensor, Tensor | None]] = {}
    for point, cut in zip(POINTS, cuts, strict=True):
        tap = parse_tap(nodes[point])
        intermediate = intermediates[cut.feature]
        own = _own_map(network, tap, outputs[tap.module], tuple(intermediate.shape[1:]))
        maps[point] = own, intermediate if cut.exact else None
    if architecture.class_token:
        maps[CLASS_TOKEN] = outputs[architecture.class_token][:, 0, :, None, None], None
    return maps


def _outputs(network: nn.Module, modules: Sequence[str], images: Tensor) -> dict[str, Any]:
    """Return copies of the first outputs of the modules, since networks may write to them later."""
    first: dict[str, Any] = {}

    def record(path: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            first.setdefault(path, copy.deepcopy(output))

        return hook

    handles = [network.get_submodule(path).register_forward_hook(record(path)) for path in dict.fromkeys(modules)]
    network(images)
    for handle in handles:
        handle.remove()
    return first


def _own_map(network: nn.Module, tap: Tap, output: Any, shape: tuple[int, ...]) -> Tensor:
    """Bring an output to (N, C, H, W), by timm's shape of the map and timm's order of tokens."""
    _, height, width = shape
    output = output if tap.element is None else output[tap.element]
    if tap.order == "reroll":
        output = network.reroll(output, int(tap.module.rpartition(".")[2]))  # type: ignore[operator]
    if tap.order == "deblockify":
        output = deblockify(output, int(output.shape[2] ** 0.5))
    if output.ndim == 3:
        output = output[:, -height * width :].unflatten(1, (height, width))
    map_: Tensor = output if tuple(output.shape[1:]) == shape else output.permute(0, 3, 1, 2)
    return map_


def from_json(row: Mapping[str, Any]) -> Check:
    """Build a check from its ``dataclasses.asdict``, also after a round trip through JSON."""
    points = tuple(PointCheck(**{**point, "shape": tuple(point["shape"])}) for point in row["points"])
    return Check(**{**row, "points": points, "image": tuple(row["image"])})
