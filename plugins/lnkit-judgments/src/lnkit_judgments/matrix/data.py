"""Which set of images a run uses, decoded once and then mapped into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData
from lnkit.data.cache import packed_dir
from lnkit.data.pack.build import ImageTable
from lnkit.data.pack.image_table import open_packed
from lnkit_judgments.matrix.layout import EXPECTED, ImageSet, read_image_set
from lnkit_judgments.matrix.sample import NOTE, SAMPLE
from lnkit_judgments.places import data_folder, text_sha256

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

ELSEWHERE = (
    "similarity_matrix runs on data of your own choice: name their folder with --data DIR, or run on the embedded "
    f"sample with --sample. {EXPECTED}"
)


@dataclass(frozen=True, slots=True)
class MatrixData:
    """The images of a run, and what people say of each two of them."""

    images: NDArray[np.uint8]  # (N, side, side, 3), RGB
    dissimilarity: NDArray[np.float64]  # (N (N - 1) / 2,), the upper triangle row by row


def open_data(facts: RunFacts) -> BenchmarkData:
    """Read the matrix and pack its images."""
    protocol = facts.protocol
    found = read_image_set(data_folder(facts, SAMPLE, ELSEWHERE))
    table = ImageTable("images", found.folder, {"image": found.images}, {}, read_label=lambda data, path: float(data))
    packed = open_packed(
        table,
        packed_dir(found.folder, facts.cache) / f"{protocol.resolution}px-{protocol.resize_filter}",
        size=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=facts.progress,
    )
    upper = found.dissimilarity[np.triu_indices(len(found.images), 1)]
    lines = [*found.images, *(repr(float(value)) for value in upper)]
    fingerprints = {"images": packed.sha256, "judgments": text_sha256(lines)}
    notes = (NOTE,) if facts.sample else _unlisted(found)
    return BenchmarkData(MatrixData(packed.images["image"], upper), fingerprints, notes, image_size=protocol.resolution)


def _unlisted(found: ImageSet) -> tuple[str, ...]:
    return (f"{found.unlisted} images in the folder are not in the matrix, and are left out",) * bool(found.unlisted)
