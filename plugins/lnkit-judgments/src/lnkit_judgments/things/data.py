"""The data of `things`: the images of the triplets, decoded once and then mapped into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DataError
from lnkit.data import ImageTable, data_folder, dataset_dir, file_sha256, open_images, packed_dir
from lnkit.datasets.text_tables import text_sha256
from lnkit.datasets.things import NEWER, OddOneOut, read_odd_one_out
from lnkit_judgments.things import THINGS_DATASET, TRIPLETS, TRIPLETS_SHA256
from lnkit_judgments.things.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts
    from lnkit_judgments.things.protocol import ThingsProtocol

CEILING = "noise ceiling of these triplets: about 67.8 %, which people themselves reach (https://osf.io/f5rn6)"


@dataclass(frozen=True, slots=True)
class ThingsData:
    """The images and triplets of a run."""

    images: NDArray[np.uint8]  # (I, side, side, 3), RGB
    triplets: NDArray[np.int64]  # (N, 3), rows of ``images``; the last one is the odd one out


def open_data(facts: RunFacts) -> BenchmarkData:
    """Read the triplets and pack their images."""
    protocol: ThingsProtocol = facts.protocol
    root = data_folder(facts, THINGS_DATASET, sample_folder)
    if root == dataset_dir("things", facts.cache) and not (root / "images").is_dir():
        raise DataError(
            f"{root} has the triplets of THINGS, and no images, which lnkit does not fetch: see https://osf.io/jum2f. "
            "Copy the triplets beside a folder images with 0.png to 1853.png, in the order of the triplets' numbers, "
            "and name the folder of both with --data DIR; or run on the embedded sample with --sample."
        )
    found = read_odd_one_out(root, protocol.triplets, below=protocol.first_images)
    packed = open_images(
        ImageTable("things", found.folder, {"image": found.images}),
        packed_dir(found.folder, facts.cache) / f"{text_sha256(found.images)[:12]}-{protocol.resolution}px-"
        f"{protocol.resize_filter}",
        size=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=facts.progress,
    )
    judgments = text_sha256(" ".join(map(str, row)) for row in found.numbers[found.triplets].tolist())
    fingerprints = {"images": packed.sha256, "judgments": judgments}
    notes = (NOTE,) if facts.sample else _notes(found, protocol)
    content = ThingsData(packed.arrays["image"], found.triplets)
    return BenchmarkData(content, fingerprints, notes, image_size=protocol.resolution)


def _notes(found: OddOneOut, protocol: ThingsProtocol) -> tuple[str, ...]:
    is_changed = found.table.name == TRIPLETS and file_sha256(found.table) != TRIPLETS_SHA256
    changed = f"{TRIPLETS} is not the published file, by its SHA-256: it may be cut short or changed"
    return (changed,) * is_changed + (CEILING,) * (protocol.triplets in NEWER)
