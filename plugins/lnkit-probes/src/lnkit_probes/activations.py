"""Measurements of activations: their entropy, and how well low frequencies alone tell classes apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import LossNetworkId
from lnkit.datasets.labelled import Labelled, LabelledData
from lnkit.datasets.two_afc import JudgedFamily
from lnkit.evaluation import Shards, open_shards
from lnkit.progress import Advance
from lnkit.specs import class_digest
from lnkit_probes import lowpass
from lnkit_probes.measurements import Measurements

if TYPE_CHECKING:
    from torch import Tensor

    from lnkit.benchmark import FeatureNetwork, RunContext

Array = NDArray[Any]
Logits = Callable[["Tensor"], "Tensor"]

CLASSIFYING = "classifying low frequencies"


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
            statistic = {"map": "entropy", "channels": "channel_entropy"}[protocol.entropy_over]
            entropies = self._read(shards, statistic, images, statistic)
        for network, table in tables.items():
            table.entropy |= {layer: entropies[layer] for layer in self._layers(network)}

    def classify(self, data: LabelledData, tables: Mapping[LossNetworkId, Measurements]) -> None:
        """Classify images of which only low frequencies are left, and the unfiltered ones."""
        tested = _first_of_each(data.validation, self._context.protocol.test_per_class)
        head = self._head(data)
        if head is not None:
            predicted = dict.fromkeys(tables, self._predict_by_head(head, tested))
        else:
            training = _first_of_each(data.train, self._context.protocol.train_per_class)
            predicted = self._predict_by_means(training, tested, tables)
        for network, table in tables.items():
            table.hits = (predicted[network] == tested.labels[:, None]).astype(np.float64)
            table.classes, table.own_head = len(data.classes), head is not None

    def _head(self, data: LabelledData) -> Logits | None:
        """Return the backbone's own classifier, if it was trained on exactly the classes of these images."""
        allowed = self._context.protocol.classifier == "auto"
        fits = allowed and self._context.backbone.classes == class_digest(data.classes)
        return self._context.services.classifier() if fits else None

    def _predict_by_head(self, head: Logits, tested: Labelled) -> Array:
        """Return the classes (N, measured sides) that the backbone's own head predicts."""
        sides = self._context.protocol.measured_sides

        def compute(side: int, advance: Advance) -> dict[str, Array]:
            from lnkit_probes.features import predict_classes  # noqa: PLC0415 - torch, only if not stored

            return {"class": predict_classes(head, tested.images, advance, partial(lowpass.low_pass, side=side))}

        with open_shards(self._context, len(sides) * len(tested), "images", title=CLASSIFYING) as shards:
            columns = [
                shards.get_or_compute(f"lowpass-head-{side}", len(tested), partial(compute, side))["class"]
                for side in sides
            ]
        return np.stack(columns, axis=1)

    def _predict_by_means(
        self, training: Labelled, tested: Labelled, networks: Iterable[LossNetworkId]
    ) -> dict[LossNetworkId, Array]:
        """Return the classes (N, measured sides) of the nearest class means of each loss network's features."""
        sides = self._context.protocol.measured_sides
        total = len(training) + len(sides) * len(tested)
        with open_shards(self._context, total, "images", title=CLASSIFYING) as shards:
            learned = self._read(shards, "lowpass-train", training.images, "pooled")
            filtered = [
                self._read(shards, f"lowpass-{side}", tested.images, "pooled", partial(lowpass.low_pass, side=side))
                for side in sides
            ]
        predicted = {}
        for network in networks:
            layers = self._layers(network)
            classifier = lowpass.NearestClassMean(_joined(learned, layers), training.labels)
            columns = [classifier.predict(_joined(features, layers)) for features in filtered]
            predicted[network] = np.stack(columns, axis=1)
        return predicted

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
