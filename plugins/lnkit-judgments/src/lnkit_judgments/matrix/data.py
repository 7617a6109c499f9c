"""The data of `similarity_matrix`: a set of images, decoded once and then mapped into memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData
from lnkit.data import ImageTable, data_folder, open_images, packed_dir
from lnkit.datasets.text_tables import text_sha256
from lnkit_judgments.matrix.layout import EXPECTED, read_image_set
from lnkit_judgments.matrix.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

SOURCE = (
    "similarity_matrix runs on your own data: name their folder with --data DIR, or run on the embedded "
    f"sample with --sample. {EXPECTED}"
)


@dataclass(frozen=True, slots=True)
class MatrixData:
    """The images of a run, and people's judgments of each pair."""

    images: NDArray[np.uint8]  # (N, side, side, 3), RGB
    dissimilarity: NDArray[np.float64]  # (N (N - 1) / 2,), the upper triangle row by row


def open_data(facts: RunFacts) -> BenchmarkData:
    """Read the matrix and pack its images."""
    protocol = facts.protocol
    image_set = read_image_set(data_folder(facts, SOURCE, sample_folder))
    table = ImageTable("images", image_set.folder, {"image": image_set.images})
    packed = open_images(
        table,
        packed_dir(image_set.folder, facts.cache) / f"{protocol.resolution}px-{protocol.resize_filter}",
        size=protocol.resolution,
        resize_filter=protocol.resize_filter,
        progress=facts.progress,
    )
    upper = image_set.dissimilarity[np.triu_indices(len(image_set.images), 1)]
    lines = [*image_set.images, *(repr(float(value)) for value in upper)]
    fingerprints = {"images": packed.sha256, "judgments": text_sha256(lines)}
    unlisted = f"{image_set.unlisted} images in the folder are not in the matrix, and are left out"
    notes = (NOTE,) if facts.sample else (unlisted,) * bool(image_set.unlisted)
    return BenchmarkData(MatrixData(packed.arrays["image"], upper), fingerprints, notes, image_size=protocol.resolution)
