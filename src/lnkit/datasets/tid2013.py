"""Reading TID2013 (Ponomarenko et al. 2015), or TID2008, which is laid out in the same way."""

from __future__ import annotations

from pathlib import Path

from lnkit.datasets.image_files import Folder, folder_with
from lnkit.datasets.opinions import Entry, OpinionSet, collect
from lnkit.datasets.text_tables import read_number, read_text
from lnkit.errors import DataError

OPINIONS = "mos_with_names.txt"
OFFICIAL = 3000  # distorted images: 25 references, 24 types, 5 levels
EXPECTED = (
    "TID2013's layout is expected: mos_with_names.txt with lines like '5.51429 i01_01_1.bmp', reference_images/I01.BMP "
    "and distorted_images/i01_01_1.bmp; names in any case."
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


def read_tid2013(root: Path) -> OpinionSet:
    """Read what ``mos_with_names.txt`` in ``root`` lists.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    folder = folder_with(root, OPINIONS, ("tid2013", "TID2013"), EXPECTED)
    listed = folder.get(OPINIONS)
    lines = enumerate(read_text(listed).splitlines(), start=1)
    entries = [_entry(line, f"{listed}, line {number}") for number, line in lines if line.strip()]
    images, references = (Folder(folder.get(name, EXPECTED)) for name in ("distorted_images", "reference_images"))
    return collect(listed, entries, images, references, TYPES)


def _entry(line: str, where: str) -> Entry:
    parts = line.split()
    if len(parts) != 2:
        raise DataError(f"{where}: a mean opinion and a file name are expected, and {line.strip()!r:.80} is there.")
    score, image = parts
    return Entry(where, image, f"{image.partition('_')[0]}.bmp", read_number(score, where))
