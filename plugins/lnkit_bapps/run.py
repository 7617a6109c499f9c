"""The benchmark's run: distances shard by shard, then scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.data.folders import data_folder
from lnkit.data.pack.array_folder import release
from lnkit.datasets.two_afc import open_bapps
from lnkit_bapps import DATASET
from lnkit_bapps.sample import sample_folder
from lnkit_bapps.scores import Distances, score_all

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext
    from lnkit.datasets.two_afc import BappsData
    from lnkit.distances.comparer import ImageComparer


Array = np.ndarray[Any, Any]

SHARD = 1024  # items between two savings; a kill loses at most this much, and its size changes no distance


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    tables = _measure(context, data.content)
    return {network: score_all(tables[network], context.protocol, context.seed) for network in context.networks}


def _measure(context: RunContext, data: BappsData) -> dict[LossNetworkId, Distances]:
    """The distances of all families, for each loss network."""
    items = slice(0, context.protocol.per_family or None)
    total = sum(len(f.p0[items]) for f in data.two_afc) + sum(len(f.p0[items]) for f in data.jnd)
    tables = {network: Distances() for network in context.networks}
    title = f"comparing images with {context.networks[0].backbone}"
    with context.progress.task(title, total, unit="pairs") as advance:
        measurement = _Measurement(context, total, advance)
        for family in data.two_afc:
            judge = family.judge[items].astype(np.float64)  # means of float32 would lose digits
            found = measurement.distances(f"2afc-{family.name}", family.ref[items], family.p0[items], family.p1[items])
            for index, table in enumerate(tables.values()):
                table.two_afc[family.name] = (judge, found[:, 0, index], found[:, 1, index])
        for pairs in data.jnd:
            same = pairs.same[items].astype(np.float64)
            found = measurement.distances(f"jnd-{pairs.name}", pairs.p0[items], pairs.p1[items])
            for index, table in enumerate(tables.values()):
                table.jnd[pairs.name] = (same, found[:, 0, index])
    return tables


class _Measurement:
    """Compares images in shards, each kept as soon as it is done."""

    def __init__(self, context: RunContext, total: int, advance: Callable[[int], None]) -> None:
        self.store, self.advance = context.store, advance
        # Built only if a shard is missing: a measurement that was finished before needs no network.
        self.comparer: Callable[[], ImageComparer] = cache(
            lambda: context.comparer(context.protocol.distance_config(), total)
        )

    def distances(self, key: str, *images: Array) -> Array:
        """Distances of the first images to the others, (N, others, loss networks)."""
        shards = [self._shard(f"{key}-{part.start:06d}", [array[part] for array in images]) for part in _slices(images)]
        return np.concatenate(shards)

    def _shard(self, key: str, images: list[Array]) -> Array:
        counted = 0

        def count(steps: int) -> None:
            nonlocal counted
            counted += steps
            self.advance(steps)

        part = self.store.get_or_compute(key, lambda: {"distance": self.comparer().compare(*images, advance=count)})
        release(*images)
        self.advance(len(images[0]) - counted)  # all of them, if the shard was kept from an earlier run
        found: Array = part["distance"]
        return found


def _slices(images: tuple[Array, ...]) -> Iterator[slice]:
    for start in range(0, len(images[0]), SHARD):
        yield slice(start, start + SHARD)


def open_data(context: RunContext) -> BenchmarkData:
    """Find, fetch if need be, and pack what the protocol asks for."""
    protocol = context.protocol
    found = open_bapps(
        data_folder(context, DATASET, sample_folder),
        context.cache,
        resolution=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=context.progress,
        parts=tuple(protocol.parts.split("+")),
    )
    return BenchmarkData(found, found.fingerprints, found.notes, image_size=protocol.resolution)
