"""The run of `perceptual_probes`: distances, entropies and classifications, each part kept as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, LossNetworkId, Measure, Outcome
from lnkit.data.decoding import decode
from lnkit.data.packing import release
from lnkit_earlystop.judged import COLUMNS, FILTER, Family
from lnkit_earlystop.probes import lowpass
from lnkit_earlystop.probes.found import MAIN, NATIVE, Found, layer_measure
from lnkit_earlystop.probes.outcome import score_all
from lnkit_earlystop.probes.protocol import POOLINGS

if TYPE_CHECKING:
    from lnkit.comparing.comparer import ImageComparer
    from lnkit.context import RunContext
    from lnkit.networks.lossnet import LossNetwork
    from lnkit_earlystop.labelled.packed import Labelled, LabelledData
    from lnkit_earlystop.probes.content import Content
    from lnkit_earlystop.probes.protocol import ProbesProtocol
    from lnkit_earlystop.probes.tid2013 import Opinions

Array = NDArray[Any]
Advance = Callable[[int], None]

SHARD = 1024  # triplets between two savings
NATIVE_SHARD = 128  # the same of larger images, which are decoded as they are needed
COMPANY = 5  # distorted images that go through the network with one copy of their reference, instead of one each
COMPANIES = 48  # of them between two savings


class Column(NamedTuple):
    """One of the things that are measured of every triplet."""

    network: LossNetworkId
    name: str  # of the measure: MAIN, "style", "layer:conv1"
    measure: Measure


def run(context: RunContext, data: BenchmarkData) -> Mapping[LossNetworkId, Outcome]:
    """Measure everything once for all loss networks, then score each of them."""
    content: Content = data.content
    probes = _Probes(context, content)
    native_size = context.backbone.native_size or 0
    found = {network: Found(probes.judged(), native_size=native_size) for network in context.networks}
    probes.compare(found)
    if context.protocol.wants("native"):
        probes.compare_native(found)
    if context.protocol.wants("entropy"):
        probes.entropies(found)
    if content.labelled:
        probes.classify(found, content.labelled)
    if content.tid2013:
        probes.opinions(found, content.tid2013)
    return {network: score_all(one, context.protocol, context.seed) for network, one in found.items()}


class _Probes:
    """One run over one backbone's loss networks."""

    def __init__(self, context: RunContext, content: Content) -> None:
        self.context, self.families = context, content.families
        self.protocol: ProbesProtocol = context.protocol
        self.items = slice(0, self.protocol.per_family or None)

    @cached_property
    def comparer(self) -> ImageComparer:
        """Measures all columns of triplets in one pass; built only if a part is missing."""
        return self.context.comparer([column.measure for column in self.columns], self._triplets)

    @cached_property
    def plain_comparer(self) -> ImageComparer:
        """Measures the protocol's distance by each loss network."""
        return self.context.comparer(self.protocol.distance_config(), self._triplets)

    @cached_property
    def network(self) -> LossNetwork:
        return self.context.loss_network()

    @cached_property
    def columns(self) -> list[Column]:
        """For each loss network the protocol's distance, the three of K, and the protocol's at each layer."""
        return [column for network in self.context.networks for column in self._columns_of(network)]

    def _columns_of(self, network: LossNetworkId) -> Iterator[Column]:
        layers = self._layers(network)
        yield Column(network, MAIN, Measure(layers, self.protocol.distance_config()))
        for name in POOLINGS:
            yield Column(network, name, Measure(layers, self.protocol.pooled(name)))
        for layer in layers if self.protocol.wants("layers") else ():
            yield Column(network, layer_measure(layer), Measure((layer,), self.protocol.distance_config()))

    def _layers(self, network: LossNetworkId) -> tuple[str, ...]:
        return tuple(point.name for point in self.context.layers(network))

    @property
    def _triplets(self) -> int:
        return sum(len(family.judge[self.items]) for family in self.families)

    def judged(self) -> dict[str, Array]:
        """The judgments of each family, in float64: means of float32 would lose digits."""
        return {family.name: family.judge[self.items].astype(np.float64) for family in self.families}

    def compare(self, found: Mapping[LossNetworkId, Found]) -> None:
        """Measure all columns of every triplet."""
        with self._task("comparing images", self._triplets, "triplets") as advance:
            for family in self.families:
                distances = self._in_shards(f"2afc-{family.name}", family, SHARD, self._compare_shard, advance)
                for index, column in enumerate(self.columns):
                    found[column.network].distances.setdefault(column.name, {})[family.name] = distances[..., index]

    def _compare_shard(self, family: Family, rows: slice) -> Array:
        images = [array[rows] for array in family.images]
        distances = self.comparer.compare(*images)
        release(*images)
        return distances

    def compare_native(self, found: Mapping[LossNetworkId, Found]) -> None:
        """Measure the protocol's distance once more, at the size that the backbone was made for."""
        size = self.context.backbone.native_size
        if size is None:
            return
        if size == self.protocol.resolution:
            for one in found.values():
                one.distances[NATIVE] = one.distances[MAIN]
            return

        def compare(family: Family, rows: slice) -> Array:
            return self.plain_comparer.compare(*_decoded(family, rows, size))

        with self._task(f"comparing images at {size} px", self._triplets, "triplets") as advance:
            for family in self.families:
                distances = self._in_shards(f"native-{family.name}", family, NATIVE_SHARD, compare, advance)
                for index, one in enumerate(found.values()):
                    one.distances.setdefault(NATIVE, {})[family.name] = distances[..., index]

    def _in_shards(
        self, key: str, family: Family, size: int, compare: Callable[[Family, slice], Array], advance: Advance
    ) -> Array:
        """Distances (N, 2, columns) of a family."""
        count = len(family.judge[self.items])
        shards = []
        for start in range(0, count, size):
            rows = slice(start, min(start + size, count))
            shards.append(self._keep(f"{key}-{start:06d}", partial(_distances, compare, family, rows)))
            advance(rows.stop - start)
        return np.concatenate([shard["distance"] for shard in shards])

    def entropies(self, found: Mapping[LossNetworkId, Found]) -> None:
        """Measure the entropy of each layer on references."""
        each = -(-self.protocol.entropy_images // len(self.families))
        images = np.concatenate([family.images[0][self.items][:each] for family in self.families])
        with self._task("measuring entropies", len(images), "images") as advance:
            entropies = self._read("entropy", images, "entropy", advance)
        for network, one in found.items():
            one.entropy |= {layer: entropies[layer] for layer in self._layers(network)}

    def classify(self, found: Mapping[LossNetworkId, Found], data: LabelledData) -> None:
        """Classify images of which only low frequencies are left."""
        training = _chosen(data.train, self.protocol.train_per_class)
        tested = _chosen(data.validation, self.protocol.test_per_class)
        sides = (*self.protocol.sides, self.protocol.resolution)
        total = len(training.labels) + len(sides) * len(tested.labels)
        with self._task("classifying low frequencies", total, "images") as advance:
            learned = self._read("lowpass-train", training.images, "pooled", advance)
            filtered = [self._read(f"lowpass-{side}", tested.images, "pooled", advance, side) for side in sides]
        for network, one in found.items():
            layers = self._layers(network)
            classifier = lowpass.NearestClassMean(_joined(learned, layers), training.labels)
            hits = [classifier.predict(_joined(features, layers)) == tested.labels for features in filtered]
            one.hits = np.stack(hits, axis=1).astype(np.float64)
            one.classes = len(data.classes)

    def opinions(self, found: Mapping[LossNetworkId, Found], data: Opinions) -> None:
        """Compare distorted images with their references, as they are."""
        distances = np.empty((len(data.distorted), len(self.context.networks)))
        companies = companies_of(data.owners)
        with self._task("comparing images of TID2013", len(distances), "images") as advance:
            for start in range(0, len(companies), COMPANIES):
                rows = companies[start : start + COMPANIES]
                compare = partial(self._compare_companies, data, rows)
                distances[rows] = self._keep(f"tid2013-{start:04d}", compare)["distance"]
                advance(len(np.unique(rows)))
        for index, one in enumerate(found.values()):
            one.tid2013 = (data.owners, data.opinions, distances[:, index])

    def _compare_companies(self, data: Opinions, rows: Array) -> dict[str, Array]:
        columns = [data.distorted[column] for column in rows.T]
        return {"distance": self.plain_comparer.compare(data.references[data.owners[rows[:, 0]]], *columns)}

    def _read(self, key: str, images: Array, what: str, advance: Advance, side: int = 0) -> Mapping[str, Array]:
        """Something of the features of images, by layer; ``side`` is that of a low pass that they go through first."""
        told = 0

        def tell(done: int) -> None:
            nonlocal told
            told += done
            advance(done)

        def compute() -> dict[str, Array]:
            from lnkit_earlystop.probes import features  # noqa: PLC0415 - torch, only if this part was not kept

            prepare = partial(lowpass.low_pass, side=side) if side else np.ascontiguousarray
            return features.read_features(self.network, images, getattr(features, what), tell, prepare)

        kept = self._keep(key, compute)
        advance(len(images) - told)
        return kept

    def _keep(self, key: str, compute: Callable[[], Mapping[str, Array]]) -> Mapping[str, Array]:
        return self.context.parts.keep(key, compute)

    def _task(self, title: str, total: int, unit: str) -> Any:
        return self.context.progress.task(f"{title} with {self.context.backbone.name}", total, unit=unit)


def _distances(compare: Callable[[Family, slice], Array], family: Family, rows: slice) -> dict[str, Array]:
    return {"distance": compare(family, rows)}


def companies_of(owners: NDArray[np.int64]) -> NDArray[np.int64]:
    """Rows (N, COMPANY) of images that share a reference; a company that is not full has its last row several times."""
    groups = [np.flatnonzero(owners == owner) for owner in np.unique(owners)]
    parts = [rows[start : start + COMPANY] for rows in groups for start in range(0, len(rows), COMPANY)]
    return np.stack([np.append(part, np.repeat(part[-1], COMPANY - len(part))) for part in parts])


def _joined(features: Mapping[str, Array], layers: Sequence[str]) -> Array:
    """The features of a loss network's layers side by side, (N, D)."""
    return np.concatenate([features[layer] for layer in layers], axis=1)


def _chosen(data: Labelled, per_class: int) -> Labelled:
    rows = lowpass.first_of_each(data.labels, per_class)
    return type(data)(data.images[rows], data.labels[rows])


def _decoded(family: Family, rows: slice, size: int) -> list[Array]:
    """Triplets at another size than they are packed in, from their files."""

    def read(file: str) -> Array:
        path = family.folder / file
        return decode(path.read_bytes(), path, size, FILTER).pixels

    with ThreadPoolExecutor() as pool:
        return [np.stack(list(pool.map(read, family.files[column][rows]))) for column in COLUMNS]
