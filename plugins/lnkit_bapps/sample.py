"""A small data set in the layout of BAPPS, made on the spot from photographs that come with scikit-image.

It proves that everything works, and says nothing about quality: no person was asked. A patch is distorted twice with
different strength, and the weaker distortion counts as the closer one (2AFC); a pair counts as looking the same if its
distortion is weaker than a threshold (JND).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from lnkit.data.cache import cached_sample

PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "rocket", "stereo_motorcycle")  # public domain or CC0, in color
SIDE = 64  # pixels, as BAPPS's patches
MARGIN = 8  # pixels around a patch, so that shifts and blurs bring in real neighbors
TEXTURE = 15.0  # least standard deviation of a patch in 8-bit steps; in flat ones blur and shift show nothing
ROWS = 50  # triplets or pairs per family
SEED = 2018
VERSION = 1  # raised when other files come out
PREFIX = "sample_"
NOTE = (
    "sample: patches of scikit-image's photographs; the judgments are constructions (the weaker distortion is closer), "
    "not people's answers"
)
SIZE = 20_000_000  # bytes, about

Draw = np.random.Generator


@dataclass(frozen=True, slots=True)
class Distortion:
    """Something that is done to a patch with a strength; two times the strength is clearly more."""

    apply: Callable[[Image.Image, float, Draw], Image.Image]
    weakest: float
    strongest: float


def blur(image: Image.Image, length: float, draw: Draw) -> Image.Image:
    """Motion blur of ``length`` pixels in some direction."""
    angle = draw.uniform(0, np.pi)
    steps = [_moved(image, length * part, angle) for part in np.linspace(-0.5, 0.5, 9)]
    return Image.fromarray(np.mean([np.asarray(step, np.float64) for step in steps], axis=0).round().astype(np.uint8))


def noise(image: Image.Image, deviation: float, draw: Draw) -> Image.Image:
    """Gaussian noise with a standard deviation in 8-bit steps."""
    noisy = np.asarray(image, np.float64) + draw.normal(0, deviation, (image.height, image.width, 3))
    return Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))


def jpeg(image: Image.Image, loss: float, draw: Draw) -> Image.Image:
    """JPEG of quality 100 - ``loss``, its block grid anywhere."""
    x, y = (int(v) for v in draw.integers(0, MARGIN, 2))
    file = BytesIO()
    image.crop((x, y, image.width, image.height)).save(file, "JPEG", quality=round(100 - loss))
    lossy = image.copy()
    lossy.paste(Image.open(file), (x, y))
    return lossy


def color(image: Image.Image, change: float, draw: Draw) -> Image.Image:
    """Contrast or saturation times or divided by 1 + ``change``."""
    enhance = (ImageEnhance.Contrast, ImageEnhance.Color)[int(draw.integers(2))]
    factor = (1 + change) ** float(draw.choice([-1, 1]))
    return enhance(image).enhance(factor)


def shift(image: Image.Image, distance: float, draw: Draw) -> Image.Image:
    """Moved by ``distance`` pixels in some direction."""
    return _moved(image, distance, draw.uniform(0, 2 * np.pi))


def _moved(image: Image.Image, distance: float, angle: float) -> Image.Image:
    matrix = (1, 0, distance * np.cos(angle), 0, 1, distance * np.sin(angle))
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BILINEAR)


DISTORTIONS = {
    "blur": Distortion(blur, 1.0, 8.0),
    "noise": Distortion(noise, 4.0, 40.0),
    "jpeg": Distortion(jpeg, 30.0, 94.0),
    "color": Distortion(color, 0.1, 1.0),
    "shift": Distortion(shift, 0.5, 5.0),
}
JND_DISTORTIONS = ("noise", "jpeg", "shift")


def sample_folder(cache: Path) -> Path:
    """The sample's folder in the cache, made when it is first asked for."""
    return cached_sample(cache, f"bapps-{VERSION}", SIZE, write_sample)


def write_sample(root: Path) -> None:
    """Write the sample under ``root``; the same Pillow and scikit-image write the same bytes again."""
    photographs = _photographs()
    for number, name in enumerate(DISTORTIONS):
        draw = np.random.default_rng([SEED, number])
        _write_family(root / "2afc" / "val" / f"{PREFIX}{name}", _triplet, DISTORTIONS[name], photographs, draw)
    for number, name in enumerate(JND_DISTORTIONS):
        draw = np.random.default_rng([SEED, 100 + number])
        _write_family(root / "jnd" / "val" / f"{PREFIX}{name}", _pair, DISTORTIONS[name], photographs, draw)
    (root / "README.txt").write_text(_readme(), encoding="utf-8")


def _photographs() -> list[Image.Image]:
    from skimage import data  # noqa: PLC0415 - costs half a second, and only making the sample needs it

    loaded = [getattr(data, name)() for name in PHOTOGRAPHS]
    return [Image.fromarray(image[0] if isinstance(image, tuple) else image) for image in loaded]


def _write_family(
    folder: Path,
    make: Callable[[Image.Image, Distortion, Draw], Mapping[str, Image.Image | float]],
    distortion: Distortion,
    photographs: list[Image.Image],
    draw: Draw,
) -> None:
    """Write ``ROWS`` rows of what ``make`` makes, each column into a folder of its own."""
    for row in range(ROWS):
        patch = _patch(photographs[row % len(photographs)], draw)
        for column, value in make(patch, distortion, draw).items():
            (folder / column).mkdir(parents=True, exist_ok=True)
            path = folder / column / f"{row:06d}"
            if isinstance(value, Image.Image):
                _inner(value).save(path.with_suffix(".png"), compress_level=1)
            else:
                np.save(path.with_suffix(".npy"), np.array([value], np.float32))


def _patch(photograph: Image.Image, draw: Draw) -> Image.Image:
    """A patch with its margin from anywhere in the photograph where there is something to see."""
    side = SIDE + 2 * MARGIN
    while True:
        left, top = (int(draw.integers(0, length - side)) for length in photograph.size)
        patch = photograph.crop((left, top, left + side, top + side))
        if np.asarray(_inner(patch).convert("L")).std() >= TEXTURE:
            return patch


def _inner(patch: Image.Image) -> Image.Image:
    return patch.crop((MARGIN, MARGIN, MARGIN + SIDE, MARGIN + SIDE))


def _strength(low: float, high: float, draw: Draw) -> float:
    """Between the two, evenly on a logarithmic scale."""
    return float(np.exp(draw.uniform(np.log(low), np.log(high))))


def _triplet(patch: Image.Image, distortion: Distortion, draw: Draw) -> dict[str, Image.Image | float]:
    """A weaker and a stronger distortion, between 1.1 and 2 times as strong, in either order."""
    weak = _strength(distortion.weakest, distortion.strongest / 2, draw)
    p1_is_closer = bool(draw.integers(2))
    strengths = [weak * _strength(1.1, 2.0, draw), weak]
    first, second = strengths if p1_is_closer else reversed(strengths)
    p0, p1 = (distortion.apply(patch, strength, draw) for strength in (first, second))
    return {"ref": patch, "p0": p0, "p1": p1, "judge": float(p1_is_closer)}


def _pair(patch: Image.Image, distortion: Distortion, draw: Draw) -> dict[str, Image.Image | float]:
    """A patch and its distortion; it looks the same if the strength lies in the lower half of the range."""
    middle = (distortion.weakest * distortion.strongest) ** 0.5
    strength = _strength(distortion.weakest, distortion.strongest, draw)
    return {"p0": patch, "p1": distortion.apply(patch, strength, draw), "same": float(strength < middle)}


def _readme() -> str:
    return (
        "A sample in the layout of BAPPS, made by lnkit. It is not BAPPS.\n\n"
        f"Patches of {SIDE} x {SIDE} pixels from photographs that come with scikit-image:\n"
        f"{', '.join(PHOTOGRAPHS)}.\n\n"
        "The judgments are constructions: in 2afc the weaker of two distortions counts as the\n"
        "closer one, in jnd a weak distortion counts as looking the same. No person was asked, so a\n"
        "score says that everything works, and nothing about quality.\n"
    )
