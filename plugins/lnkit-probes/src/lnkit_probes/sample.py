"""A small dataset for the probes, made from photographs that come with scikit-image.

It shows that everything works, and says nothing about quality: no person was asked. The weaker of two distortions
counts as the closer one, a class is a photograph, and an opinion falls with the strength of a distortion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from lnkit.data import cached_sample
from lnkit.datasets import photographs
from lnkit.datasets.photographs import Draw, load_photograph, random_crop
from lnkit.datasets.tid2013 import DISTORTED, OPINIONS, REFERENCES
from lnkit_probes.protocol import LABELLED, TID2013

PHOTOGRAPHS = photographs.NAMES[:4]
SIDE = 64  # pixels of a patch
WIDTH, HEIGHT = 128, 96  # of an image in TID2013's layout; the originals are 512 x 384
ROWS = 24  # triplets of a family
CLASS_IMAGES = {"train": 12, "val": 8}  # of each photograph
LEVELS = 5  # of each distortion, as in TID2013
SEED = 2022
VERSION = 1  # raised when other files come out
SIZE = 4_000_000  # bytes, about
NOTE = (
    "sample: patches of scikit-image's photographs; judgments, classes and opinions are constructions, not people's "
    "answers"
)

Distortion = Callable[[Image.Image, float, Draw], Image.Image]


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; make it if there is none."""
    return cached_sample(cache, f"perceptual_probes-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``: the same bytes each time with the same Pillow and scikit-image."""
    sources = {name: load_photograph(name) for name in PHOTOGRAPHS}
    for number, (name, distort) in enumerate(DISTORTIONS.items()):
        _write_triplets(root / "2afc" / "val" / f"sample_{name}", distort, list(sources.values()), _draw(1, number))
    _write_classes(root / LABELLED, sources, _draw(2))
    _write_opinions(root / TID2013, list(sources.values()), _draw(3))


def noise(image: Image.Image, strength: float, draw: Draw) -> Image.Image:
    """Add Gaussian noise; strength 1 is a standard deviation of 48 in 8-bit steps."""
    return photographs.add_noise(image, 48 * strength, draw)


def blur(image: Image.Image, strength: float, draw: Draw) -> Image.Image:
    """Blur with a Gaussian; strength 1 is a radius of 4 pixels."""
    return photographs.blur(image, 4 * strength, draw)


DISTORTIONS: dict[str, Distortion] = {"noise": noise, "blur": blur}


def _draw(*key: int) -> Draw:
    return np.random.default_rng([SEED, *key])


def _write_triplets(folder: Path, distort: Distortion, sources: list[Image.Image], draw: Draw) -> None:
    """Write triplets; the stronger distortion is up to 1.5 times the other, and judgments of the closest differ."""
    for column in ("ref", "p0", "p1", "judge"):
        (folder / column).mkdir(parents=True)
    for row in range(ROWS):
        reference = random_crop(sources[row % len(sources)], (SIDE, SIDE), draw)
        weak, ratio = draw.uniform(0.1, 0.5), draw.uniform(1.02, 1.5)
        closer = int(draw.integers(2))  # p0 or p1
        strengths = (weak * ratio, weak) if closer else (weak, weak * ratio)
        images = {"ref": reference} | {f"p{n}": distort(reference, s, draw) for n, s in enumerate(strengths)}
        for column, image in images.items():
            image.save(folder / column / f"{row:06d}.png", compress_level=1)
        agreed = 1.0 if ratio > 1.25 else 0.8
        found_p1_closer = agreed if closer else 1 - agreed
        np.save(folder / "judge" / f"{row:06d}.npy", np.array([found_p1_closer], np.float32))


def _write_classes(folder: Path, sources: dict[str, Image.Image], draw: Draw) -> None:
    for split, count in CLASS_IMAGES.items():
        for name, photograph in sources.items():
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                patch = random_crop(photograph, (SIDE, SIDE), draw)
                patch.save(folder / split / name / f"{number:03d}.png", compress_level=1)


def _write_opinions(folder: Path, sources: list[Image.Image], draw: Draw) -> None:
    (folder / REFERENCES).mkdir(parents=True)
    (folder / DISTORTED).mkdir()
    lines = []
    for number, photograph in enumerate(sources, start=1):
        reference = random_crop(photograph, (WIDTH, HEIGHT), draw)
        reference.save(folder / REFERENCES / f"I{number:02d}.BMP")
        for name, image, opinion in _distorted(f"i{number:02d}", reference, draw):
            image.save(folder / DISTORTED / name)
            lines.append(f"{opinion:.5f} {name}\n")
    (folder / OPINIONS).write_text("".join(lines), encoding="utf-8")


def _distorted(name: str, reference: Image.Image, draw: Draw) -> Iterator[tuple[str, Image.Image, float]]:
    """Yield file name, image and opinion from 0, worst, to 9, best; blur does more harm."""
    for kind, (distort, harm) in enumerate(((noise, 0.6), (blur, 0.9)), start=1):
        for level in range(1, LEVELS + 1):
            image = distort(reference, level / LEVELS, draw)
            yield f"{name}_{kind:02d}_{level}.bmp", image, 9 * (1 - harm * level / LEVELS)
