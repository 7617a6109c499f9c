"""Small data in the layouts of TID2013 and KADID-10k, made on the spot from photographs that come with scikit-image.

They prove that everything works, and say nothing about quality: no person was asked. The stronger a distortion, the
lower its opinion; how fast it falls differs between the types, so that no distance explains everything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from lnkit.datasets import photographs, tid2013
from lnkit.datasets.photographs import Draw, Size
from lnkit_judgments.opinions import kadid10k
from lnkit_judgments.places import Sample

SIZE = Size(192, 144)  # of an image in pixels; the shape of the originals, which are 512 x 384
REFERENCES = 4
LEVELS = 5
SEED = 2013
NOTE = (
    "sample: scikit-image's photographs; the opinions are constructions (the stronger the distortion, the lower), "
    "not people's answers"
)


class Distortion(NamedTuple):
    """Something that is done to an image in five strengths, and what that would do to an opinion."""

    apply: Callable[[Image.Image, float, Draw], Image.Image]
    weakest: float
    strongest: float
    harm: float  # how far the strongest takes the opinion down, of the scale's range


DISTORTIONS = {  # name in TID2013, name in KADID-10k
    ("additive_gaussian_noise", "white_noise"): Distortion(photographs.add_noise, 4, 48, 0.6),
    ("gaussian_blur", "gaussian_blur"): Distortion(photographs.blur, 0.5, 4, 0.8),
    ("jpeg", "jpeg"): Distortion(photographs.compress, 40, 95, 0.8),
    ("color_saturation_change", "color_saturation_1"): Distortion(photographs.fade, 0.2, 1, 0.4),
}


class Made(NamedTuple):
    """A distorted image of the sample."""

    reference: int  # from 1
    distortion: tuple[str, str]  # in TID2013, in KADID-10k
    level: int  # from 1
    image: Image.Image
    quality: float  # from 0, worst, to 1, best


def write_tid2013(root: Path) -> None:
    """Write the sample in the layout of TID2013; the same Pillow and scikit-image write the same bytes again."""
    (root / "reference_images").mkdir()
    (root / "distorted_images").mkdir()
    for number, reference in enumerate(_references(), start=1):
        reference.save(root / "reference_images" / f"I{number:02d}.BMP")
    lines = []
    for made in _distorted():
        number = tid2013.TYPES.index(made.distortion[0]) + 1
        name = f"i{made.reference:02d}_{number:02d}_{made.level}.bmp"
        made.image.save(root / "distorted_images" / name)
        lines.append(f"{9 * made.quality:.5f} {name}\n")
    (root / tid2013.OPINIONS).write_text("".join(lines), encoding="utf-8")
    (root / "README.txt").write_text(_readme("TID2013"), encoding="utf-8")


def write_kadid10k(root: Path) -> None:
    """Write the sample in the layout of KADID-10k."""
    images = root / "images"
    images.mkdir()
    for number, reference in enumerate(_references(), start=1):
        reference.save(images / f"I{number:02d}.png", compress_level=1)
    lines = ["dist_img,ref_img,dmos,var\n"]
    for made in _distorted():
        number = kadid10k.TYPES.index(made.distortion[1]) + 1
        name = f"I{made.reference:02d}_{number:02d}_{made.level:02d}.png"
        made.image.save(images / name, compress_level=1)
        lines.append(f"{name},I{made.reference:02d}.png,{1 + 4 * made.quality:.2f},0.00\n")
    (root / kadid10k.OPINIONS).write_text("".join(lines), encoding="utf-8")
    (root / "README.txt").write_text(_readme("KADID-10k"), encoding="utf-8")


TID2013_SAMPLE = Sample("tid2013-1", write_tid2013)
KADID10K_SAMPLE = Sample("kadid10k-1", write_kadid10k)


def _references() -> list[Image.Image]:
    found = photographs.photographs()[:REFERENCES]
    return [photographs.cut_out(photograph, 10, 10, 380, SIZE) for photograph in found]


def _distorted() -> Iterator[Made]:
    """Five strengths of each distortion, evenly on a logarithmic scale."""
    draw = np.random.default_rng(SEED)
    for reference, image in enumerate(_references(), start=1):
        for names, distortion in DISTORTIONS.items():
            strengths = np.geomspace(distortion.weakest, distortion.strongest, LEVELS)
            for level, strength in enumerate(strengths, start=1):
                quality = 1 - distortion.harm * level / LEVELS + draw.uniform(-0.05, 0.05)
                yield Made(reference, names, level, distortion.apply(image, float(strength), draw), min(quality, 1.0))


def _readme(name: str) -> str:
    return (
        f"A sample in the layout of {name}, made by lnkit. It is not {name}.\n\n"
        f"{REFERENCES} photographs that come with scikit-image, {SIZE.width} x {SIZE.height} pixels, each with\n"
        f"{len(DISTORTIONS)} distortions in {LEVELS} strengths. The opinions are constructions: the stronger, the\n"
        "lower. No person was asked, so a score says that everything works, and nothing about quality.\n"
    )
