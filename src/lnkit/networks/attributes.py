"""Attributes of backbones and loss networks, measured on the network itself (Pihlgren2023, Table I).

They are measured with random weights, on torch's meta device if possible, so they need no download and little time.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import torch
from torch import nn

from lnkit.networks.inspection import PointFacts, inspect_points
from lnkit.networks.profiler import count_macs
from lnkit.networks.structure import Structure, read_structure
from lnkit.networks.weights import build_random
from lnkit.specs import BackboneSpec, ExtractionPoint, LossNetworkId

logger = logging.getLogger("lnkit")

PARTS = ("parameters", "depth", "macs")  # attributes of which a loss network uses a fraction
SUMS = ("point_channels", "point_features")  # summed over several points; of the others the maximum counts
SIZE = 224  # side in pixels of the image that macs and features are counted for (Pihlgren2023, Table I)

Attributes = Mapping[str, float | None]  # by the names of lnkit.analysis.attributes


@dataclass(frozen=True, slots=True)
class BackboneAttributes:
    """Attributes of a whole backbone, and of the part up to each point."""

    backbone: Attributes  # imagenet_top1, parameters, depth, macs, skip_connections, branches, conv_1x1, batch_norm
    points: Mapping[str, Attributes]  # point -> point_*, fraction_*; without points that cannot be measured

    def of(self, points: Sequence[str]) -> dict[str, float | None]:
        """Return the attributes of the loss network at ``points``, with those of the backbone.

        Costs and depth are those of the deepest point; channels and features are summed over the points.
        """
        measured = [self.points[point] for point in points if point in self.points]
        if len(measured) < len(points):
            return dict(self.backbone)
        joined = {name: _joined(name, [attributes[name] for attributes in measured]) for name in measured[0]}
        return {**self.backbone, **joined}


def measure_attributes(spec: BackboneSpec, points: Sequence[ExtractionPoint]) -> BackboneAttributes:
    """Measure the attributes of a backbone and of its points.

    ``macs`` are the multiply-adds of convolutions and matrix products for one image of 224 x 224 pixels, or of the
    input size of the backbone. ``parameters`` counts all parameters, ``point_parameters`` those used up to the point.
    Flags are 0 or 1; ``imagenet_top1`` is in percent, None if unknown.

    Args:
        spec: The backbone.
        points: Its points to measure.

    Raises:
        WeightsError: A package that the backbone needs is missing.
    """
    size = max(SIZE, spec.min_size)
    backbone, structure = _build_and_read(spec, [node for point in points for node in point.nodes], size)
    whole = _whole(spec, backbone, structure, size)
    facts = inspect_points(spec, points, size, strides=False)
    return BackboneAttributes(
        whole, {point.point.name: _at(point, structure, whole) for point in facts if not point.problem}
    )


def attributes_of(
    spec: BackboneSpec, networks: Mapping[LossNetworkId, Sequence[ExtractionPoint]]
) -> dict[LossNetworkId, Mapping[str, float | None]]:
    """Return the attributes of several loss networks of one backbone, empty if they cannot be measured.

    Errors raised by the code of the backbone are logged only: missing attributes must not fail a run.
    """
    points = tuple({point.name: point for group in networks.values() for point in group}.values())
    try:
        measured = measure_attributes(spec, points)
    except Exception as error:
        logger.debug("The attributes of %s cannot be measured: %s", spec.name, error)
        return {network: {} for network in networks}
    return {network: measured.of([point.name for point in group]) for network, group in networks.items()}


def _build_and_read(spec: BackboneSpec, nodes: Sequence[str], size: int) -> tuple[nn.Module, Structure]:
    """Return a backbone and its structure, on the meta device unless an operation needs values."""
    for device in ("meta", "cpu"):
        try:
            with torch.device(device):
                image = torch.zeros(1, 3, *(spec.input_size or (size, size)))
                backbone = build_random(spec).to(device).eval()
            return backbone, read_structure(backbone, nodes, image)
        except NotImplementedError as error:
            if device == "cpu":
                raise
            logger.debug("%s does not run on the meta device: %s", spec.name, error)
    raise AssertionError("the loop returns or raises")


def _whole(spec: BackboneSpec, backbone: nn.Module, structure: Structure, size: int) -> dict[str, float | None]:
    return {
        "imagenet_top1": spec.imagenet_top1,
        "parameters": sum(parameter.numel() for parameter in backbone.parameters()),
        "depth": structure.depth,
        "macs": count_macs(backbone, spec.input_size or (size, size)),
        "skip_connections": int(structure.skip_connections),
        "branches": int(structure.branches),
        "conv_1x1": int(structure.conv_1x1),
        "batch_norm": int(structure.batch_norm),
    }


def _at(facts: PointFacts, structure: Structure, whole: Attributes) -> dict[str, float | None]:
    depths = [structure.depth_at.get(node) for node in facts.point.nodes]
    depth = None if None in depths else max(depth for depth in depths if depth is not None)
    attributes: dict[str, float | None] = {
        "point_parameters": facts.parameters,
        "point_depth": depth,
        "point_macs": facts.macs,
        "point_channels": sum(output.shape[0] for output in facts.outputs),
        "point_features": sum(prod(output.shape) for output in facts.outputs),
    }
    return attributes | {f"fraction_{name}": _fraction(attributes[f"point_{name}"], whole[name]) for name in PARTS}


def _fraction(part: float | None, whole: float | None) -> float | None:
    return round(part / whole, 6) if part is not None and whole else None


def _joined(name: str, values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    return sum(known) if name in SUMS else max(known)
