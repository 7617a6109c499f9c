"""Whether lnkit's features of an architecture are those of the network's own forward pass, and of timm's intermediates.

The network that is compared with is timm's as it is, without taps or cuts; both see the same image.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import timm
import torch
from stages import places
from substitutes import Substitutes, without_weights
from timm.models.nest import deblockify
from torch import Tensor, nn

import lnkit
from lnkit_timm.backbones import points_of, spec_of
from lnkit_timm.catalog import CLASS_TOKEN, STANDARD, Architecture, Tap, read_tap
from lnkit_timm.load import build
from lnkit_timm.taps import add_taps

SIZE = 64  # pixels; height of the image, unless the network needs more
WIDER = 32  # by which its width is larger: a grid that is right for squares only shows
CLOSE = 1e-4  # relative to the largest value; timm's intermediates may come by another order of operations

_SUBSTITUTES = Substitutes()


@dataclass(frozen=True, slots=True)
class PointCheck:
    point: str  # "early"
    node: str  # "layer1", as the index has it
    shape: tuple[int, ...]  # (C, H, W)
    own: bool  # equal to the network's own forward pass, bit by bit
    timm: str  # "equal", "close", "differs" or, where timm has no such intermediate, "none"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    parameters: int
    image: tuple[int, int]  # (height, width)
    points: tuple[PointCheck, ...] = ()
    smallest: bool = False  # an image of the smallest size gets through, and all features are finite
    problem: str = ""
    seconds: float = 0.0
    timm_version: str = timm.__version__

    @property
    def passed(self) -> bool:
        return not self.problem and self.smallest and all(one.own for one in self.points)


def check(one: Architecture) -> Check:
    """Build an architecture with substitute weights and compare its features at all its points."""
    began = time.perf_counter()
    image = image_size(one)
    parameters = 0
    try:
        network = _without_values(one)
        parameters = sum(parameter.numel() for parameter in network.parameters())
        points, smallest = _compare(one, _SUBSTITUTES.fill(network), image)
    except Exception as error:  # whatever stands in the way of one architecture is what the table says of it
        reason = " ".join(str(error).split())[:200]
        return Check(one.name, parameters, image, problem=f"{type(error).__name__}: {reason}")
    return Check(one.name, parameters, image, points, smallest, seconds=time.perf_counter() - began)


def _without_values(one: Architecture) -> nn.Module:
    """Build it without weights, unless it needs them while it is built: some run, or copy parts of themselves."""
    with suppress(RuntimeError), without_weights():
        network = build(one)
        if not any(buffer.is_meta for buffer in network.buffers()):
            return network
    return build(one)


def image_size(one: Architecture) -> tuple[int, int]:
    """Height and width, in whole steps, of an image that is not square."""
    height = -(-max(SIZE, one.min_size) // one.step) * one.step
    return height, height + -(-WIDER // one.step) * one.step


@torch.inference_mode()
def _compare(one: Architecture, network: nn.Module, image: tuple[int, int]) -> tuple[tuple[PointCheck, ...], bool]:
    spec = spec_of(one)
    tapped = copy.deepcopy(network)  # whose weights are shared
    add_taps(tapped, one.taps)
    loss_network = lnkit.LossNetwork(
        tapped,
        points_of(one),
        mean=spec.mean,
        std=spec.std,
        input_size=spec.input_size,
        interpolation=spec.interpolation,
        name=spec.name,
    )
    images = torch.rand(1, 3, *image, generator=torch.Generator().manual_seed(1))
    features = loss_network(images)
    own = _own_forward(one, network, loss_network.normalize(images))
    judged = tuple(_judge(point, node, features[point], *own[point]) for point, node in _nodes(one).items())
    smallest = features if one.fixed else loss_network(torch.full((1, 3, one.min_size, one.min_size), 0.5))
    return judged, all(bool(map_.isfinite().all()) for map_ in (*features.values(), *smallest.values()))


def _nodes(one: Architecture) -> dict[str, str]:
    nodes = dict(zip(STANDARD, one.nodes.split(), strict=True))
    return {**nodes, CLASS_TOKEN: one.class_token} if one.class_token else nodes


def _judge(point: str, node: str, features: Tensor, own: Tensor, intermediate: Tensor | None) -> PointCheck:
    agreement = "none" if intermediate is None else _agreement(features, intermediate)
    return PointCheck(point, node, tuple(features.shape[1:]), torch.equal(features, own), agreement)


def _agreement(features: Tensor, intermediate: Tensor) -> str:
    if features.shape != intermediate.shape:
        return "differs"
    if torch.equal(features, intermediate):
        return "equal"
    largest = float(intermediate.abs().max())
    return "close" if float((features - intermediate).abs().max()) <= CLOSE * largest else "differs"


def _own_forward(one: Architecture, network: nn.Module, images: Tensor) -> dict[str, tuple[Tensor, Tensor | None]]:
    """Each point's map in the network's own forward pass, and the one of timm's intermediates that stands for it."""
    nodes = _nodes(one)
    outputs = _outputs(network, [read_tap(node).module for node in nodes.values()], images)
    intermediates = network.forward_intermediates(images, intermediates_only=True)  # type: ignore[operator]
    _, found = places(network, timm.models.model_entrypoint(one.name).__module__.rpartition(".")[2])
    maps: dict[str, tuple[Tensor, Tensor | None]] = {}
    for point, place in zip(STANDARD, found, strict=True):
        tap = read_tap(nodes[point])
        intermediate = intermediates[place.feature]
        own = _own_map(network, tap, outputs[tap.module], tuple(intermediate.shape[1:]))
        maps[point] = own, intermediate if place.exact else None
    if one.class_token:
        maps[CLASS_TOKEN] = outputs[one.class_token][:, 0, :, None, None], None
    return maps


def _outputs(network: nn.Module, modules: Sequence[str], images: Tensor) -> dict[str, Any]:
    """What the modules give when they run first, as it is then, whatever is written to it later."""
    found: dict[str, Any] = {}

    def note(path: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            found.setdefault(path, copy.deepcopy(output))

        return hook

    handles = [network.get_submodule(path).register_forward_hook(note(path)) for path in dict.fromkeys(modules)]
    network(images)
    for handle in handles:
        handle.remove()
    return found


def _own_map(network: nn.Module, tap: Tap, output: Any, shape: tuple[int, ...]) -> Tensor:
    """Bring an output to (N, C, H, W) by what timm itself says of the map's shape and of the order of tokens."""
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


def as_json(found: Check) -> Mapping[str, Any]:
    return asdict(found)


def from_json(row: Mapping[str, Any]) -> Check:
    points = tuple(PointCheck(**{**point, "shape": tuple(point["shape"])}) for point in row["points"])
    return Check(**{**row, "points": points, "image": tuple(row["image"])})
