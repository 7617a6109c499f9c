"""TID2013 (Ponomarenko et al. 2015), or TID2008, which has the same layout.

TID2013 has 25 references of 512 x 384 pixels, 24 distortions in 5 strengths, and 3,000 mean opinions.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data.cache import packed_dir
from lnkit.data.pack.columns import Column, ColumnTable, open_columns
from lnkit.data.pack.decode import read_image, read_rgb
from lnkit.datasets.image_files import Folder, folder_with
from lnkit.datasets.opinions import Entry, OpinionSet, collect
from lnkit.datasets.text_tables import read_number, read_text
from lnkit.errors import DataError
from lnkit.progress import Progress

__all__ = [
    "DISTORTED",
    "OFFICIAL",
    "OPINIONS",
    "REFERENCES",
    "TYPES",
    "OpinionImages",
    "open_tid2013",
    "read_tid2013",
]

OPINIONS = "mos_with_names.txt"
REFERENCES = "reference_images"
DISTORTED = "distorted_images"
OFFICIAL = 3000  # distorted images: 25 references, 24 types, 5 levels
EXPECTED = (
    f"Expected TID2013's layout: {OPINIONS} with lines like '5.51429 i01_01_1.bmp', {REFERENCES}/I01.BMP and "
    f"{DISTORTED}/i01_01_1.bmp; names in any case."
)
TYPES = (  # Ponomarenko et al. 2015, table of distortions, in their order
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
    """Read ``mos_with_names.txt`` in ``root``, and find the images that it lists.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    folder = folder_with(root, OPINIONS, ("tid2013", "TID2013"), EXPECTED)
    listed = folder.get(OPINIONS)
    lines = enumerate(read_text(listed).splitlines(), start=1)
    entries = [_entry(line, f"{listed}, line {number}") for number, line in lines if line.strip()]
    images, references = (Folder(folder.get(name, EXPECTED)) for name in (DISTORTED, REFERENCES))
    return collect(listed, entries, images, references, TYPES)


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


def _entry(line: str, where: str) -> Entry:
    parts = line.split()
    if len(parts) != 2:
        raise DataError(f"{where}: expected a mean opinion and a file name, got {line.strip()!r:.80}.")
    score, image = parts
    return Entry(where, image, f"{image.partition('_')[0]}.bmp", read_number(score, where))


def _decode(data: bytes, path: Path) -> NDArray[np.uint8]:
    return np.asarray(read_rgb(data, path)[0])
