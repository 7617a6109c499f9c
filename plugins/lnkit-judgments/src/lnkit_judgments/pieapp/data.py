"""The data of `pieapp`: the images of a split, decoded once and then mapped into memory, and people's judgments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DataError
from lnkit.data import ImageTable, data_folder, open_images, packed_dir
from lnkit.datasets.pieapp import OFFICIAL, PieappSet, read_pieapp
from lnkit.datasets.text_tables import text_sha256
from lnkit_judgments.pieapp import PIEAPP_DATASET, PIEAPP_MIRROR
from lnkit_judgments.pieapp.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts
    from lnkit_judgments.pieapp.protocol import PieappProtocol

SHARE_DIGITS = 9  # a share of 0.6 is 0.1 from one half, but for rounding


@dataclass(frozen=True, slots=True)
class PieappData:
    """The images and judgments of a run. Images are named by their row in ``images``."""

    images: NDArray[np.uint8]  # (I, side, side, 3), RGB: the references and the distorted images
    reference: NDArray[np.int64]  # (I,), of each image its reference's row; of a reference its own
    names: tuple[str, ...]  # (I,)
    scored: NDArray[np.int64]  # (N,), rows of images with a score
    score: NDArray[np.float64]  # (N,), higher is worse
    a: NDArray[np.int64]  # (P,)
    b: NDArray[np.int64]  # (P,)
    share: NDArray[np.float64]  # (P,), of people who found a more similar to the reference


def open_data(facts: RunFacts) -> BenchmarkData:
    """Read the labels, choose the pairs of the protocol, and pack the images."""
    protocol: PieappProtocol = facts.protocol
    root = data_folder(facts, PIEAPP_DATASET, sample_folder, others=(PIEAPP_MIRROR,))
    whole = read_pieapp(root, protocol.split)
    chosen = choose(whole, protocol)
    owner = {image: image for image in {p.reference for p in chosen.pairs} | {s.reference for s in chosen.scores}}
    owner |= {s.image: s.reference for s in chosen.scores}
    owner |= {image: p.reference for p in chosen.pairs for image in (p.a, p.b)}
    names = tuple(sorted(owner))
    packed = open_images(
        ImageTable(f"pieapp {protocol.split}", chosen.folder, {"image": names}),
        packed_dir(chosen.folder, facts.cache) / f"{text_sha256(names)[:12]}-{protocol.resolution}px-"
        f"{protocol.resize_filter}",
        size=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=facts.progress,
    )
    row = {name: number for number, name in enumerate(names)}
    data = PieappData(
        packed.arrays["image"],
        _rows(row, (owner[name] for name in names)),
        names,
        _rows(row, (score.image for score in chosen.scores)),
        np.array([score.score for score in chosen.scores]),
        _rows(row, (pair.a for pair in chosen.pairs)),
        _rows(row, (pair.b for pair in chosen.pairs)),
        np.array([pair.share for pair in chosen.pairs]),
    )
    judgments = (
        *(f"{p.reference} {p.a} {p.b} {p.share!r}" for p in chosen.pairs),
        *(f"{s.image} {s.score!r}" for s in chosen.scores),
    )
    fingerprints = {"images": packed.sha256, "judgments": text_sha256(judgments)}
    notes = (NOTE,) if facts.sample else _notes(whole, protocol)
    return BenchmarkData(data, fingerprints, notes, image_size=protocol.resolution)


def choose(whole: PieappSet, protocol: PieappProtocol) -> PieappSet:
    """Return the references and pairs of the protocol.

    Raises:
        DataError: There is none.
    """
    part = whole.first_references(protocol.references)
    pairs = tuple(
        pair
        for pair in part.pairs
        if not (protocol.pairs == "distorted" and pair.with_reference)
        and not (protocol.margin and round(abs(pair.share - 0.5), SHARE_DIGITS) <= protocol.margin)
    )
    if not pairs:
        raise DataError(
            f"The split {protocol.split!r} has {len(part.pairs):,} pairs, and none with pairs={protocol.pairs} and "
            f"margin={protocol.margin:g}. Choose others with --set."
        )
    return PieappSet(part.folder, pairs, part.scores, part.unseen)


def _rows(row: dict[str, int], names: Any) -> NDArray[np.int64]:
    return np.array([row[name] for name in names], np.int64)


def _notes(whole: PieappSet, protocol: PieappProtocol) -> tuple[str, ...]:
    notes = []
    if whole.unseen:
        notes.append(f"{whole.unseen:,} pairs without a judgment are left out")
    here = {"images": len(whole.scores), "pairs": len(whole.pairs)}
    if protocol.split == "test" and here != OFFICIAL:
        notes.append(
            f"partial: {here['images']:,} scored images and {here['pairs']:,} pairs, and the official test split has "
            f"{OFFICIAL['images']:,} and {OFFICIAL['pairs']:,}"
        )
    return tuple(notes)
