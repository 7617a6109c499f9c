"""A small data set in folders of classes, cut on the spot from photographs that come with scikit-image.

The class of a patch is its photograph: patches to train and to test on come from different halves of it. They
are real images, and far too few: scores show that everything works, and nothing about quality.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from lnkit.data import cached_sample

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

Draw = np.random.Generator


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; write the sample on first use."""
    return cached_sample(cache, f"autoencoder-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``; the same Pillow and scikit-image write the same bytes again."""
    for number, name in enumerate(PHOTOGRAPHS):
        photograph = _photograph(name)
        for stream, (split, count) in enumerate((("train", TRAIN), ("test", TEST))):
            draw = np.random.default_rng([SEED, number, stream])
            _write_patches(root / split / name, _half(photograph, right=split == "test"), count, draw)
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _photograph(name: str) -> Image.Image:
    from skimage import data  # noqa: PLC0415 - costs half a second, and only making the sample needs it

    loaded = getattr(data, name)()
    return Image.fromarray(loaded[0] if isinstance(loaded, tuple) else loaded).convert("RGB")


def _half(image: Image.Image, right: bool) -> Image.Image:
    middle = image.width // 2
    return image.crop((middle, 0, image.width, image.height) if right else (0, 0, middle, image.height))


def _write_patches(folder: Path, photograph: Image.Image, count: int, draw: Draw) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        _patch(photograph, draw).save(folder / f"{number:03d}.png")


def _patch(photograph: Image.Image, draw: Draw) -> Image.Image:
    """Cut a random patch that is not flat."""
    while True:
        left, top = (int(draw.integers(0, length - SIDE + 1)) for length in photograph.size)
        patch = photograph.crop((left, top, left + SIDE, top + SIDE))
        if np.asarray(patch.convert("L")).std() >= TEXTURE:
            return patch


def _readme() -> str:
    return (
        "A sample in folders of classes, made by lnkit for the benchmark `autoencoder`.\n\n"
        f"Patches of {SIDE} x {SIDE} pixels from photographs that come with scikit-image:\n"
        f"{', '.join(PHOTOGRAPHS)}.\n\n"
        "The class of a patch is its photograph; those in train are from its left half, those in\n"
        "test from its right half. They are few: a score says that everything works, and nothing\n"
        "about quality.\n"
    )
