"""The run of `tid2013` and `kadid10k`: compare each distorted image with its reference, score the distances."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lnkit import BenchmarkData, DataError, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext
from lnkit.data import read_image, require_pixels
from lnkit.datasets.opinions import Opinion, OpinionSet
from lnkit.evaluation import GROUP, Shards, open_shards, reference_groups
from lnkit.progress import Advance
from lnkit_judgments.opinions.protocol import OpinionsProtocol
from lnkit_judgments.opinions.scores import Distances, score_all

Array = np.ndarray[Any, Any]

SHARD = 125  # images of one reference in a shard: all that these datasets have


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    dataset: OpinionSet = data.content
    distances = _measure(context, dataset)
    return {
        network: score_all(Distances.of(dataset, distances[:, index]), context.protocol, context.seed)
        for index, network in enumerate(context.networks)
    }


def rescore(arrays: Arrays, protocol: OpinionsProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(Distances.from_arrays(arrays), protocol, seed)


def _measure(context: RunContext, dataset: OpinionSet) -> Array:
    """Measure the distances (N, loss networks) in the order of the opinions."""
    parts = list(_parts(dataset.opinions))
    comparisons = sum(-(-len(part) // GROUP) for part in parts)
    with open_shards(context, len(dataset.opinions), "images", items=comparisons) as shards:
        return np.concatenate([_measure_part(shards, context.protocol, part) for part in parts])


def _parts(opinions: Sequence[Opinion]) -> Iterator[list[Opinion]]:
    """Split the opinions into shards of one reference each."""
    for _, group in groupby(opinions, lambda opinion: opinion.reference_name):
        images = list(group)
        yield from (images[start : start + SHARD] for start in range(0, len(images), SHARD))


def _measure_part(shards: Shards, protocol: OpinionsProtocol, part: list[Opinion]) -> Array:
    def compute(advance: Advance) -> dict[str, Array]:
        reference, *images = _decode(part, protocol)
        groups = reference_groups(np.zeros(len(images), np.int64))
        references = np.broadcast_to(reference, (len(groups), *reference.shape))
        distances = shards.compare_groups(references, np.stack(images), groups, advance)
        return {"distance": distances.reshape(groups.size, -1)[: len(images)]}

    return shards.get_or_compute(part[0].name.replace("/", "_"), len(part), compute)["distance"]


def _decode(part: list[Opinion], protocol: OpinionsProtocol) -> list[Array]:
    """Decode the reference and its distorted images; refuse images of several sizes."""
    paths = [part[0].reference, *(opinion.image for opinion in part)]
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda path: _read(path, protocol), paths))
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            sizes = " and ".join(f"{array.shape[1]} x {array.shape[0]}" for array in (image, images[0]))
            raise DataError(f"{path} and its reference {paths[0]} have different sizes: {sizes} pixels.")
    return images


def _read(path: Path, protocol: OpinionsProtocol) -> Array:
    image = read_image(path)
    if protocol.resolution:
        scale = protocol.resolution / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        require_pixels(*size, path)
        if size != image.size:
            image = image.resize(size, Image.Resampling[protocol.resize_filter.upper()])
    return np.asarray(image)
