"""Build distances from a configuration: a name or a sum of names, options, and learned weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from inspect import signature
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lnkit.distances.dists_weights import load_dists_weights
from lnkit.distances.embedding import Summed
from lnkit.distances.expression import DistanceTerm, parse_distance
from lnkit.distances.foreign import ForeignDistance, is_foreign, owner_of_distance
from lnkit.distances.lin_weights import load_lin_weights
from lnkit.errors import PluginError, UsageError
from lnkit.plugins.guard import blamed
from lnkit.specs import DistanceConfig, DistanceSpec, load_function

if TYPE_CHECKING:
    from lnkit.specs import Distance


def make_distances(
    config: DistanceConfig,
    points: Sequence[str],
    lookup: Callable[[str], DistanceSpec],
    backbone: str = "",
) -> tuple[Distance, ...]:
    """Build the distance of a configuration, once for each point of a loss network.

    Args:
        config: The distance and its options; sums are joined with "+" ("spatial+sort").
        points: Names of the loss network's points.
        lookup: Finds the spec of a distance by name, such as a registry's ``distance``.
        backbone: Name of the backbone; needed for weights that were learned for it.

    Returns:
        One distance for each point, in their order: the same function, unless learned weights differ by point.

    Raises:
        UnknownNameError: ``lookup`` does not know the name.
        UsageError: The distance does not have an option of ``config``, or its learned weights do not fit the points.
        WeightsError: The file of learned weights is missing or damaged.

    Example:
        >>> import torch
        >>> from lnkit.distances.builtin_plugin import builtin_spec
        >>> early, late = make_distances(DistanceConfig("squared"), ["early", "late"], builtin_spec)
        >>> early(torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3))
        tensor([1.])
    """
    terms = [_load_term(lookup(term.name), term, config, points, backbone) for term in parse_distance(config.name)]
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
    """Build the distances of several loss networks of one backbone, sharing functions between them.

    Loss networks with the same point and the same config get the same function, so the distance at that point is
    computed once. Learned weights depend on all points of a loss network and are not shared.

    Args:
        loss_networks: The points of each loss network, by name.
        configs: The distance of each loss network.
        lookup: Finds the spec of a distance by name.
        backbone: Name of the backbone.

    Returns:
        For each loss network the distances of its points, as :func:`make_distances` gives them.
    """
    known: dict[tuple[DistanceConfig, str], Distance] = {}
    shared = []
    for points, config in zip(loss_networks, configs, strict=True):
        distances = make_distances(config, points, lookup, backbone)
        if not _is_learned(config):
            pairs = zip(points, distances, strict=True)
            distances = tuple(known.setdefault((config, point), distance) for point, distance in pairs)
        shared.append(distances)
    return shared


def total_distance(
    a: Mapping[str, Tensor], b: Mapping[str, Tensor], points: Sequence[str], distances: Sequence[Distance]
) -> Tensor:
    """Sum the distances at the points of a loss network.

    Args:
        a: Features (N, C, H, W) by point.
        b: Features of the same shapes.
        points: The points to sum over.
        distances: The distance of each of ``points``.

    Returns:
        Distances (N,).
    """
    terms = [distance(a[point], b[point]) for point, distance in zip(points, distances, strict=True)]
    return torch.stack(terms).sum(0)


def _is_learned(config: DistanceConfig) -> bool:
    return bool(config.lin_weights) or any("weights" in term.options for term in parse_distance(config.name))


def _load_term(
    spec: DistanceSpec, term: DistanceTerm, config: DistanceConfig, points: Sequence[str], backbone: str
) -> tuple[Distance, ...]:
    default = DistanceConfig()
    options: dict[str, object] = {
        option: getattr(config, option)
        for option in ("channel_norm", "epsilon")
        if getattr(config, option) != getattr(default, option)
    }
    options |= term.options
    try:
        if is_foreign(spec):
            return _load_foreign(spec, points, backbone, options)
        if spec.per_point:
            return tuple(load_function(spec.load)(backbone=backbone, point=point, **options) for point in points)
        if spec.name == "dists" and "weights" in options:
            learned = load_dists_weights(str(options.pop("weights")), len(points))
            return tuple(load_function(spec.load)(weights=weights, **options) for weights in learned)
        if spec.name != "lin":
            return (load_function(spec.load)(**options),) * len(points)
        source = str(options.pop("weights", config.lin_weights))
        weights = load_lin_weights(f"lpips:{backbone}" if source == "lpips" else source, len(points))
        return tuple(load_function(spec.load)(weight=weight, **options) for weight in weights)
    except TypeError as error:
        named = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise UsageError(f"The distance {spec.name!r} does not take {named}: {error}.") from error


def _load_foreign(
    spec: DistanceSpec, points: Sequence[str], backbone: str, options: Mapping[str, object]
) -> tuple[Distance, ...]:
    """Load a distance of others, once for all points, or once for each if it is learned for them."""
    settings = [{"backbone": backbone, "point": point} for point in points] if spec.per_point else [{}]
    functions = []
    for setting in settings:
        with blamed(owner_of_distance(spec), "to load"):
            load = load_function(spec.load)
            _require_options(spec, load, {**setting, **options})
            function = load(**setting, **options)
            if not callable(function):
                raise PluginError(
                    f"Expected load of the distance {spec.name!r} to return a function of two tensors, got "
                    f"{type(function).__name__}."
                )
        functions.append(ForeignDistance(spec, function))
    return tuple(functions) if spec.per_point else tuple(functions * len(points))


def _require_options(spec: DistanceSpec, load: Callable[..., object], options: Mapping[str, object]) -> None:
    """Raise UsageError unless the distance takes these options."""
    try:
        signature(load).bind(**options)
    except TypeError as error:
        named = ", ".join(f"{option}={value!r}" for option, value in options.items())
        raise UsageError(f"The distance {spec.name!r} does not take {named}: {error}.") from error
    except ValueError:  # built in, without a signature
        return
