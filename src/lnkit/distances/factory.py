"""Distances from a configuration: what a name stands for, with its options and learned weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lnkit.distances.functional import Summed
from lnkit.distances.lin_weights import load_lin_weights
from lnkit.errors import UsageError
from lnkit.specs import DistanceConfig, DistanceSpec, load_object

if TYPE_CHECKING:
    from lnkit.specs import Distance


def make_distances(
    config: DistanceConfig,
    points: Sequence[str],
    lookup: Callable[[str], DistanceSpec],
    backbone: str = "",
) -> tuple[Distance, ...]:
    """Build the distance that ``config`` names, once for each of a loss network's ``points``, in their order.

    They are one and the same function unless learned weights tell the points apart. ``lookup`` finds a DistanceSpec by
    name, as a registry does; ``backbone`` is needed for weights that were learned for it. Raises UsageError for options
    that a distance does not have and UnknownNameError.
    """
    if config.lin_weights == "lpips":
        config = replace(config, lin_weights=f"lpips:{backbone}")
    terms = [_load_term(lookup(name), config, points, backbone) for name in config.name.split("+")]
    if len(terms) == 1:
        return terms[0]
    if all(len(set(term)) == 1 for term in terms):
        return (Summed(tuple(term[0] for term in terms)),) * len(points)
    return tuple(Summed(column) for column in zip(*terms, strict=True))


def shared_distances(
    loss_networks: Sequence[Sequence[str]],
    configs: Sequence[DistanceConfig],
    lookup: Callable[[str], DistanceSpec],
    backbone: str = "",
) -> list[tuple[Distance, ...]]:
    """Build the distance of each loss network, given the points and the config of each.

    Where two have the same point and the same config, they get one and the same function, so that what both need can
    be computed once. Learned weights that belong to the points of one loss network are not shared.
    """
    known: dict[tuple[DistanceConfig, str], Distance] = {}
    found = []
    for points, config in zip(loss_networks, configs, strict=True):
        made = make_distances(config, points, lookup, backbone)
        if not config.lin_weights:
            made = tuple(known.setdefault((config, point), one) for point, one in zip(points, made, strict=True))
        found.append(made)
    return found


def total_distance(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], points: Sequence[str], distances: Sequence[Distance]
) -> Tensor:
    """Sum a loss network's distances over its points: two {point: (N, C, H, W)} give (N,)."""
    each = [distance(a[point], b[point]) for point, distance in zip(points, distances, strict=True)]
    return torch.stack(each).sum(0)


def _load_term(
    spec: DistanceSpec, config: DistanceConfig, points: Sequence[str], backbone: str
) -> tuple[Distance, ...]:
    default = DistanceConfig()
    options: dict[str, object] = {
        option: getattr(config, option)
        for option in ("channel_norm", "epsilon")
        if getattr(config, option) != getattr(default, option)
    }
    try:
        if spec.per_point:
            return tuple(load_object(spec.load)(backbone=backbone, point=point, **options) for point in points)
        if spec.name != "lin":
            return (load_object(spec.load)(**options),) * len(points)
        weights = load_lin_weights(config.lin_weights, len(points))
        return tuple(load_object(spec.load)(weight=weight, **options) for weight in weights)
    except TypeError as error:
        named = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise UsageError(f"The distance {spec.name!r} does not take {named}: {error}.") from error
