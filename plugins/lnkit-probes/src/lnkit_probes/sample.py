"""Small data for the probes, made on the spot from photographs that come with scikit-image.

They prove that everything works, and say nothing about quality: no person was asked. The weaker of two distortions
counts as the closer one, a class is a photograph, and an opinion falls with the strength of a distortion.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from lnkit.data.cache import cached_sample
from lnkit_probes.protocol import LABELLED, TID2013
from lnkit_probes.tid2013 import DISTORTED, OPINIONS, REFERENCES

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket")  # public domain or CC0, in color
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

Draw = np.random.Generator
Distortion = Callable[[Image.Image, float, Draw], Image.Image]


def sample_folder(cache: Path) -> Path:
    """The sample's folder in the cache, made when it is first asked for."""
    return cached_sample(cache, f"perceptual_probes-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``; the same Pillow and scikit-image write the same bytes again."""
    photographs = _photographs()
    for number, (name, distort) in enumerate(DISTORTIONS.items()):
        _write_triplets(root / "2afc" / "val" / f"sample_{name}", distort, photographs, _draw(1, number))
    _write_classes(root / LABELLED, photographs, _draw(2))
    _write_opinions(root / TID2013, photographs, _draw(3))


def noise(image: Image.Image, strength: float, draw: Draw) -> Image.Image:
    """Gaussian noise; strength 1 has a standard deviation of 48 in 8-bit steps."""
    noisy = np.asarray(image, np.float64) + draw.normal(0, 48 * strength, (image.height, image.width, 3))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def blur(image: Image.Image, strength: float, draw: Draw) -> Image.Image:
    """Gaussian blur; strength 1 has a radius of 4 pixels."""
    return image.filter(ImageFilter.GaussianBlur(4 * strength))


DISTORTIONS: dict[str, Distortion] = {"noise": noise, "blur": blur}


def _draw(*key: int) -> Draw:
    return np.random.default_rng([SEED, *key])


def _photographs() -> list[Image.Image]:
    from skimage import data  # noqa: PLC0415 - costs half a second, and only making the sample needs it

    return [Image.fromarray(getattr(data, name)()) for name in PHOTOGRAPHS]


def _crop(photograph: Image.Image, width: int, height: int, draw: Draw) -> Image.Image:
    left = int(draw.integers(photograph.width - width))
    top = int(draw.integers(photograph.height - height))
    return photograph.crop((left, top, left + width, top + height))


def _write_triplets(folder: Path, distort: Distortion, photographs: list[Image.Image], draw: Draw) -> None:
    """Triplets in whose patches one distortion is up to half as strong again as the other; in some, people disagree."""
    for column in ("ref", "p0", "p1", "judge"):
        (folder / column).mkdir(parents=True)
    for row in range(ROWS):
        reference = _crop(photographs[row % len(photographs)], SIDE, SIDE, draw)
        weak, ratio = draw.uniform(0.1, 0.5), draw.uniform(1.02, 1.5)
        closer = int(draw.integers(2))  # p0 or p1
        strengths = (weak * ratio, weak) if closer else (weak, weak * ratio)
        images = {"ref": reference} | {f"p{n}": distort(reference, s, draw) for n, s in enumerate(strengths)}
        for column, image in images.items():
            image.save(folder / column / f"{row:06d}.png", compress_level=1)
        agreed = 1.0 if ratio > 1.25 else 0.8
        found_p1_closer = agreed if closer else 1 - agreed
        np.save(folder / "judge" / f"{row:06d}.npy", np.array([found_p1_closer], np.float32))


def _write_classes(folder: Path, photographs: list[Image.Image], draw: Draw) -> None:
    for split, count in CLASS_IMAGES.items():
        for name, photograph in zip(PHOTOGRAPHS, photographs, strict=True):
            (folder / split / name).mkdir(parents=True)
            for number in range(count):
                patch = _crop(photograph, SIDE, SIDE, draw)
                patch.save(folder / split / name / f"{number:03d}.png", compress_level=1)


def _write_opinions(folder: Path, photographs: list[Image.Image], draw: Draw) -> None:
    (folder / REFERENCES).mkdir(parents=True)
    (folder / DISTORTED).mkdir()
    lines = []
    for number, photograph in enumerate(photographs, start=1):
        reference = _crop(photograph, WIDTH, HEIGHT, draw)
        reference.save(folder / REFERENCES / f"I{number:02d}.BMP")
        for name, image, opinion in _distorted(f"i{number:02d}", reference, draw):
            image.save(folder / DISTORTED / name)
            lines.append(f"{opinion:.5f} {name}\n")
    (folder / OPINIONS).write_text("".join(lines), encoding="utf-8")


def _distorted(name: str, reference: Image.Image, draw: Draw) -> Iterator[tuple[str, Image.Image, float]]:
    """File name, image and opinion from 0, worst, to 9, best; blur does more harm."""
    for kind, (distort, harm) in enumerate(((noise, 0.6), (blur, 0.9)), start=1):
        for level in range(1, LEVELS + 1):
            image = distort(reference, level / LEVELS, draw)
            yield f"{name}_{kind:02d}_{level}.bmp", image, 9 * (1 - harm * level / LEVELS)
