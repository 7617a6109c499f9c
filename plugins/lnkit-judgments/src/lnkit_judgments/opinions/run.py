"""The run of `tid2013` and `kadid10k`: each distorted image against its reference, one reference after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from lnkit import BenchmarkData, DataError, LossNetworkId, Outcome
from lnkit.data.pack.decode import read_rgb
from lnkit.datasets.opinions import Opinion, OpinionSet
from lnkit.evaluation.shards import Advance, Shards, open_shards
from lnkit_judgments.opinions.scores import Measured, score_all

if TYPE_CHECKING:
    from lnkit.benchmark import ImageComparer, RunContext
    from lnkit_judgments.opinions.protocol import OpinionsProtocol

Array = np.ndarray[Any, Any]

SHARD = 125  # images of one reference between two savings: all that the data sets here have
COMPANY = 5  # distorted images that go through the network with one copy of their reference, instead of one each


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    found: OpinionSet = data.content
    distances = _measure(context, found)
    return {
        network: score_all(Measured.of(found, distances[:, index]), context.protocol, context.seed)
        for index, network in enumerate(context.networks)
    }


def _measure(context: RunContext, found: OpinionSet) -> Array:
    """Distances (N, loss networks) in the order of the opinions."""
    shards = list(_shards(found.opinions))
    comparisons = sum(-(-len(shard) // COMPANY) for shard in shards)
    with open_shards(context, len(found.opinions), "images", items=comparisons) as measurement:
        return np.concatenate([_measure_shard(measurement, context.protocol, shard) for shard in shards])


def _shards(opinions: Sequence[Opinion]) -> Iterator[list[Opinion]]:
    for _, group in groupby(opinions, lambda opinion: opinion.reference_name):
        images = list(group)
        yield from (images[start : start + SHARD] for start in range(0, len(images), SHARD))


def _measure_shard(measurement: Shards, protocol: OpinionsProtocol, shard: list[Opinion]) -> Array:
    def compute(tell: Advance) -> dict[str, Array]:
        reference, *images = _decode(shard, protocol)
        return {"distance": compare_in_company(measurement.comparer, reference, np.stack(images), tell)}

    return measurement.get_or_compute(shard[0].name, len(shard), compute)["distance"]


def compare_in_company(comparer: ImageComparer, reference: Array, images: Array, tell: Advance) -> Array:
    """Distances (N, loss networks) of ``images`` (N, H, W, 3) to ``reference`` (H, W, 3).

    The reference goes along with ``COMPANY`` images at a time; the last company is filled up with its last image.
    """
    count = len(images)
    companies = -(-count // COMPANY)
    filled = np.concatenate([images, np.repeat(images[-1:], companies * COMPANY - count, axis=0)])
    columns = filled.reshape(companies, COMPANY, *images.shape[1:])
    references = np.broadcast_to(reference, (companies, *reference.shape))
    left = count

    def advance(done: int) -> None:
        nonlocal left
        steps = min(left, done * COMPANY)
        left -= steps
        tell(steps)

    found = comparer.compare(references, *columns.swapaxes(0, 1), advance=advance)
    return found.reshape(companies * COMPANY, -1)[:count]


def _decode(shard: list[Opinion], protocol: OpinionsProtocol) -> list[Array]:
    """The reference of the shard and its distorted images, all of one size."""
    paths = [shard[0].reference, *(opinion.image for opinion in shard)]
    with ThreadPoolExecutor() as pool:
        images = list(pool.map(lambda path: _read(path, protocol), paths))
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            sizes = " and ".join(f"{array.shape[1]} x {array.shape[0]}" for array in (image, images[0]))
            raise DataError(f"{path} and its reference {paths[0]} have different sizes: {sizes} pixels.")
    return images


def _read(path: Path, protocol: OpinionsProtocol) -> Array:
    try:
        image, _ = read_rgb(path.read_bytes(), path)
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror}). Check the file and its permissions.") from error
    if protocol.resolution:
        scale = protocol.resolution / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        if size != image.size:
            image = image.resize(size, Image.Resampling[protocol.resize_filter.upper()])
    return np.asarray(image)
