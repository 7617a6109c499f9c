"""What is asked about extraction points: that they exist, and that their features are the network's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from lnkit.errors import LnkitError
from lnkit.networks.graph_extractor import cut_backbone
from lnkit.networks.loss_network import as_map
from lnkit.specs import ExtractionPoint
from lnkit.testing.backbones import IMAGES, SEED, BackboneThing, noise
from lnkit.testing.findings import Check, NotChecked

ROUNDING = 1e-4  # of the largest feature; batches of different sizes are computed in different orders
LARGER = 32  # pixels by which the second size exceeds the first: a multiple of every usual stride and patch


def nodes(thing: BackboneThing) -> Iterator[str]:
    """Every node of its points is there and is run."""
    try:
        thing.network  # noqa: B018 - one cut at all of them; only if that fails, they are tried one by one
    except NotChecked:
        faults = [fault for point in thing.points for fault in _fault_of(point, thing)]
        if not faults:
            raise
        yield from faults


def layout(thing: BackboneThing) -> Iterator[str]:
    """Its features are maps (N, C, H, W), as the layouts of its points say."""
    thing.network  # noqa: B018 - raises NotChecked where a node is missing
    try:
        features = thing.features
    except NotChecked as error:
        yield str(error)
        return
    wider = _wider(thing) or features
    height, width = _seen_size(thing)
    for point in thing.points:
        shape = tuple(features[point.name].shape)
        if fault := _fault_of_shape(shape, tuple(wider[point.name].shape), height == width):
            yield (
                f"Point {point.name!r} gives features {shape} for {IMAGES} images of {width} x {height}, {fault}: the "
                f"layout {point.layout} with {point.prefix_tokens} prefix tokens cannot be right."
            )


def own_forward_pass(thing: BackboneThing) -> Iterator[str]:
    """Its features are those of the network's own forward pass."""
    modules = dict(thing.loaded.module.named_modules())
    hooked = {point.node: modules[point.node] for point in thing.points if point.node in modules}
    if not hooked:
        raise NotChecked("Its nodes are operations and no modules, and only modules can be listened to.")
    outputs = thing.run_uncut(nodes=hooked)
    for point in thing.points:
        if point.node in hooked:
            yield from _departure(thing, point, outputs)


def finite_features(thing: BackboneThing) -> Iterator[str]:
    """Its features are finite."""
    for name, features in thing.features.items():
        if not torch.isfinite(features).all():
            yield f"Point {name!r} gives features that are NaN or infinite, for random images in [0, 1]."


def repeated_features(thing: BackboneThing) -> Iterator[str]:
    """The same images give the same features again."""
    again = thing.features_of(thing.images, SEED + 1)
    for name, features in thing.features.items():
        if not torch.equal(features.nan_to_num(), again[name].nan_to_num()):
            yield (
                f"Point {name!r} gives other features for the same images when it runs again: something in the network "
                "is drawn at random or remembered, such as dropout that is never switched off."
            )


def alone_or_in_a_batch(thing: BackboneThing) -> Iterator[str]:
    """An image has the same features alone and in a batch."""
    alone = thing.features_of(thing.images[:1])
    for name, features in thing.features.items():
        if (apart := _apart(alone[name], features[:1])) > ROUNDING:
            yield (
                f"Point {name!r}: alone, an image has other features than in a batch of {IMAGES}, by {apart:.2g} of "
                "the largest. Something in the network mixes the images of a batch, such as batch statistics."
            )


POINTS: tuple[Check, ...] = (
    nodes,
    layout,
    own_forward_pass,
    finite_features,
    repeated_features,
    alone_or_in_a_batch,
)


def _fault_of(point: ExtractionPoint, thing: BackboneThing) -> Iterator[str]:
    try:
        cut_backbone(thing.loaded.module, [point.node], thing.spec.name)
    except LnkitError as error:
        yield f"Point {point.name!r}: {error}"


def _departure(thing: BackboneThing, point: ExtractionPoint, outputs: Mapping[str, Any]) -> Iterator[str]:
    """How a point's features differ from ``outputs``, what the nodes gave in the network's own forward pass."""
    if point.node not in outputs:
        yield f"Point {point.name!r}: the network's own forward pass ends before node {point.node!r}."
        return
    own = as_map(outputs[point.node], point, _seen_size(thing))
    if (apart := _apart(thing.features[point.name], own)) > ROUNDING:
        yield (
            f"Point {point.name!r}: cut out of the network, its features differ from those of the network's own "
            f"forward pass by {apart:.2g} of the largest. The cut keeps what forward computes from the images, not "
            "hooks of the whole network, counters, or branches that depend on values."
        )


def _wider(thing: BackboneThing) -> dict[str, Tensor] | None:
    """The features of larger images, if the network takes such."""
    try:
        return thing.features_of(noise(thing.images.shape[2] + LARGER))
    except NotChecked:
        return None


def _fault_of_shape(shape: tuple[int, ...], wider: tuple[int, ...], square: bool) -> str:
    """What cannot be right about the features of images, square or not; ``wider`` are those of larger ones."""
    if shape[0] != IMAGES:
        return f"which is not one map for each of the {IMAGES}"
    if shape[1] != wider[1]:
        return f"and {wider[1]} channels instead of {shape[1]} for larger ones"
    return "" if shape[2] == shape[3] or not square else f"maps of {shape[2]} x {shape[3]} positions, not square ones"


def _seen_size(thing: BackboneThing) -> tuple[int, int]:
    """Height and width of the images as they reach the network, resized where it takes one size only."""
    height, width = thing.network.normalize(thing.images).shape[2:]
    return height, width


def _apart(a: Tensor, b: Tensor) -> float:
    """The largest difference, as a fraction of the largest value; infinite for other shapes."""
    if a.shape != b.shape:
        return float("inf")
    largest = max(float(a.abs().max()), float(b.abs().max()))
    return float((a - b).abs().max()) / largest if largest > 0 else 0.0
