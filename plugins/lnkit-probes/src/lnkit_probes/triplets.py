"""Distances of triplets: by every measure in one pass, and at the size that the backbone was made for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnkit import DistanceAt, LossNetworkId
from lnkit.data.pack.decode import decode
from lnkit.data.pack.image_table import release
from lnkit.datasets.judged import COLUMNS, FILTER, Family
from lnkit_probes.keeping import Advance, keep, task
from lnkit_probes.measurements import MAIN, NATIVE, Found, layer_measure
from lnkit_probes.protocol import POOLINGS

if TYPE_CHECKING:
    from lnkit.benchmark import ImageComparer, RunContext

Array = NDArray[Any]
Load = Callable[[Family, slice], list[Array]]  # references, first and second patches of some rows

SHARD = 1024  # triplets between two savings
NATIVE_SHARD = 128  # the same of larger images, which are decoded as they are needed


class Column(NamedTuple):
    """One of the things that are measured of every triplet."""

    network: LossNetworkId
    name: str  # of the measure: MAIN, "style", "layer:conv1"
    measure: DistanceAt


def compare(context: RunContext, families: Sequence[Family], found: Mapping[LossNetworkId, Found]) -> None:
    """DistanceAt, for each loss network, the protocol's distance, the three of K, and the protocol's at each layer."""
    columns = [column for network in context.networks for column in _columns(context, network)]
    series = _Series("2afc", SHARD, tuple(column.measure for column in columns), _packed)
    for family, distances in series.of_families(context, families, "comparing images"):
        for index, column in enumerate(columns):
            found[column.network].distances.setdefault(column.name, {})[family] = distances[..., index]


def compare_native(context: RunContext, families: Sequence[Family], found: Mapping[LossNetworkId, Found]) -> None:
    """Measure the protocol's distance once more, at the size that the backbone was made for, if that is known."""
    size = context.backbone.eval_size
    if size == context.protocol.resolution:
        for one in found.values():
            one.distances[NATIVE] = one.distances[MAIN]
    elif size is not None:
        measures = tuple(_main(context, network) for network in context.networks)
        series = _Series("native", NATIVE_SHARD, measures, partial(_decoded, size=size))
        for family, distances in series.of_families(context, families, f"comparing images at {size} px"):
            for index, one in enumerate(found.values()):
                one.distances.setdefault(NATIVE, {})[family] = distances[..., index]


def _columns(context: RunContext, network: LossNetworkId) -> Iterator[Column]:
    main = _main(context, network)
    yield Column(network, MAIN, main)
    for name in POOLINGS:
        yield Column(network, name, DistanceAt(main.layers, context.protocol.pooled(name)))
    for layer in main.layers if context.protocol.wants("layers") else ():
        yield Column(network, layer_measure(layer), DistanceAt((layer,), main.distance))


def _main(context: RunContext, network: LossNetworkId) -> DistanceAt:
    """The protocol's distance by all layers of a loss network."""
    return DistanceAt(tuple(point.name for point in context.layers[network]), context.protocol.distance_config())


@dataclass(frozen=True)
class _Series:
    """Measurements of all triplets, in shards."""

    key: str  # of the kept parts
    shard: int  # triplets between two savings
    measures: tuple[DistanceAt, ...]
    load: Load

    def of_families(self, context: RunContext, families: Sequence[Family], title: str) -> Iterator[tuple[str, Array]]:
        """The name of each family, and its distances (N, 2, measures)."""
        counts = [len(family.judge[: context.protocol.per_family or None]) for family in families]
        total = sum(counts)
        # Built only if a shard is missing: a measurement that was finished before needs no network.
        comparer = cache(lambda: context.services.comparer(self.measures, total))
        with task(context, title, total, "triplets") as advance:
            for family, count in zip(families, counts, strict=True):
                shards = [self._shard(context, comparer, family, rows, advance) for rows in self._rows(count)]
                yield family.name, np.concatenate(shards)

    def _rows(self, count: int) -> Iterator[slice]:
        for start in range(0, count, self.shard):
            yield slice(start, min(start + self.shard, count))

    def _shard(
        self,
        context: RunContext,
        comparer: Callable[[], ImageComparer],
        family: Family,
        rows: slice,
        advance: Advance,
    ) -> Array:
        def compute(tell: Advance) -> dict[str, Array]:
            images = self.load(family, rows)
            distances = comparer().compare(*images, advance=tell)
            release(*images)
            return {"distance": distances}

        part = keep(context, f"{self.key}-{family.name}-{rows.start:06d}", rows.stop - rows.start, advance, compute)
        return part["distance"]


def _packed(family: Family, rows: slice) -> list[Array]:
    """Triplets as they are packed, mapped into memory."""
    return [array[rows] for array in family.images]


def _decoded(family: Family, rows: slice, size: int) -> list[Array]:
    """Triplets at another size than they are packed in, from their files."""

    def read(file: str) -> Array:
        path = family.folder / file
        return decode(path.read_bytes(), path, size, FILTER).pixels

    with ThreadPoolExecutor() as pool:
        return [np.stack(list(pool.map(read, family.files[column][rows]))) for column in COLUMNS]
