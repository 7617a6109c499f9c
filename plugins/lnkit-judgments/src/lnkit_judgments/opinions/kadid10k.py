"""KADID-10k (Lin et al. 2019)."""

from __future__ import annotations

from pathlib import Path

from lnkit.datasets.image_files import Folder, folder_with
from lnkit.datasets.opinions import Entry, OpinionSet, collect
from lnkit.datasets.text_tables import read_table

OPINIONS = "dmos.csv"
OFFICIAL = 10_125  # distorted images: 81 references, 25 types, 5 levels
EXPECTED = (
    "Expected KADID-10k's layout: dmos.csv with the columns dist_img, ref_img and dmos, and images/I01.png, "
    "images/I01_01_01.png and so on."
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


def read_kadid10k(root: Path) -> OpinionSet:
    """Read ``dmos.csv`` in ``root``, and find the images that it lists.

    Its column ``dmos`` is a mean degradation category rating from 1, very annoying, to 5, imperceptible: despite its
    name, higher is better.

    Raises:
        DataError: The layout is another one, a line cannot be understood, or an image is missing.
    """
    folder = folder_with(root, OPINIONS, ("kadid10k", "KADID-10k"), EXPECTED)
    listed = folder.get(OPINIONS)
    lines = read_table(listed, ("dist_img", "ref_img", "dmos"))
    entries = [Entry(line.where, line.cells["dist_img"], line.cells["ref_img"], line.number("dmos")) for line in lines]
    images = Folder(folder.get("images", EXPECTED))
    return collect(listed, entries, images, images, TYPES)
