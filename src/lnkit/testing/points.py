"""Checks of extraction points: they exist, and their features are those of the uncut network."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from lnkit.errors import LnkitError
from lnkit.networks.feature_map import as_map
from lnkit.networks.graph_extractor import cut_backbone
from lnkit.specs import ExtractionPoint
from lnkit.testing.backbones import IMAGES, SEED, BackboneSubject, random_images
from lnkit.testing.checks import Check, NotChecked

ROUNDING = 1e-4  # tolerance relative to the largest feature; the order of summation depends on the batch size
LARGER = 32  # pixels added for the larger images: a multiple of all common strides and patch sizes


def nodes(subject: BackboneSubject) -> Iterator[str]:
    """Every node of its points exists and is executed."""
    try:
        subject.network  # noqa: B018 - cut at all points at once; one by one only if that fails
    except NotChecked:
        faults = [fault for point in subject.points for fault in _cut_fault(point, subject)]
        if not faults:
            raise
        yield from faults


def layout(subject: BackboneSubject) -> Iterator[str]:
    """The layouts of its points give features (N, C, H, W)."""
    subject.network  # noqa: B018 - raises NotChecked if a node is missing
    try:
        features = subject.features
    except NotChecked as error:
        yield str(error)
        return
    larger = _features_of_larger_images(subject) or features
    height, width = _input_size(subject)
    for point in subject.points:
        shape = tuple(features[point.name].shape)
        if fault := _shape_fault(shape, tuple(larger[point.name].shape), height == width):
            yield (
                f"Point {point.name!r} gives features {shape} for {IMAGES} images of {width} x {height}, {fault}: "
                f"correct its layout {point.layout} or its number of prefix tokens, {point.prefix_tokens}."
            )


def same_as_uncut(subject: BackboneSubject) -> Iterator[str]:
    """Its features equal the outputs of the same nodes in the uncut network."""
    modules = dict(subject.loaded.module.named_modules())
    hooked = {point.node: modules[point.node] for point in subject.points if point.node in modules}
    if not hooked:
        raise NotChecked("Its nodes are operations, but only the outputs of modules can be recorded.")
    outputs = subject.run_uncut(nodes=hooked)
    for point in subject.points:
        if point.node in hooked:
            yield from _difference_from_uncut(subject, point, outputs)


def finite_features(subject: BackboneSubject) -> Iterator[str]:
    """Its features are finite."""
    for name, features in subject.features.items():
        if not torch.isfinite(features).all():
            yield f"Point {name!r} gives features that are NaN or infinite for random images in [0, 1]."


def repeated_features(subject: BackboneSubject) -> Iterator[str]:
    """The same images give the same features in a second run."""
    again = subject.features_of(subject.images, SEED + 1)
    for name, features in subject.features.items():
        if not torch.equal(features.nan_to_num(), again[name].nan_to_num()):
            yield (
                f"Point {name!r} gives different features for the same images in a second run: the network draws "
                "random numbers or keeps state, for example with dropout in evaluation mode."
            )


def batch_independence(subject: BackboneSubject) -> Iterator[str]:
    """The features of an image do not depend on the other images of its batch."""
    alone = subject.features_of(subject.images[:1])
    for name, features in subject.features.items():
        if (difference := _relative_difference(alone[name], features[:1])) > ROUNDING:
            yield (
                f"Point {name!r}: the features of an image alone and in a batch of {IMAGES} differ by {difference:.2g} "
                "of the largest feature. The network mixes the images of a batch, for example with batch statistics."
            )


POINT_CHECKS: tuple[Check, ...] = (nodes, layout, same_as_uncut, finite_features, repeated_features, batch_independence)


def _cut_fault(point: ExtractionPoint, subject: BackboneSubject) -> Iterator[str]:
    module = subject.loaded.module
    try:
        cut_backbone(module, [point.node], subject.spec.name)
    except LnkitError as error:
        yield f"Point {point.name!r}: {error}"


def _difference_from_uncut(
    subject: BackboneSubject, point: ExtractionPoint, outputs: Mapping[str, Any]
) -> Iterator[str]:
    """Yield how a point's features differ from ``outputs``, which the nodes gave in the uncut network."""
    if point.node not in outputs:
        yield f"Point {point.name!r}: the uncut network never runs node {point.node!r}."
        return
    uncut = as_map(outputs[point.node], point, _input_size(subject))
    if (difference := _relative_difference(subject.features[point.name], uncut)) > ROUNDING:
        yield (
            f"Point {point.name!r}: its features differ from those of the uncut network by {difference:.2g} of the "
            "largest. A cut keeps what forward computes from the images, but not counters or branches that depend on "
            "values."
        )


def _features_of_larger_images(subject: BackboneSubject) -> dict[str, Tensor] | None:
    """Return the features of larger images; None if the network cannot process them."""
    try:
        return subject.features_of(random_images(subject.images.shape[2] + LARGER))
    except NotChecked:
        return None


def _shape_fault(shape: tuple[int, ...], larger: tuple[int, ...], square: bool) -> str:
    """Return what is implausible about a shape (N, C, H, W) of features; empty if nothing is.

    Args:
        shape: of the features of the images.
        larger: of the features of larger images.
        square: whether the images are square.
    """
    if shape[0] != IMAGES:
        return f"which is not one map for each of the {IMAGES}"
    if shape[1] != larger[1]:
        return f"and {larger[1]} channels instead of {shape[1]} for larger ones"
    return "" if shape[2] == shape[3] or not square else f"maps of {shape[2]} x {shape[3]} positions, not square ones"


def _input_size(subject: BackboneSubject) -> tuple[int, int]:
    """Return height and width of the network's input: of the images, or the fixed size that they are resized to."""
    height, width = subject.network.normalize(subject.images).shape[2:]
    return height, width


def _relative_difference(a: Tensor, b: Tensor) -> float:
    """Return the largest difference as a fraction of the largest value; infinite for different shapes."""
    if a.shape != b.shape:
        return float("inf")
    largest = max(float(a.abs().max()), float(b.abs().max()))
    return float((a - b).abs().max()) / largest if largest > 0 else 0.0
