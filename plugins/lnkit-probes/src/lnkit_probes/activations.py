"""Measurements of activations: their entropy, and how well low frequencies alone tell classes apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import LossNetworkId
from lnkit.datasets.labelled import Labelled, LabelledData
from lnkit.datasets.two_afc import JudgedFamily
from lnkit.evaluation import Shards, open_shards
from lnkit.progress import Advance
from lnkit_probes import lowpass
from lnkit_probes.measurements import Measurements

if TYPE_CHECKING:
    from lnkit.benchmark import FeatureNetwork, RunContext

Array = NDArray[Any]


class Activations:
    """The activations of all loss networks of a run; the network is built only if a result is not stored yet."""

    def __init__(self, context: RunContext) -> None:
        self._context = context

    @cached_property
    def _network(self) -> FeatureNetwork:
        return self._context.services.loss_network()

    def measure_entropies(self, families: Sequence[JudgedFamily], tables: Mapping[LossNetworkId, Measurements]) -> None:
        """Measure the entropy of each layer on references, as many of each family."""
        protocol = self._context.protocol
        each = min(-(-protocol.entropy_images // len(families)), protocol.per_family or protocol.entropy_images)
        images = np.concatenate([family.images[0][:each] for family in families])
        with open_shards(self._context, len(images), "images", title="measuring entropies") as shards:
            entropies = self._read(shards, "entropy", images, "entropy")
        for network, table in tables.items():
            table.entropy |= {layer: entropies[layer] for layer in self._layers(network)}

    def classify(self, data: LabelledData, tables: Mapping[LossNetworkId, Measurements]) -> None:
        """Classify images of which only low frequencies are left, and the unfiltered ones."""
        protocol = self._context.protocol
        training = _first_of_each(data.train, protocol.train_per_class)
        tested = _first_of_each(data.validation, protocol.test_per_class)
        sides = (*protocol.sides, protocol.resolution)
        total = len(training) + len(sides) * len(tested)
        with open_shards(self._context, total, "images", title="classifying low frequencies") as shards:
            learned = self._read(shards, "lowpass-train", training.images, "pooled")
            filtered = [
                self._read(shards, f"lowpass-{side}", tested.images, "pooled", partial(lowpass.low_pass, side=side))
                for side in sides
            ]
        for network, table in tables.items():
            layers = self._layers(network)
            classifier = lowpass.NearestClassMean(_joined(learned, layers), training.labels)
            hits = [classifier.predict(_joined(features, layers)) == tested.labels for features in filtered]
            table.hits, table.classes = np.stack(hits, axis=1).astype(np.float64), len(data.classes)

    def _layers(self, network: LossNetworkId) -> tuple[str, ...]:
        return tuple(point.name for point in self._context.layers[network])

    def _read(
        self,
        shards: Shards,
        key: str,
        images: Array,
        statistic: str,
        prepare: Callable[[Array], Array] = np.ascontiguousarray,
    ) -> Mapping[str, Array]:
        """Compute a statistic of `features` of the activations of images, by layer."""

        def compute(advance: Advance) -> dict[str, Array]:
            from lnkit_probes import features  # noqa: PLC0415 - torch, only if this shard is not stored

            return features.read_features(self._network, images, getattr(features, statistic), advance, prepare)

        return shards.get_or_compute(key, len(images), compute)


def _joined(features: Mapping[str, Array], layers: Sequence[str]) -> Array:
    """Join the features of a loss network's layers, (N, D)."""
    return np.concatenate([features[layer] for layer in layers], axis=1)


def _first_of_each(data: Labelled, per_class: int) -> Labelled:
    rows = lowpass.first_of_each(data.labels, per_class)
    return Labelled(data.images[rows], data.labels[rows])
