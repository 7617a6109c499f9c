"""A small data set in the benchmark's layout, cut on the spot from photographs that come with scikit-image.

Images to train on, to validate on and to test on come from different photographs, or from different halves of one. They
are real, and far too few: scores show that everything works, and nothing about quality.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lnkit.data import cached_sample
from lnkit.datasets.photographs import Draw, credits_of, half, load_photograph, random_crop

SIDE = 128  # pixels of an image to train on
TEXTURE = 20.0  # least standard deviation of an image in 8-bit steps
SEED = 2016
VERSION = 1  # raised when the files change
SIZE = 8_000_000  # bytes, about
NOTE = (
    "sample: parts of a few of scikit-image's photographs, far too few to learn from; the test sets are not the "
    "official ones"
)


@dataclass(frozen=True, slots=True)
class Part:
    """Images cut at random from one half of photographs."""

    folder: str
    photographs: tuple[str, ...]
    right: bool  # from the right half; else from the left
    count: int
    sizes: tuple[tuple[int, int], ...]  # width and height, in turn


# All photographs are in color, and may be published.
PARTS = (
    Part("train", ("astronaut", "coffee", "rocket", "stereo_motorcycle"), False, 48, ((SIDE, SIDE),)),
    Part("valid", ("chelsea",), False, 4, ((SIDE, SIDE),)),
    Part("Set5", ("chelsea",), True, 3, ((120, 96), (131, 97))),  # whose sides need not be multiples of a factor
    Part("Set14", ("coffee",), True, 3, ((96, 120), (112, 112))),
    Part("BSD100", ("astronaut", "stereo_motorcycle", "rocket"), True, 6, ((144, 96), (96, 144))),
)
CAPTION = (
    "SAMPLE, not the official test sets of these names. Parts of photographs that come with scikit-image: "
    f"{credits_of(sorted({name for part in PARTS for name in part.photographs}))}."
)


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; write the sample on first use."""
    return cached_sample(cache, f"superres-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``; the same Pillow and scikit-image write the same bytes again."""
    for number, part in enumerate(PARTS):
        _write_part(root / part.folder, part, np.random.default_rng([SEED, number]))
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _write_part(folder: Path, part: Part, draw: Draw) -> None:
    folder.mkdir(parents=True)
    halves = [half(load_photograph(name), part.right) for name in part.photographs]
    for index in range(part.count):
        size = part.sizes[index % len(part.sizes)]
        image = random_crop(halves[index % len(halves)], size, draw, texture=TEXTURE)
        image.save(folder / f"{index + 1:03d}.png", compress_level=1)


def _readme() -> str:
    names = ", ".join(dict.fromkeys(name for part in PARTS for name in part.photographs))
    return (
        "A sample in the layout of lnkit's benchmark superres. The folders Set5, Set14 and BSD100 do not\n"
        "hold the test sets of these names: all images are parts of photographs that come with\n"
        f"scikit-image ({names}).\n\n"
        "Images to train on come from the left halves, images to test on from the right ones.\n"
    )
