"""What is read off activations: their entropy, and how well they tell classes apart by low frequencies alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import LossNetworkId
from lnkit.datasets.judged import Family
from lnkit.datasets.labelled import Labelled, LabelledData
from lnkit_probes import lowpass
from lnkit_probes.keeping import Advance, keep, task
from lnkit_probes.measurements import Found

if TYPE_CHECKING:
    from lnkit.benchmark import FeatureNetwork, RunContext

Array = NDArray[Any]


class Activations:
    """The activations of all loss networks of a run; the network is built only if something was not kept."""

    def __init__(self, context: RunContext) -> None:
        self._context = context

    @cached_property
    def _network(self) -> FeatureNetwork:
        return self._context.services.loss_network()

    def entropies(self, families: Sequence[Family], found: Mapping[LossNetworkId, Found]) -> None:
        """Measure the entropy of each layer on references, as many of each family."""
        protocol = self._context.protocol
        each = min(-(-protocol.entropy_images // len(families)), protocol.per_family or protocol.entropy_images)
        images = np.concatenate([family.images[0][:each] for family in families])
        with task(self._context, "measuring entropies", len(images), "images") as advance:
            entropies = self._read("entropy", images, "entropy", advance)
        for network, one in found.items():
            one.entropy |= {layer: entropies[layer] for layer in self._layers(network)}

    def classify(self, data: LabelledData, found: Mapping[LossNetworkId, Found]) -> None:
        """Classify images of which only low frequencies are left, and as they are."""
        protocol = self._context.protocol
        training = _first_of_each(data.train, protocol.train_per_class)
        tested = _first_of_each(data.validation, protocol.test_per_class)
        sides = (*protocol.sides, protocol.resolution)
        total = len(training) + len(sides) * len(tested)
        with task(self._context, "classifying low frequencies", total, "images") as advance:
            learned = self._read("lowpass-train", training.images, "pooled", advance)
            filtered = [
                self._read(f"lowpass-{side}", tested.images, "pooled", advance, partial(lowpass.low_pass, side=side))
                for side in sides
            ]
        for network, one in found.items():
            layers = self._layers(network)
            classifier = lowpass.NearestClassMean(_joined(learned, layers), training.labels)
            hits = [classifier.predict(_joined(features, layers)) == tested.labels for features in filtered]
            one.hits, one.classes = np.stack(hits, axis=1).astype(np.float64), len(data.classes)

    def _layers(self, network: LossNetworkId) -> tuple[str, ...]:
        return tuple(point.name for point in self._context.layers[network])

    def _read(
        self,
        key: str,
        images: Array,
        what: str,
        advance: Advance,
        prepare: Callable[[Array], Array] = np.ascontiguousarray,
    ) -> Mapping[str, Array]:
        """What a function of `features` finds in the activations of images, by layer."""

        def compute(tell: Advance) -> dict[str, Array]:
            from lnkit_probes import features  # noqa: PLC0415 - torch, only if this part was not kept

            return features.read_features(self._network, images, getattr(features, what), tell, prepare)

        return keep(self._context, key, len(images), advance, compute)


def _joined(features: Mapping[str, Array], layers: Sequence[str]) -> Array:
    """The features of a loss network's layers side by side, (N, D)."""
    return np.concatenate([features[layer] for layer in layers], axis=1)


def _first_of_each(data: Labelled, per_class: int) -> Labelled:
    rows = lowpass.first_of_each(data.labels, per_class)
    return Labelled(data.images[rows], data.labels[rows])
