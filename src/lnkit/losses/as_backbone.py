"""A loss as a backbone: every network of its terms in one module, and all its terms as the distance at one point."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lnkit.distances.expression import parse_distance
from lnkit.errors import UsageError
from lnkit.losses.definition import Loss, LossInput, LossTerm
from lnkit.plugins.user_backbones import WEIGHTS_AS_BUILT
from lnkit.progress import Progress
from lnkit.specs import NO_WEIGHTS, BackboneSpec, DistanceConfig, DistanceSpec, ExtractionPoint, LossNetworkId

if TYPE_CHECKING:
    from torch import nn

    from lnkit.networks.loss_network import LossNetwork
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.plugins.registry import Registry
    from lnkit.specs import Distance

POINT = "loss"  # at which the loss is cut: the nodes of all terms
DISTANCE = "loss"
NODE = "outputs."

Weights = str | Path | Mapping[str, str | Path]  # of all backbones, or by name


@dataclass(frozen=True, slots=True)
class LossBackbone:
    """A loss described as a backbone with one extraction point and a distance of its own. Nothing is loaded yet."""

    loss: Loss
    spec: BackboneSpec  # named by the text of the loss
    point: ExtractionPoint
    distance: DistanceSpec
    parts: tuple[LossPart, ...]

    @property
    def distances(self) -> tuple[str, ...]:
        """The names of the distances of all terms."""
        return tuple(dict.fromkeys(part.name for term in self.loss.terms for part in parse_distance(term.distance)))

    def weights_of(self, weights: Weights) -> dict[str, str | Path]:
        """Return the weights of each backbone.

        Args:
            weights: "pretrained" or "random" for all; a file for the only backbone that has weights; or those of each
                backbone by its name, where "pretrained" need not be said.

        Raises:
            UsageError: a file is given to several backbones, or a name is that of none.
        """
        names, with_weights = self.loss.backbones, _with_weights(self.parts)
        if isinstance(weights, Mapping):
            if unknown := [name for name in weights if name not in names]:
                raise UsageError(f"Weights are given for {unknown[0]!r}; the loss has: {', '.join(names)}.")
            given = dict(weights)
        elif weights in ("pretrained", "random"):
            given = dict.fromkeys(with_weights, weights)
        elif len(with_weights) == 1:
            given = {with_weights[0]: weights}
        else:
            example = f"{(with_weights or names)[0]}={weights}"
            raise UsageError(f"The loss has several backbones: say whose weights these are, as in --weights {example}.")
        return {name: given.get(name, "pretrained") for name in names}

    def load(self, weights: Weights = "pretrained", seed: int = 0, progress: Progress | None = None) -> LoadedBackbone:
        """Build all networks with their weights, cut them at their points, and join them.

        Args:
            weights: as for :meth:`weights_of`.
            seed: of random weights.
            progress: announces downloads before they begin.

        Raises:
            PluginError: a plugin failed to build its backbone.
            UsageError: as for :meth:`weights_of`.
            WeightsError: weights are missing, damaged, made for another network, or could not be fetched.
        """
        from lnkit.losses.mixture import Mixture  # noqa: PLC0415 - torch, only when it is built
        from lnkit.networks.weights import LoadedBackbone, build_backbone  # noqa: PLC0415

        by_name = self.weights_of(weights)
        loaded = {
            name: build_backbone(spec, by_name[name], seed, progress)
            for name, spec in {network.spec.name: network.spec for network in self.parts}.items()
        }
        cut = [network.cut(loaded[network.spec.name]) for network in self.parts]
        built = [part for part in loaded.values() if part.weights != NO_WEIGHTS] or list(loaded.values())
        digests = [part.sha256 for part in built]
        return LoadedBackbone(
            Mixture(cut),
            "+".join(dict.fromkeys(part.weights for part in built)),
            digests[0] if len(built) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest(),
            "; ".join(f"{name}: {part.source}" for name, part in loaded.items()),
        )

    def cut(self, loaded: LoadedBackbone, registry: Registry) -> LossNetwork:
        """Cut what :meth:`load` returned at the nodes of all terms.

        Args:
            loaded: the networks of the loss.
            registry: that the loss was described with.
        """
        from lnkit.networks.load import make_loss_network  # noqa: PLC0415 - torch, only when it is built

        known = registry.with_backbone(self.spec, {self.point.name: self.point})
        points = known.points_of(LossNetworkId(self.spec.name, (self.point.name,)))
        return make_loss_network(loaded, self.spec, points, check=False)


@dataclass(frozen=True, slots=True)
class LossPart:
    """One backbone of a loss with what it gets from any number of terms: its points, and where they stand among all."""

    spec: BackboneSpec
    input: LossInput
    points: tuple[ExtractionPoint, ...]
    first: int  # index of the node of the first point
    normalization: str  # "lpips"
    transform_input: bool
    check: bool  # compare the cut with the network's own forward

    def node_of(self, point: ExtractionPoint) -> int:
        return self.first + [_place(known) for known in self.points].index(_place(point))

    def cut(self, loaded: LoadedBackbone, *, check: bool = True) -> LossNetwork:
        from lnkit.networks.load import make_loss_network  # noqa: PLC0415 - torch, only when it is built

        spec, given = self.spec, self.input
        if given.size:
            spec = replace(spec, input_size=(given.size, given.size), interpolation=given.interpolation)
        return make_loss_network(
            loaded, spec, self.points, self.normalization, self.transform_input, check=self.check and check
        )


def loss_as_backbone(
    loss: Loss, registry: Registry, normalization: str = "backbone", *, transform_input: bool = True
) -> LossBackbone:
    """Look up the names of a loss, and describe it as a backbone.

    Args:
        loss: with a distance in each term.
        registry: of the backbones, points and distances.
        normalization: of the backbones for which the loss names none; as for :func:`lnkit.load_loss_network`.
        transform_input: as for :func:`lnkit.load_loss_network`.

    Raises:
        UnknownNameError: a backbone, a point or a distance is unknown.
    """
    networks = _networks(loss, registry, normalization, transform_input)
    specs = [network.spec for network in networks]
    nodes = sum(len(network.points) for network in networks)
    spec = BackboneSpec(
        name=str(loss),
        family="loss",
        load=partial(_outline, networks),
        mean=(0.0, 0.0, 0.0),  # each network normalizes for itself
        std=(1.0, 1.0, 1.0),
        min_size=max(spec.min_size for spec in specs),
        distance=DISTANCE,
    )
    point = ExtractionPoint(POINT, "+".join(f"{NODE}{index}" for index in range(nodes)))
    load = partial(_load_distance, loss, networks, registry)
    distance = DistanceSpec(DISTANCE, load, "the terms of the loss", per_point=True)
    described = LossBackbone(loss, spec, point, distance, networks)
    for name in described.distances:
        registry.distance(name)
    return described


def _networks(loss: Loss, registry: Registry, normalization: str, transform_input: bool) -> tuple[LossPart, ...]:
    """Return each backbone of a loss once for each way in which it gets the images, with the points of all terms."""
    names: dict[tuple[str, LossInput], dict[str, None]] = {}
    for term in loss.terms:
        names.setdefault((term.backbone, term.input), {}).update(dict.fromkeys(term.points))
    networks: list[LossPart] = []
    for (backbone, given), points in names.items():
        (group,) = registry.resolve_points(backbone, "+".join(points))
        network = LossPart(
            spec=registry.backbone(backbone),
            input=given,
            points=registry.points_of(LossNetworkId(backbone, group)),
            first=sum(len(known.points) for known in networks),
            normalization=given.normalization or normalization,
            transform_input=transform_input,
            check=not registry.provider("backbone", backbone).tested,
        )
        networks.append(network)
    return tuple(networks)


def _place(point: ExtractionPoint) -> tuple[str, bool]:
    """Return what distinguishes points of one network: the node, and whether its class token is meant."""
    return point.node, point.layout == "CLS"


def _with_weights(networks: Sequence[LossPart]) -> list[str]:
    """Return the names of the backbones that can take other weights."""
    specs = {network.spec.name: network.spec for network in networks}
    return [name for name, spec in specs.items() if spec.weights not in (NO_WEIGHTS, WEIGHTS_AS_BUILT)]


def _outline(networks: Sequence[LossPart], _pretrained: bool) -> nn.Module:
    """Build a loss with random weights, to measure its attributes."""
    from lnkit.losses.mixture import Mixture  # noqa: PLC0415 - torch, only when it is built
    from lnkit.networks.weights import LoadedBackbone, build_random  # noqa: PLC0415

    specs = {network.spec.name: network.spec for network in networks}
    built = {name: LoadedBackbone(build_random(spec).eval(), "random", "", name) for name, spec in specs.items()}
    return Mixture([network.cut(built[network.spec.name], check=False) for network in networks])


def _load_distance(
    loss: Loss, networks: Sequence[LossPart], registry: Registry, *, backbone: str, point: str, **options: Any
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
    term: LossTerm, networks: Sequence[LossPart], registry: Registry, options: dict[str, Any]
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
