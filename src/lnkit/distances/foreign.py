"""Distances of plugins and users, called under guard: what they return is checked, and their failures name them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lnkit.errors import PluginError
from lnkit.plugins.guard import Owner, blamed, owner_of
from lnkit.specs import DistanceSpec

if TYPE_CHECKING:
    from lnkit.specs import Distance


def owner_of_distance(spec: DistanceSpec) -> Owner:
    """Return whose code a distance is."""
    return owner_of(f"Distance {spec.name!r}", spec.load)


def is_foreign(spec: DistanceSpec) -> bool:
    """Whether a distance comes from a plugin or a user, and not from lnkit itself."""
    return owner_of_distance(spec).package != "lnkit"


class ForeignDistance:
    """A distance function of others, as lnkit calls it: features of two images (N, C, H, W) give (N,)."""

    def __init__(self, spec: DistanceSpec, function: Distance) -> None:
        self.owner, self.function = owner_of_distance(spec), function

    def __call__(self, a: Tensor, b: Tensor) -> Tensor:
        """Return the distances; raise PluginError unless they are one real number for each pair, on the device of a."""
        if torch.compiler.is_compiling():
            return self.function(a, b)
        with blamed(self.owner, "to compare features"):
            distances = self.function(a, b)
            is_tensor = isinstance(distances, Tensor) and distances.shape == a.shape[:1]
            if is_tensor and distances.is_floating_point() and distances.device == a.device:
                return distances
            raise PluginError(
                f"{self.owner.title} returned something else than distances: expected {len(a)} real numbers on "
                f"{a.device} for features of shape {tuple(a.shape)}, got {_show(distances)}."
            )


def _show(distances: object) -> str:
    if not isinstance(distances, Tensor):
        return type(distances).__name__
    return f"{distances.dtype} of shape {tuple(distances.shape)} on {distances.device}"
