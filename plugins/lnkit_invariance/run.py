"""The run of `invariance`: change crops and triplets, measure how far each change is, score the distances."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np

from lnkit import BenchmarkData, LossNetworkId, Outcome
from lnkit.benchmark import Arrays, RunContext
from lnkit.datasets.two_afc import JudgedFamily
from lnkit.evaluation import GROUP, Shards, open_shards
from lnkit.progress import Advance
from lnkit.stats import named_generator
from lnkit_invariance.changes import APPLY, Pixels, inner
from lnkit_invariance.data import ImageSource, InvarianceData, center, crops
from lnkit_invariance.protocol import SUBTLE, InvarianceProtocol
from lnkit_invariance.scores import score_all

Array = np.ndarray[Any, Any]

SHARD_PIXELS = 2**19  # of the crops in a shard, unchanged


def run(context: RunContext, data: BenchmarkData) -> dict[LossNetworkId, Outcome]:
    """Measure every distance once for all loss networks, then score each of them."""
    content: InvarianceData = data.content
    protocol: InvarianceProtocol = context.protocol
    crop_images = len(content.images) * protocol.crops * len(protocol.labels())
    triplet_images = sum(_count(family, protocol) for family in content.families) * _images_of_triplet()
    total = crop_images + triplet_images
    with open_shards(context, total, "images", items=total // GROUP) as shards:
        names, distances = _measure_crops(shards, context, content.images)
        if content.families:
            references, of_triplets = _measure_triplets(shards, context, content.families)
            names, distances = names | references, distances | of_triplets
    return {
        network: score_all(
            names | {name: array[..., index] for name, array in distances.items()}, protocol, context.seed
        )
        for index, network in enumerate(context.networks)
    }


def rescore(arrays: Arrays, protocol: InvarianceProtocol, seed: int) -> Outcome:
    """Score the distances of an earlier run."""
    return score_all(arrays, protocol, seed)


def _measure_crops(
    shards: Shards, context: RunContext, images: Sequence[ImageSource]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the image of each crop, and the distances {change: (crops, strengths, loss networks)}."""
    protocol: InvarianceProtocol = context.protocol
    labels = protocol.labels()
    step = max(1, SHARD_PIXELS // (protocol.size**2 * protocol.crops))
    measured = []
    for start in range(0, len(images), step):
        part = images[start : start + step]
        compute = partial(_compare_crops, shards, context, part)
        steps = len(part) * protocol.crops * len(labels)
        measured.append(shards.get_or_compute(f"crops-{start:06d}", steps, compute)["distance"])
    distances = np.concatenate(measured)
    columns: dict[str, list[int]] = {}
    for index, (change, _) in enumerate(labels[:-1]):
        columns.setdefault(f"change/{change}", []).append(index)
    names = np.repeat([source.name for source in images], protocol.crops)
    changes: dict[str, Array] = {name: distances[:, chosen] for name, chosen in columns.items()}
    return {"image": names}, changes | {"visible_blur": distances[:, -1]}


def _compare_crops(
    shards: Shards, context: RunContext, images: Sequence[ImageSource], advance: Advance
) -> dict[str, Array]:
    protocol: InvarianceProtocol = context.protocol
    named = [
        (f"{source.name}/{number}", crop)
        for source in images
        for number, crop in enumerate(crops(source, protocol, context.seed))
    ]
    changed = [_changed(named, change, strength, context.seed) for change, strength in protocol.labels()]
    return {"distance": _compare(shards, np.stack([inner(crop) for _, crop in named]), changed, advance)}


def _measure_triplets(
    shards: Shards, context: RunContext, families: Sequence[JudgedFamily]
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the reference of each triplet, and its distances {case: (triplets, 2, loss networks)}."""
    protocol: InvarianceProtocol = context.protocol
    step = max(1, SHARD_PIXELS // protocol.size**2)
    parts: list[Arrays] = []
    owners: list[str] = []
    for family in families:
        count = _count(family, protocol)
        for start in range(0, count, step):
            rows = slice(start, min(start + step, count))
            compute = partial(_compare_triplets, shards, context, family, rows)
            steps = (rows.stop - start) * _images_of_triplet()
            parts.append(shards.get_or_compute(f"triplets-{family.name}-{start:06d}", steps, compute))
            owners += [hashlib.sha256(image.tobytes()).hexdigest()[:16] for image in np.asarray(family.images[0][rows])]
    return {"reference": np.array(owners)}, {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}


def _compare_triplets(
    shards: Shards, context: RunContext, family: JudgedFamily, rows: slice, advance: Advance
) -> dict[str, Array]:
    """Compare the reference with both images, unchanged and changed; then the changed reference with both."""
    protocol: InvarianceProtocol = context.protocol
    named = [
        [
            (f"{family.name}/{rows.start + row}/{column}", center(image, protocol))
            for row, image in enumerate(np.asarray(images[rows]))
        ]
        for column, images in enumerate(family.images)
    ]
    reference, *images = (np.stack([inner(crop) for _, crop in column]) for column in named)
    changed = {
        change: [_changed(column, change, protocol.weakest(change), context.seed) for column in named]
        for change in SUBTLE
    }
    others = [*images, *(column for columns in changed.values() for column in columns[1:])]
    distances = _compare(shards, reference, others, advance)
    arrays = {"decision/plain": distances[:, :2]}
    for index, change in enumerate(SUBTLE):
        arrays[f"decision/images/{change}"] = distances[:, 2 + 2 * index : 4 + 2 * index]
        arrays[f"decision/reference/{change}"] = _compare(shards, changed[change][0], images, advance)
    return arrays


def _changed(named: Sequence[tuple[str, Pixels]], change: str, strength: float, seed: int) -> Array:
    """Change crops; what is drawn depends on a crop's name and the seed alone."""
    draws = (named_generator(seed, f"{change}/{name}") for name, _ in named)
    return np.stack([APPLY[change](crop, strength, draw) for (_, crop), draw in zip(named, draws, strict=True)])


def _compare(shards: Shards, reference: Array, others: Sequence[Array], advance: Advance) -> Array:
    """Compare with ``GROUP`` images at a time, since all at once would take too much memory.

    Returns:
        Distances (N, number of others, loss networks).
    """
    distances = []
    for start in range(0, len(others), GROUP):
        group = others[start : start + GROUP]
        filled = [*group, *[group[-1]] * (GROUP - len(group))] if len(others) > GROUP else group  # one size of batch
        compared = shards.comparer.compare(reference, *filled, advance=partial(_advance, advance, len(group)))
        distances.append(compared[:, : len(group)])
    return np.concatenate(distances, axis=1)


def _advance(advance: Advance, images: int, items: int) -> None:
    advance(images * items)


def _count(family: JudgedFamily, protocol: InvarianceProtocol) -> int:
    return len(family.judgments[: protocol.per_family or None])


def _images_of_triplet() -> int:
    """Return how many images a triplet is compared by: two, and for each change four."""
    return 2 + 4 * len(SUBTLE)
