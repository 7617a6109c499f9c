"""A small dataset in the layout of BAPPS, made from photographs that come with scikit-image.

It shows that everything works, and says nothing about quality: no person was asked. A patch is distorted twice with
different strength, and the weaker distortion counts as the closer one (2AFC); a pair counts as looking the same if its
distortion is weaker than a threshold (JND).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from lnkit.data import cached_sample
from lnkit.datasets.photographs import NAMES, Draw, add_noise, compress, load_photograph, random_crop, without_margin

SIDE = 64  # pixels, as BAPPS's patches
MARGIN = 8  # pixels around a patch, so that shifts and blurs use real neighbors
TEXTURE = 15.0  # least standard deviation of a patch in 8-bit steps; in flat ones blur and shift do not show
ROWS = 50  # triplets or pairs per family
SEED = 2018
VERSION = 1  # raised when other files come out
PREFIX = "sample_"
NOTE = (
    "sample: patches of scikit-image's photographs; the judgments are constructions (the weaker distortion is closer), "
    "not people's answers"
)
SIZE = 20_000_000  # bytes, about


@dataclass(frozen=True, slots=True)
class Distortion:
    """A distortion of a patch; twice the strength is clearly more."""

    apply: Callable[[Image.Image, float, Draw], Image.Image]
    weakest: float
    strongest: float


def blur(image: Image.Image, length: float, draw: Draw) -> Image.Image:
    """Blur by a motion of ``length`` pixels in a random direction."""
    angle = draw.uniform(0, np.pi)
    steps = [_moved(image, length * part, angle) for part in np.linspace(-0.5, 0.5, 9)]
    return Image.fromarray(np.mean([np.asarray(step, np.float64) for step in steps], axis=0).round().astype(np.uint8))


def jpeg(image: Image.Image, loss: float, draw: Draw) -> Image.Image:
    """Compress as a JPEG of quality 100 - ``loss``, with its block grid at a random position."""
    x, y = (int(v) for v in draw.integers(0, MARGIN, 2))
    lossy = image.copy()
    lossy.paste(compress(image.crop((x, y, image.width, image.height)), loss, draw), (x, y))
    return lossy


def color(image: Image.Image, change: float, draw: Draw) -> Image.Image:
    """Multiply or divide contrast or saturation by 1 + ``change``."""
    enhance = (ImageEnhance.Contrast, ImageEnhance.Color)[int(draw.integers(2))]
    return enhance(image).enhance((1 + change) ** float(draw.choice([-1, 1])))


def shift(image: Image.Image, distance: float, draw: Draw) -> Image.Image:
    """Move by ``distance`` pixels in a random direction."""
    return _moved(image, distance, draw.uniform(0, 2 * np.pi))


def _moved(image: Image.Image, distance: float, angle: float) -> Image.Image:
    matrix = (1, 0, distance * np.cos(angle), 0, 1, distance * np.sin(angle))
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR)


DISTORTIONS = {
    "blur": Distortion(blur, 1.0, 8.0),
    "noise": Distortion(add_noise, 4.0, 40.0),
    "jpeg": Distortion(jpeg, 30.0, 94.0),
    "color": Distortion(color, 0.1, 1.0),
    "shift": Distortion(shift, 0.5, 5.0),
}
JND_DISTORTIONS = ("noise", "jpeg", "shift")


def sample_folder(cache: Path) -> Path:
    """Return the sample's folder in the cache; make it if there is none."""
    return cached_sample(cache, f"bapps-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``: the same bytes each time with the same Pillow and scikit-image."""
    photographs = [load_photograph(name) for name in NAMES]
    for number, name in enumerate(DISTORTIONS):
        draw = np.random.default_rng([SEED, number])
        _write_family(root / "2afc" / "val" / f"{PREFIX}{name}", _triplet, DISTORTIONS[name], photographs, draw)
    for number, name in enumerate(JND_DISTORTIONS):
        draw = np.random.default_rng([SEED, 100 + number])
        _write_family(root / "jnd" / "val" / f"{PREFIX}{name}", _pair, DISTORTIONS[name], photographs, draw)
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _write_family(
    folder: Path,
    make: Callable[[Image.Image, Distortion, Draw], Mapping[str, Image.Image | float]],
    distortion: Distortion,
    photographs: list[Image.Image],
    draw: Draw,
) -> None:
    """Write ``ROWS`` rows made by ``make``, each column into a folder of its own."""
    for row in range(ROWS):
        patch = random_crop(photographs[row % len(photographs)], (SIDE, SIDE), draw, texture=TEXTURE, margin=MARGIN)
        for column, value in make(patch, distortion, draw).items():
            (folder / column).mkdir(parents=True, exist_ok=True)
            path = folder / column / f"{row:06d}"
            if isinstance(value, Image.Image):
                without_margin(value, MARGIN).save(path.with_suffix(".png"), compress_level=1)
            else:
                np.save(path.with_suffix(".npy"), np.array([value], np.float32))


def _strength(low: float, high: float, draw: Draw) -> float:
    """Draw a strength between the two, evenly on a logarithmic scale."""
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))


def _triplet(patch: Image.Image, distortion: Distortion, draw: Draw) -> dict[str, Image.Image | float]:
    """Make a weaker and a stronger distortion, 1.1 to 2 times as strong, in either order."""
    weak = _strength(distortion.weakest, distortion.strongest / 2, draw)
    p1_is_closer = bool(draw.integers(2))
    strengths = [weak * _strength(1.1, 2.0, draw), weak]
    first, second = strengths if p1_is_closer else reversed(strengths)
    p0, p1 = (distortion.apply(patch, strength, draw) for strength in (first, second))
    return {"ref": patch, "p0": p0, "p1": p1, "judge": float(p1_is_closer)}


def _pair(patch: Image.Image, distortion: Distortion, draw: Draw) -> dict[str, Image.Image | float]:
    """Make a distorted patch; it looks the same if the strength is in the lower half of the range."""
    middle = (distortion.weakest * distortion.strongest) ** 0.5
    strength = _strength(distortion.weakest, distortion.strongest, draw)
    return {"p0": patch, "p1": distortion.apply(patch, strength, draw), "same": float(strength < middle)}


def _readme() -> str:
    return (
        "A sample in the layout of BAPPS, made by lnkit. It is not BAPPS.\n\n"
        f"Patches of {SIDE} x {SIDE} pixels from photographs that come with scikit-image:\n"
        f"{', '.join(NAMES)}.\n\n"
        "The judgments are constructions: in 2afc the weaker of two distortions counts as the\n"
        "closer one, in jnd a weak distortion counts as looking the same. No person was asked, so a\n"
        "score says that everything works, and nothing about quality.\n"
    )
