"""The run of `pieapp`: compare each distorted image with its reference once, then decide the pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext
from lnkit.datasets.text_tables import text_sha256
from lnkit.evaluation import GROUP, Shards, open_shards, reference_groups
from lnkit.progress import Advance
from lnkit_judgments.pieapp.data import PieappData
from lnkit_judgments.pieapp.protocol import PieappProtocol
from lnkit_judgments.pieapp.scores import Distances, score_all

Array = NDArray[Any]

SHARD = 25  # groups of images of one reference; the size changes no distance

# Two distances that are so close could be ordered by rounding, which depends on the batch: lnkit then compares both
# images with the reference in one item, which it decides in double precision where needed. The band is wider than that
# of lnkit.distances (1e-5), so that nothing is decided outside of it.
NEAR = 1e-4


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    content: PieappData = data.content
    distances = _measure(context, content)
    first, second = _decide(context, content, distances)
    references = np.array(content.names)[content.reference]
    with_reference = (content.a == content.reference[content.a]) | (content.b == content.reference[content.b])
    return {
        network: score_all(
            Distances(
                distances[content.scored, index],
                content.score,
                references[content.scored],
                np.array(content.names)[content.scored],
                first[:, index],
                second[:, index],
                content.share,
                references[content.a],
                with_reference,
            ),
            context.protocol,
            context.seed,
        )
        for index, network in enumerate(context.networks)
    }


def rescore(arrays: Arrays, protocol: PieappProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(Distances.from_arrays(arrays), protocol, seed)


def _measure(context: RunContext, content: PieappData) -> Array:
    """Return the distances (I, loss networks) of all images from their references; 0 of the references."""
    images = np.flatnonzero(content.reference != np.arange(len(content.reference)))
    groups = images[reference_groups(content.reference[images])]
    distances = np.zeros((len(content.reference), len(context.networks)))
    with open_shards(context, len(groups) * GROUP, "images", items=len(groups)) as shards:
        for start in range(0, len(groups), SHARD):
            part = groups[start : start + SHARD]
            distances[part] = _measure_part(shards, content, part, f"images-{start:06d}")
    return distances


def _measure_part(shards: Shards, content: PieappData, groups: Array, key: str) -> Array:
    def compute(advance: Advance) -> dict[str, Array]:
        references = content.images[content.reference[groups[:, 0]]]
        return {"distance": shards.compare_groups(references, content.images, groups, advance)}

    return shards.get_or_compute(key, groups.size, compute)["distance"]


def _decide(context: RunContext, content: PieappData, distances: Array) -> tuple[Array, Array]:
    """Return the distances (P, loss networks) of both images of each pair; close ones are measured together."""
    first, second = distances[content.a], distances[content.b]
    larger = np.maximum(first, second)
    near = np.abs(first - second) <= NEAR * (larger + np.sqrt(larger * distances.max(axis=0)))
    rows = np.flatnonzero(near.any(axis=1))
    if not len(rows):
        return first, second
    key = f"pairs-{text_sha256(map(str, rows))[:12]}"
    columns = (content.reference[content.a[rows]], content.a[rows], content.b[rows])
    with open_shards(context, len(rows), "pairs", title="comparing close pairs") as shards:
        exact = shards.compare(key, *(_Rows(content.images, column) for column in columns), size=SHARD * GROUP)
    close = near[rows]
    first[rows] = np.where(close, exact[:, 0], first[rows])
    second[rows] = np.where(close, exact[:, 1], second[rows])
    return first, second


class _Rows:
    """Some rows of the images, in any order, which are read when they are sliced."""

    def __init__(self, images: Array, rows: Array) -> None:
        self.images, self.rows = images, rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, rows: slice, /) -> Array:
        return self.images[self.rows[rows]]
