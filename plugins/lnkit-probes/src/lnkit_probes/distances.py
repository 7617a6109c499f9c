"""Distances of triplets and of TID2013's images."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnkit import DistanceAt, LossNetworkId
from lnkit.data import decode, read_bytes
from lnkit.datasets.tid2013 import OpinionImages
from lnkit.datasets.two_afc import FILTER, JudgedFamily
from lnkit.evaluation import open_shards, reference_groups
from lnkit.progress import Advance
from lnkit_probes.measurements import MAIN, NATIVE, Measurements, layer_key
from lnkit_probes.protocol import POOLINGS

if TYPE_CHECKING:
    from lnkit.benchmark import RunContext

Array = NDArray[Any]
Tables = Mapping[LossNetworkId, Measurements]

NATIVE_SHARD = 128  # triplets in a shard of images that are decoded when they are compared
GROUPS = 48  # groups of images with one reference in a shard of TID2013


class Column(NamedTuple):
    """One of the distances that are measured of every triplet."""

    network: LossNetworkId
    key: str  # in the measurements: MAIN, "style", "layer:conv1"
    distance: DistanceAt


@dataclass(frozen=True)
class DecodedImages:
    """Image files that are decoded when a slice of them is read."""

    folder: Path
    files: Sequence[str]  # relative to the folder
    size: int  # side in pixels to resize to

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, rows: slice) -> Array:
        """Decode some of the images: (n, size, size, 3)."""
        with ThreadPoolExecutor() as pool:
            return np.stack(list(pool.map(self._decode, self.files[rows])))

    def _decode(self, file: str) -> Array:
        path = self.folder / file
        return decode(read_bytes(path), path, self.size, FILTER).pixels


def measure_triplets(context: RunContext, families: Sequence[JudgedFamily], tables: Tables) -> None:
    """Measure the protocol's distance, Kumar2022's three, and the protocol's at each layer, in one pass."""
    columns = [column for network in context.networks for column in _columns(context, network)]
    items = slice(0, context.protocol.per_family or None)
    total = sum(len(family.judgments[items]) for family in families)
    with open_shards(context, total, "triplets", distances=[column.distance for column in columns]) as shards:
        for family in families:
            distances = shards.compare(f"2afc-{family.name}", *(images[items] for images in family.images))
            for index, column in enumerate(columns):
                table = tables[column.network].distances.setdefault(column.key, {})
                table[family.name] = distances[..., index]


def measure_native(context: RunContext, families: Sequence[JudgedFamily], tables: Tables) -> None:
    """Measure the protocol's distance once more, at the size that the backbone was made for, if that is known."""
    size = context.backbone.eval_size
    if size == context.protocol.resolution:
        for table in tables.values():
            table.distances[NATIVE] = table.distances[MAIN]
    elif size is not None:
        items = slice(0, context.protocol.per_family or None)
        columns = [
            [DecodedImages(family.files.folder, files[items], size) for files in family.files.images.values()]
            for family in families
        ]
        total = sum(len(images[0]) for images in columns)
        distances = [_main(context, network) for network in context.networks]
        title = f"comparing images at {size} px"
        with open_shards(context, total, "triplets", title=title, distances=distances) as shards:
            for family, images in zip(families, columns, strict=True):
                native = shards.compare(f"native-{family.name}", *images, size=NATIVE_SHARD)
                for index, table in enumerate(tables.values()):
                    table.distances.setdefault(NATIVE, {})[family.name] = native[..., index]


def _columns(context: RunContext, network: LossNetworkId) -> Iterator[Column]:
    main = _main(context, network)
    yield Column(network, MAIN, main)
    for name in POOLINGS:
        yield Column(network, name, DistanceAt(main.layers, context.protocol.pooled(name)))
    for layer in main.layers if context.protocol.wants("layers") else ():
        yield Column(network, layer_key(layer), DistanceAt((layer,), main.distance))


def _main(context: RunContext, network: LossNetworkId) -> DistanceAt:
    """Return the protocol's distance at all layers of a loss network."""
    return DistanceAt(tuple(point.name for point in context.layers[network]), context.protocol.distance_config())


def measure_opinions(context: RunContext, data: OpinionImages, tables: Tables) -> None:
    """Measure the protocol's distance of every distorted image of TID2013 from its reference, at their own size."""
    distances = np.empty((len(data.distorted), len(context.networks)))
    groups = reference_groups(data.owners)
    title = "comparing images of TID2013"
    with open_shards(context, len(distances), "images", title=title, items=len(groups)) as shards:

        def compute(rows: NDArray[np.int64], advance: Advance) -> dict[str, Array]:
            references = data.references[data.owners[rows[:, 0]]]
            return {"distance": shards.compare_groups(references, data.distorted, rows, advance)}

        for start in range(0, len(groups), GROUPS):
            rows = groups[start : start + GROUPS]
            shard = shards.get_or_compute(f"tid2013-{start:04d}", len(np.unique(rows)), partial(compute, rows))
            distances[rows] = shard["distance"]
    for index, table in enumerate(tables.values()):
        table.tid2013 = (data.owners, data.opinions, distances[:, index])
