"""The benchmark's run: distances shard by shard, then scores."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit_bapps.outcome import Distances, score_all

if TYPE_CHECKING:
    from lnkit.comparing import ImageComparer
    from lnkit.context import RunContext
    from lnkit_bapps.data import BappsData, JndFamily, TwoAfcFamily

SHARD = 1024  # items between two savings; a kill loses at most this much, and its size changes no distance


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    tables = _measure(context, data.content)
    return {network: score_all(tables[network], context.protocol, context.seed) for network in context.networks}


def _measure(context: RunContext, data: BappsData) -> dict[LossNetworkId, Distances]:
    limit = context.protocol.per_family or None
    items = sum(len(family.p0[:limit]) for family in (*data.two_afc, *data.jnd))

    @cache  # built only if a shard is missing: a finished measurement needs no network
    def comparer() -> ImageComparer:
        return context.comparer(context.protocol.distance_config(), items)

    tables = {network: Distances() for network in context.networks}
    with context.progress.task(f"comparing images with {context.networks[0].backbone}", items, unit="pairs") as advance:
        for family in data.two_afc:
            found = _in_shards(context, f"2afc-{family.name}", _triplets(family, comparer, limit), advance)
            for index, network in enumerate(context.networks):
                tables[network].two_afc[family.name] = (family.judge[:limit], found[:, 0, index], found[:, 1, index])
        for pairs in data.jnd:
            found = _in_shards(context, f"jnd-{pairs.name}", _pairs(pairs, comparer, limit), advance)
            for index, network in enumerate(context.networks):
                tables[network].jnd[pairs.name] = (pairs.same[:limit], found[:, 0, index])
    return tables


Compute = Callable[[], np.ndarray[Any, Any]]
Shards = Iterator[tuple[int, Compute]]


def _triplets(family: TwoAfcFamily, comparer: Callable[[], ImageComparer], limit: int | None) -> Shards:
    """Shards of a family: how many items each has, and what computes their distances."""
    for part in _slices(len(family.p0[:limit])):
        yield part.stop - part.start, lambda s=part: comparer().compare(family.ref[s], family.p0[s], family.p1[s])  # type: ignore[misc]


def _pairs(family: JndFamily, comparer: Callable[[], ImageComparer], limit: int | None) -> Shards:
    for part in _slices(len(family.p0[:limit])):
        yield part.stop - part.start, lambda s=part: comparer().compare(family.p0[s], family.p1[s])  # type: ignore[misc]


def _slices(length: int) -> Iterator[slice]:
    for start in range(0, length, SHARD):
        yield slice(start, min(start + SHARD, length))


def _in_shards(context: RunContext, key: str, shards: Shards, advance: Callable[[int], None]) -> np.ndarray[Any, Any]:
    """All distances of one family, (N, images compared with the reference, loss networks)."""
    found = []
    for number, (size, compute) in enumerate(shards):
        found.append(context.parts.keep(f"{key}-{number:04d}", lambda c=compute: {"distance": c()})["distance"])  # type: ignore[misc]
        advance(size)
    return np.concatenate(found)
