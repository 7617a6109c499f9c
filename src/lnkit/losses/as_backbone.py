"""A loss as a backbone with a point and a distance of its own, which benchmarks and training take like any other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from lnkit.losses.definition import Loss, LossTerm
from lnkit.progress import Progress
from lnkit.specs import BackboneSpec, DistanceConfig, DistanceSpec, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    import torch

    from lnkit.losses.definition import LossInput
    from lnkit.plugins.registry import Registry
    from lnkit.specs import Distance

POINT = "loss"  # the named set of all nodes of a loss
DISTANCE = "loss"  # the distance at a node: the weighted sum of what the terms have there
NODE = "outputs."  # the nodes of a mixture are outputs.0, outputs.1 and so on


@dataclass(frozen=True, slots=True)
class LossBackbone:
    """What a loss is to the parts of lnkit that know backbones only."""

    spec: BackboneSpec  # named like the loss: "vgg19:conv1_2*0.1+conv5_4, l1"
    point: ExtractionPoint
    distance: DistanceSpec


@dataclass(frozen=True, slots=True)
class _Network:
    """A backbone that runs once, whatever the number of terms: its points, and where they stand among all nodes."""

    spec: BackboneSpec
    input: LossInput
    points: tuple[ExtractionPoint, ...]
    first: int  # index of the node of the first point

    def node_of(self, point: ExtractionPoint) -> int:
        return self.first + [_place(known) for known in self.points].index(_place(point))


def loss_as_backbone(loss: Loss, registry: Registry, progress: Progress) -> LossBackbone:
    """Look up the names of a loss, and describe it as a backbone.

    Args:
        loss: with a distance in each term.
        registry: of the backbones, points and distances.
        progress: announces downloads of weights.

    Raises:
        UnknownNameError: a backbone, a point or a distance is unknown.
    """
    networks = _networks(loss, registry)
    specs = [network.spec for network in networks]
    nodes = sum(len(network.points) for network in networks)
    spec = BackboneSpec(
        name=str(loss),
        family="loss",
        load=partial(_build, networks, progress),
        weights="+".join(spec.weights for spec in specs) if all(spec.weights for spec in specs) else "",
        mean=(0.0, 0.0, 0.0),  # each network normalizes for itself
        std=(1.0, 1.0, 1.0),
        min_size=max(spec.min_size for spec in specs),
        distance=DISTANCE,
    )
    point = ExtractionPoint(POINT, "+".join(f"{NODE}{index}" for index in range(nodes)))
    load = partial(_load_distance, loss, networks, registry)
    return LossBackbone(spec, point, DistanceSpec(DISTANCE, load, "the terms of the loss", per_point=True))


def _networks(loss: Loss, registry: Registry) -> tuple[_Network, ...]:
    """Return each backbone of a loss once for each way in which it gets the images, with the points of all terms."""
    names: dict[tuple[str, LossInput], dict[str, None]] = {}
    for term in loss.terms:
        names.setdefault((term.backbone, term.input), {}).update(dict.fromkeys(term.points))
    networks: list[_Network] = []
    for (backbone, given), points in names.items():
        (group,) = registry.resolve_points(backbone, "+".join(points))
        network = LossNetworkId(backbone, group)
        first = sum(len(known.points) for known in networks)
        networks.append(_Network(registry.backbone(backbone), given, registry.points_of(network), first))
    return tuple(networks)


def _place(point: ExtractionPoint) -> tuple[str, bool]:
    """Return what distinguishes points of one network: the node, and whether its class token is meant."""
    return point.node, point.layout == "CLS"


def _build(networks: Sequence[_Network], progress: Progress, pretrained: bool) -> torch.nn.Module:
    from lnkit.losses.mixture import Mixture  # noqa: PLC0415 - torch, only when it is built
    from lnkit.networks.load import make_loss_network  # noqa: PLC0415
    from lnkit.networks.weights import build_part  # noqa: PLC0415

    parts = []
    for network in networks:
        spec, given = network.spec, network.input
        if given.size:
            spec = replace(spec, input_size=(given.size, given.size), interpolation=given.interpolation)
        loaded = build_part(network.spec, pretrained, progress)
        parts.append(make_loss_network(loaded, spec, network.points, given.normalization))
    return Mixture(parts)


def _load_distance(
    loss: Loss, networks: Sequence[_Network], registry: Registry, *, backbone: str, point: str, **options: Any
) -> Distance:
    """Return the weighted sum of the distances of all terms at one node of the mixture."""
    from lnkit.distances.embedding import Summed, Weighted  # noqa: PLC0415 - torch, only when it is loaded

    node = 0 if point == POINT else int(point.removeprefix(NODE))  # a set of one node keeps its name
    parts = [
        Weighted(distance, weight)
        for term in loss.terms
        for index, weight, distance in _term_distances(term, networks, registry, options)
        if index == node
    ]
    return parts[0] if len(parts) == 1 else Summed(tuple(parts))


def _term_distances(
    term: LossTerm, networks: Sequence[_Network], registry: Registry, options: dict[str, Any]
) -> list[tuple[int, float, Distance]]:
    """Return the node, the weight and the distance of each single point of a term."""
    from lnkit.distances.factory import make_distances  # noqa: PLC0415 - torch, only when it is loaded

    (network,) = (n for n in networks if (n.spec.name, n.input) == (term.backbone, term.input))
    weighted = [
        (point, term.weight * weight)
        for name, weight in term.points.items()
        for point in registry.points_of(LossNetworkId(term.backbone, (name,)))
    ]
    names = [point.name for point, _ in weighted]
    made = make_distances(DistanceConfig(term.distance, **options), names, registry.distance, term.backbone)
    return [(network.node_of(point), weight, made[index]) for index, (point, weight) in enumerate(weighted)]
