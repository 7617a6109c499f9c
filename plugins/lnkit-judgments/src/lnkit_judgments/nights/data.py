"""The data of `nights`: the triplets of a run, their images decoded once and then mapped into memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DataError
from lnkit.data import ImageTable, PackedTable, data_folder, open_images, packed_dir
from lnkit.datasets.text_tables import text_sha256
from lnkit_judgments.nights import NIGHTS_DATASET
from lnkit_judgments.nights.layout import OFFICIAL, Triplet, read_nights
from lnkit_judgments.nights.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts
    from lnkit_judgments.nights.protocol import NightsProtocol

SOURCE = (
    "NIGHTS is too large to be downloaded unasked: it takes 58 GB on disk. Fetch it with `lnkit data fetch nights`, or "
    "get it with dataset/download_dataset.sh of https://github.com/ssundaram21/dreamsim and name the folder that holds "
    "data.csv, ref and distort with --data DIR (the images of one split are enough); or run on the embedded sample "
    "with --sample."
)


@dataclass(frozen=True, slots=True)
class NightsData:
    """The triplets of a run, (N, ...) in each field."""

    reference: NDArray[np.uint8]  # (N, side, side, 3), RGB
    left: NDArray[np.uint8]
    right: NDArray[np.uint8]
    right_share: NDArray[np.float64]  # of the votes, in [0, 1]
    imagenet: NDArray[np.int8]  # 1 or 0; -1: unknown


def open_data(facts: RunFacts) -> BenchmarkData:
    """Read the table, choose the triplets of the protocol, and pack their images."""
    root = data_folder(facts, SOURCE, sample_folder, others=(NIGHTS_DATASET,))
    folder, triplets = read_nights(root)
    chosen = choose(triplets, facts.protocol)
    packed = _pack(facts, folder, chosen)
    data = NightsData(
        packed.arrays["reference"],
        packed.arrays["left"],
        packed.arrays["right"],
        np.array([triplet.right_share for triplet in chosen]),
        np.array([-1 if triplet.imagenet is None else triplet.imagenet for triplet in chosen], np.int8),
    )
    judgments = text_sha256(f"{t.reference} {t.left} {t.right} {t.right_share!r} {t.imagenet}" for t in chosen)
    fingerprints = {"images": packed.sha256, "judgments": judgments}
    incomplete = f"partial: the table lists {len(triplets):,} triplets, and NIGHTS has {OFFICIAL:,}"
    notes = (NOTE,) if facts.sample else (incomplete,) * (len(triplets) != OFFICIAL)
    return BenchmarkData(data, fingerprints, notes, image_size=facts.protocol.resolution)


def choose(triplets: Sequence[Triplet], protocol: NightsProtocol) -> list[Triplet]:
    """Return the triplets of the protocol's split with enough votes.

    Raises:
        DataError: There is none, or the number of votes is not known.
    """
    if protocol.min_votes and not any(triplet.votes for triplet in triplets):
        raise DataError(
            f"The triplets have no column votes, and the protocol takes those with {protocol.min_votes} votes or more. "
            "Add how many people judged each triplet, or take all with --set min_votes=0."
        )
    chosen = [t for t in triplets if t.split == protocol.split and t.votes >= protocol.min_votes]
    if not chosen:
        splits = ", ".join(f"{count:,} of {split!r}" for split, count in Counter(t.split for t in triplets).items())
        raise DataError(
            f"The data have no triplet of the split {protocol.split!r} with {protocol.min_votes} votes or more; they "
            f"list {splits or 'none at all'}."
        )
    return chosen[: protocol.triplets or None]


def _pack(facts: RunFacts, folder: Path, chosen: Sequence[Triplet]) -> PackedTable:
    protocol: NightsProtocol = facts.protocol
    columns: dict[str, Any] = {
        "reference": tuple(triplet.reference for triplet in chosen),
        "left": tuple(triplet.left for triplet in chosen),
        "right": tuple(triplet.right for triplet in chosen),
    }
    table = ImageTable(f"nights {protocol.split}", folder, columns)
    recipe = f"{protocol.split}-{protocol.min_votes}votes-{protocol.triplets}-{protocol.resolution}px"
    return open_images(
        table,
        packed_dir(folder, facts.cache) / f"{text_sha256([recipe])[:12]}-{protocol.resize_filter}",
        size=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=facts.progress,
    )
