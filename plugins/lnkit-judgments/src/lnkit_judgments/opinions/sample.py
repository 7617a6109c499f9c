"""Small datasets in the layouts of TID2013 and KADID-10k, made from photographs that come with scikit-image.

They show that everything works, and say nothing about quality: no person was asked. The stronger a distortion, the
lower its opinion; how fast it falls differs between the types, so that no distance explains everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lnkit.data import cached_sample
from lnkit.datasets import kadid10k, tid2013
from lnkit.datasets.photographs import (
    NAMES,
    Draw,
    Size,
    add_noise,
    blur,
    compress,
    cut_out,
    desaturate,
    load_photograph,
)

SAMPLE_BYTES = 10_000_000  # about
SIZE = Size(192, 144)  # of an image in pixels; the shape of the originals, which are 512 x 384
REFERENCES = 4
LEVELS = 5
SEED = 2013
NOTE = (
    "sample: scikit-image's photographs; the opinions are constructions (the stronger the distortion, the lower), "
    "not people's answers"
)


class Distortion(NamedTuple):
    """A distortion in five strengths, and its effect on an opinion."""

    apply: Callable[[Image.Image, float, Draw], Image.Image]
    weakest: float
    strongest: float
    harm: float  # fall of the opinion at the strongest, in the scale's range


DISTORTIONS = {  # name in TID2013, name in KADID-10k
    ("additive_gaussian_noise", "white_noise"): Distortion(add_noise, 4, 48, 0.6),
    ("gaussian_blur", "gaussian_blur"): Distortion(blur, 0.5, 4, 0.8),
    ("jpeg", "jpeg"): Distortion(compress, 40, 95, 0.8),
    ("color_saturation_change", "color_saturation_1"): Distortion(desaturate, 0.2, 1, 0.4),
}


class DistortedImage(NamedTuple):
    """A distorted image of the sample."""

    reference: int  # from 1
    distortion: tuple[str, str]  # in TID2013, in KADID-10k
    level: int  # from 1
    image: Image.Image
    quality: float  # from 0, worst, to 1, best


def tid2013_sample(cache: Path) -> Path:
    """Return the folder of the sample of `tid2013` in the cache; make it if there is none."""
    return cached_sample(cache, "tid2013-1", SAMPLE_BYTES, write_tid2013)


def kadid10k_sample(cache: Path) -> Path:
    """Return the folder of the sample of `kadid10k` in the cache; make it if there is none."""
    return cached_sample(cache, "kadid10k-1", SAMPLE_BYTES, write_kadid10k)


def write_tid2013(root: Path) -> None:
    """Write the sample in the layout of TID2013: the same bytes each time with the same Pillow and scikit-image."""
    (root / tid2013.REFERENCES).mkdir()
    (root / tid2013.DISTORTED).mkdir()
    for number, reference in enumerate(_references(), start=1):
        reference.save(root / tid2013.REFERENCES / f"I{number:02d}.BMP")
    lines = []
    for item in _distorted():
        number = tid2013.TYPES.index(item.distortion[0]) + 1
        name = f"i{item.reference:02d}_{number:02d}_{item.level}.bmp"
        item.image.save(root / tid2013.DISTORTED / name)
        lines.append(f"{9 * item.quality:.5f} {name}\n")
    (root / tid2013.OPINIONS).write_text("".join(lines), encoding="utf-8")
    (root / "README.txt").write_text(_readme("TID2013"), encoding="utf-8")


def write_kadid10k(root: Path) -> None:
    """Write the sample in the layout of KADID-10k."""
    images = root / "images"
    images.mkdir()
    for number, reference in enumerate(_references(), start=1):
        reference.save(images / f"I{number:02d}.png", compress_level=1)
    lines = ["dist_img,ref_img,dmos,var\n"]
    for item in _distorted():
        number = kadid10k.TYPES.index(item.distortion[1]) + 1
        name = f"I{item.reference:02d}_{number:02d}_{item.level:02d}.png"
        item.image.save(images / name, compress_level=1)
        lines.append(f"{name},I{item.reference:02d}.png,{1 + 4 * item.quality:.2f},0.00\n")
    (root / kadid10k.OPINIONS).write_text("".join(lines), encoding="utf-8")
    (root / "README.txt").write_text(_readme("KADID-10k"), encoding="utf-8")


def _references() -> list[Image.Image]:
    return [cut_out(load_photograph(name), 10, 10, 380, SIZE) for name in NAMES[:REFERENCES]]


def _distorted() -> Iterator[DistortedImage]:
    """Make five strengths of each distortion, evenly on a logarithmic scale."""
    draw = np.random.default_rng(SEED)
    for reference, image in enumerate(_references(), start=1):
        for names, distortion in DISTORTIONS.items():
            strengths = np.geomspace(distortion.weakest, distortion.strongest, LEVELS)
            for level, strength in enumerate(strengths, start=1):
                quality = 1 - distortion.harm * level / LEVELS + draw.uniform(-0.05, 0.05)
                yield DistortedImage(
                    reference, names, level, distortion.apply(image, float(strength), draw), min(quality, 1.0)
                )


def _readme(name: str) -> str:
    return (
        f"A sample in the layout of {name}, made by lnkit. It is not {name}.\n\n"
        f"{REFERENCES} photographs that come with scikit-image, {SIZE.width} x {SIZE.height} pixels, each with\n"
        f"{len(DISTORTIONS)} distortions in {LEVELS} strengths. The opinions are constructions: the stronger, the\n"
        "lower. No person was asked, so a score says that everything works, and nothing about quality.\n"
    )
