"""A small data set in folders of classes, cut on the spot from photographs that come with scikit-image.

The class of a patch is its photograph: patches to train and to test on come from different halves of it. They
are real images, and far too few: scores show that everything works, and nothing about quality.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lnkit.data import cached_sample
from lnkit.datasets.photographs import credits_of, half, load_photograph, random_crop

# Photographs in scikit-image's package, which need no download; gray ones get three equal channels.
PHOTOGRAPHS = (
    "astronaut",
    "brick",
    "chelsea",
    "coffee",
    "grass",
    "gravel",
    "hubble_deep_field",
    "immunohistochemistry",
    "rocket",
    "stereo_motorcycle",
)
SIDE = 32  # pixels, as SVHN's images
TRAIN, TEST = 64, 32  # patches of each photograph
TEXTURE = 8.0  # least standard deviation of a patch in 8-bit steps; flat patches look the same in every photograph
SEED = 2020
VERSION = 1  # raised when the files change
SIZE = 5_000_000  # bytes, about
NOTE = "sample: patches of scikit-image's photographs; the class of a patch is the photograph that it was cut from"
CAPTION = (
    f"SAMPLE: patches of photographs that come with scikit-image, mirrored at their borders: {credits_of(PHOTOGRAPHS)}."
)


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; write the sample on first use."""
    return cached_sample(cache, f"autoencoder-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``; the same Pillow and scikit-image write the same bytes again."""
    for number, name in enumerate(PHOTOGRAPHS):
        photograph = load_photograph(name)
        for stream, (split, count) in enumerate((("train", TRAIN), ("test", TEST))):
            folder, side = root / split / name, half(photograph, right=split == "test")
            draw = np.random.default_rng([SEED, number, stream])
            folder.mkdir(parents=True)
            for index in range(count):
                patch = random_crop(side, (SIDE, SIDE), draw, texture=TEXTURE, endpoint=True)
                patch.save(folder / f"{index:03d}.png")
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _readme() -> str:
    return (
        "A sample in folders of classes, made by lnkit for the benchmark `autoencoder`.\n\n"
        f"Patches of {SIDE} x {SIDE} pixels from photographs that come with scikit-image:\n"
        f"{', '.join(PHOTOGRAPHS)}.\n\n"
        "The class of a patch is its photograph; those in train are from its left half, those in\n"
        "test from its right half. They are few: a score says that everything works, and nothing\n"
        "about quality.\n"
    )
