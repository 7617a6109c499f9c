"""Check, before a run counts, that an image has the same features and distances each time and in any batch.

The tests of lnkit's repository show this for the networks and distances in it. All others compute a few images twice
and in two batch sizes. What varies is refused, unless the user allows it: then the key of the run, the signatures of
its scores and a note say so.
"""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING

from lnkit.errors import PluginError, UsageError
from lnkit.evaluation.request import DISTANCE_ROLE, ResolvedRequest
from lnkit.evaluation.services import cut_network
from lnkit.plugins.registry import USER_CODE
from lnkit.results.records import VARIES, RunKey
from lnkit.specs import LossNetworkId

if TYPE_CHECKING:
    from torch import Tensor

    from lnkit.networks.loss_network import LossNetwork
    from lnkit.networks.weights import LoadedBackbone
    from lnkit.plugins.isolation import Plugin

_log = logging.getLogger("lnkit")

_REASONS = {
    "chance": (
        "gives something else each time for the same images: it depends on chance or on earlier calls. Let it draw or "
        "count in training mode only (`if self.training`)"
    ),
    "batch": (
        "gives something else for an image when others are in its batch, so that scores would depend on the batch size "
        "(as with BatchNorm2d(track_running_stats=False) or attention over the batch). Let it compute each image by "
        "itself"
    ),
}
_CAUSES = {"chance": "chance, so another run gives other scores", "batch": "the batch size"}


def check_promises(
    keys: Mapping[LossNetworkId, RunKey], resolved: ResolvedRequest, loaded: LoadedBackbone, image_size: int
) -> tuple[dict[LossNetworkId, RunKey], LossNetwork | None]:
    """Check loss networks and distances, and mark the keys of those that vary if the request allows it.

    Args:
        keys: the keys by loss network.
        resolved: the request.
        loaded: its backbone.
        image_size: side in pixels of the images that will be compared.

    Returns:
        The keys, and the network that was cut at the points of all of them; None if nothing had to be checked.

    Raises:
        UsageError: the user's own network varies, and the request does not allow it.
        PluginError: a plugin's network or distance does.
    """
    backbone, distances = resolved.suppliers["backbone"], _distances_to_check(resolved)
    if (backbone.tested and not distances) or getattr(resolved.protocol, "loss_mode", "eval") == "train":
        return dict(keys), None
    layers = {point.name: point for network in keys for point in resolved.layers[network]}
    cut = cut_network(resolved, loaded, tuple(layers.values()))
    points, measures = _varying(cut, resolved, tuple(distances), image_size)
    if not resolved.request.allow_varying:
        for point, variation in points.items():
            _refuse(f"{resolved.backbone.name}, at the point {point!r},", backbone, variation)
        for name, variation in measures.items():
            _refuse(f"The distance {name!r}", distances[name], variation)
    return {network: _marked(key, resolved, network, points, measures) for network, key in keys.items()}, cut


def variation_notes(key: RunKey) -> tuple[str, ...]:
    """Return a note on the variation of which the key of a run tells, if it does."""
    words = key.extra.get(VARIES, "").split("+")
    causes = " and on ".join(_CAUSES[word.split()[0]] for word in words if word)
    return (f"varies: the features or distances of an image depend on {causes}",) if causes else ()


def _refuse(subject: str, plugin: Plugin, variation: str) -> None:
    own = plugin is USER_CODE
    supplier = "" if own else f" {plugin.distribution} {plugin.version} supplies it; tell its author."
    raise (UsageError if own else PluginError)(
        f"{subject} {_REASONS[variation]}, or allow it by --allow-varying (in Python allow_varying=True), which the "
        f"record and the signatures of its scores then say.{supplier}"
    )


def _distances_to_check(resolved: ResolvedRequest) -> dict[str, Plugin]:
    """Return the suppliers of the protocol's distances that lnkit's own tests do not cover."""
    if not hasattr(resolved.protocol, "distance_config"):
        return {}
    suppliers = {role.removeprefix(DISTANCE_ROLE): plugin for role, plugin in resolved.suppliers.items()}
    return {name: suppliers[name] for name in resolved.distances if name in suppliers and not suppliers[name].tested}


def _marked(
    key: RunKey,
    resolved: ResolvedRequest,
    network: LossNetworkId,
    points: Mapping[str, str],
    distances: Mapping[str, str],
) -> RunKey:
    """Return a key that tells what the scores of a loss network vary with, if they do."""
    names = [point.name for point in resolved.layers[network]]
    found = {*distances.values(), *(points[name] for name in names if name in points)}
    if not found:
        return key
    items = f" of {resolved.request.batch_size}" if resolved.request.batch_size else ""
    words = "+".join(f"{word}{items}" if word == "batch" else word for word in sorted(found))
    return dataclasses.replace(key, extra={**key.extra, VARIES: words})


def _varying(
    network: LossNetwork, resolved: ResolvedRequest, distances: Sequence[str], image_size: int
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the points and the distances that vary, each with its variation."""
    import torch  # noqa: PLC0415 - after it was known what to check

    from lnkit.networks.own_forward import noise, sizes_to_try  # noqa: PLC0415 - torch
    from lnkit.networks.variation import IMAGES, variations  # noqa: PLC0415 - torch

    for size in sizes_to_try((image_size, image_size)):
        images = noise(IMAGES, size)
        try:
            with torch.no_grad():
                features = network.features(images)
        except Exception as error:  # the network's own code may raise anything for a size that it does not accept
            _log.debug("The features of images of %s pixels cannot be checked: %s", size, error)
            continue
        points = variations(lambda rows, images=images: network.features(images[rows]), features)  # type: ignore[misc]
        return points, {
            name: variation
            for name in distances
            for variation in _distance_variations(name, network, resolved, features)
        }
    return {}, {}


def _distance_variations(
    name: str, network: LossNetwork, resolved: ResolvedRequest, features: Mapping[str, Tensor]
) -> Collection[str]:
    """Return how a distance varies between the features of images."""
    from lnkit.distances.factory import make_distances  # noqa: PLC0415 - torch
    from lnkit.networks.variation import IMAGES, variations  # noqa: PLC0415 - torch

    config = dataclasses.replace(resolved.protocol.distance_config(), name=name)
    made = make_distances(config, tuple(features), resolved.distances.__getitem__, network.name)
    parts = dict(zip(features, made, strict=True))
    others = {point: values.roll(1, 0) for point, values in features.items()}

    def compute(rows: slice) -> dict[str, Tensor]:
        return {point: distance(features[point][rows], others[point][rows]) for point, distance in parts.items()}

    return variations(compute, compute(slice(IMAGES))).values()
