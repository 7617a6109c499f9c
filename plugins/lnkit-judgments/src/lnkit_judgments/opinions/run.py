"""The run of the benchmarks on opinions: compare each distorted image with its reference, score the distances."""

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

SHARD = 125  # images of one reference in a shard: the most that these datasets have
LARGE = 2**19  # pixels; larger images are compared in pairs: six of 1280 x 720 take VGG-16 to several GiB
AT_ONCE = 25  # images that are decoded and held at a time: 66 MiB of 1280 x 720 pixels; a multiple of GROUP


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
        pieces = [part[start : start + AT_ONCE] for start in range(0, len(part), AT_ONCE)]
        return {"distance": np.concatenate([_compare(shards, protocol, piece, advance) for piece in pieces])}

    return shards.get_or_compute(part[0].name.replace("/", "_"), len(part), compute)["distance"]


def _compare(shards: Shards, protocol: OpinionsProtocol, piece: list[Opinion], advance: Advance) -> Array:
    """Compare some images of one reference with it, those of one size together."""
    with ThreadPoolExecutor() as pool:
        reference, *images = pool.map(read_image, [piece[0].reference, *(opinion.image for opinion in piece)])
    found: dict[int, Array] = {}
    for size in dict.fromkeys(image.size for image in images):
        rows = [row for row, image in enumerate(images) if image.size == size]
        common = _common_size(reference, size, piece[rows[0]], protocol)
        prepared = np.stack([_prepare(images[row], common, piece[row].image, protocol) for row in rows])
        original = _prepare(reference, common, piece[0].reference, protocol)
        distances = _compare_alike(shards, original, prepared, advance)
        found |= zip(rows, distances, strict=True)
    return np.stack([found[row] for row in range(len(piece))])


def _compare_alike(shards: Shards, reference: Array, images: Array, advance: Advance) -> Array:
    """Compare images (N, H, W, 3) with their reference (H, W, 3), which goes through the network once for several."""
    if reference.shape[0] * reference.shape[1] > LARGE:
        references = np.broadcast_to(reference, images.shape)
        pairs: Array = shards.comparer.compare(references, images, advance=advance)[:, 0]
        return pairs
    groups = reference_groups(np.zeros(len(images), np.int64))
    references = np.broadcast_to(reference, (len(groups), *reference.shape))
    distances = shards.compare_groups(references, images, groups, advance)
    return distances.reshape(groups.size, -1)[: len(images)]  # the last group is filled up


def _common_size(
    reference: Image.Image, size: tuple[int, int], opinion: Opinion, protocol: OpinionsProtocol
) -> tuple[int, int]:
    """Return the size that an image and its reference share; refuse different ones, unless they are cropped."""
    if size != reference.size and protocol.unequal_sizes == "refuse":
        shown = " and ".join(f"{width} x {height}" for width, height in (size, reference.size))
        raise DataError(
            f"{opinion.image} and its reference {opinion.reference} have different sizes: {shown} pixels. "
            "`--set unequal_sizes=crop` compares what both have, from the top left."
        )
    return min(size[0], reference.width), min(size[1], reference.height)


def _prepare(image: Image.Image, common: tuple[int, int], path: Path, protocol: OpinionsProtocol) -> Array:
    """Bring an image to the size that it shares with its reference, then to that of the protocol."""
    if image.size != common:
        image = image.crop((0, 0, *common))
    if 0 < protocol.resolution < min(image.size):
        scale = protocol.resolution / min(image.size)
        size = (round(image.width * scale), round(image.height * scale))
        require_pixels(*size, path)
        image = image.resize(size, Image.Resampling[protocol.resize_filter.upper()])
    if step := protocol.crop_multiple:
        width, height = (side // step * step for side in image.size)
        if not (width and height):
            raise DataError(
                f"{path} has {image.width} x {image.height} pixels, too few to crop its sides to multiples of {step}."
            )
        left, top = (image.width - width) // 2, (image.height - height) // 2
        image = image.crop((left, top, left + width, top + height))
    return np.asarray(image)
