"""The distance of Cai2025: the angle between the whole feature maps, flattened, over pi."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from lnkit.distances import Embedded, unit_normalize


def load() -> Embedded:
    """Return the distance, for the registry."""
    return Embedded(_flatten, _angle)


def flat_angle(a: Tensor, b: Tensor) -> Tensor:
    """Return the angle between the flattened features over pi.

    Args:
        a: Features (N, C, H, W), floating point; in float32 small angles lose digits, but not all, as arccos would.
        b: Features of the same shape.

    Returns:
        Distances (N,), from 0 to 1; 0.5 between zero features and any other, 0 between zero features.

    References:
        Cai2025; the formula by half angles is Kahan's, see :func:`lnkit.distances.angle`.
    """
    return load()(a, b)


def _flatten(features: Tensor) -> Tensor:
    return unit_normalize(features.flatten(1), 1, "reference")


def _angle(a: Tensor, b: Tensor) -> Tensor:
    difference, total = (torch.linalg.vector_norm(vector, dim=1) for vector in (a - b, a + b))
    return 2 * torch.atan2(difference, total) / pi
