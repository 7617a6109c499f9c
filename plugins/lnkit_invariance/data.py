"""The images of `invariance`: photographs of scikit-image, a folder of images, or triplets that people judged."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DataError
from lnkit.benchmark import RunFacts
from lnkit.data import image_names, read_bytes, read_image, read_rgb
from lnkit.datasets.photographs import TERMS, load_photograph
from lnkit.datasets.triplet_table import TABLE
from lnkit.datasets.two_afc import JudgedFamily, family_notes, open_families
from lnkit.datasets.two_afc_layout import find_families, split_folder
from lnkit.stats import named_generator
from lnkit_invariance.protocol import MARGIN, InvarianceProtocol

Pixels = NDArray[np.uint8]

PHOTOGRAPHS = tuple(sorted(TERMS))  # all that come with scikit-image and are larger than 300 x 300 pixels
SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".tif", ".tiff", ".gif")
EXPECTED = "Expected a folder of images, or of triplets in BAPPS's layout (2afc/val/<family>/{ref,p0,p1,judge})."
TEXTURE = 15.0  # standard deviation of gray values that a crop should have, in 8-bit steps; blur shows in it
TRIES = 50  # positions of a crop; if none has the texture, the richest is taken


@dataclass(frozen=True, slots=True)
class ImageSource:
    """An image that crops are taken from."""

    name: str
    load: Callable[[], Pixels]  # (H, W, 3)


@dataclass(frozen=True, slots=True)
class InvarianceData:
    """Images, each of them once, and judged triplets if the data have them."""

    images: tuple[ImageSource, ...]
    families: tuple[JudgedFamily, ...] = ()


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find the images, and refuse those that are too small for a crop."""
    if facts.data is None or facts.sample:
        return _opened(facts, [ImageSource(name, partial(_photograph, name)) for name in PHOTOGRAPHS], {}, ())
    root = facts.data
    if split_folder(root, "2afc", "val").is_dir() or (root / TABLE).is_file():
        return _open_triplets(facts, root)
    modes: dict[Path, str] = {}
    paths = [root / name for name in image_names(root, SUFFIXES, EXPECTED)]
    opened = _opened(facts, [ImageSource(path.name, partial(_read, path, modes)) for path in paths], {}, ())
    counts = sorted(Counter(filter(None, modes.values())).items())
    converted = ", ".join(f"{count:,} of Pillow's mode {mode}" for mode, count in counts)
    notes = (f"images that were not RGB were converted (an alpha channel is dropped): {converted}",) * bool(counts)
    return replace(opened, notes=(*opened.notes, *notes))


def _open_triplets(facts: RunFacts, root: Path) -> BenchmarkData:
    first = find_families(root, ("2afc",))[0]
    side = read_image(first.folder / first.images["ref"][0]).width
    families = open_families(root, facts.cache, facts.progress, resolution=side)
    for family in families:
        if family.table.resized:
            raise DataError(
                f"{family.files.folder} has {family.table.resized:,} images that are not {side} pixels wide, as the "
                "first one is. Expected images of one size, since this benchmark resizes none."
            )
    rows = slice(0, facts.protocol.per_family or None)
    sources = [
        ImageSource(f"{family.name}/{number:06d}", partial(_row, family, number))
        for family in families
        for number in range(len(family.judgments[rows]))
    ]
    fingerprints = {str(family): family.table.sha256 for family in families}
    return _opened(facts, sources, fingerprints, family_notes(families, ["2afc"]), families)


def _opened(
    facts: RunFacts,
    sources: Sequence[ImageSource],
    fingerprints: dict[str, str],
    notes: tuple[str, ...],
    families: tuple[JudgedFamily, ...] = (),
) -> BenchmarkData:
    """Load each image once: for its size, and to leave out copies of others."""
    unique: dict[str, ImageSource] = {}
    with facts.progress.task("reading images", len(sources), unit="images") as advance:
        for source in sources:
            image = source.load()
            _require_size(source.name, image, facts)
            unique.setdefault(hashlib.sha256(repr(image.shape).encode() + image.tobytes()).hexdigest(), source)
            advance(1)
    if not families:
        text = "".join(f"{digest}  {source.name}\n" for digest, source in unique.items())
        fingerprints = {"images": hashlib.sha256(text.encode()).hexdigest()}
        if copies := len(sources) - len(unique):
            notes = (*notes, f"{copies:,} copies of other images are left out")
    return BenchmarkData(
        InvarianceData(tuple(unique.values()), families), fingerprints, notes, image_size=facts.protocol.size
    )


def _require_size(name: str, image: Pixels, facts: RunFacts) -> None:
    size, (height, width) = facts.protocol.size, image.shape[:2]
    least, largest = size + 2 * MARGIN, min(height, width) - 2 * MARGIN
    if min(height, width) >= least:
        return
    advice = [f"use --set size={largest}"] * (largest > 0) + ["leave the image out"] * (facts.data is not None)
    raise DataError(
        f"{name} is too small: expected {least} x {least} pixels or more (a crop of {size}, and {MARGIN} on each side "
        f"for what changes move in), got {width} x {height}: {' or '.join(advice)}."
    )


def crops(source: ImageSource, protocol: InvarianceProtocol, seed: int) -> Iterator[Pixels]:
    """Cut crops, with their margins, at random positions that depend on the image's name and the seed alone."""
    image = source.load()
    side = protocol.size + 2 * MARGIN
    for number in range(protocol.crops):
        draw = named_generator(seed, f"crop/{source.name}/{number}")
        yield _textured_crop(image, side, draw)


def center(image: Pixels, protocol: InvarianceProtocol) -> Pixels:
    """Cut the crop in the center of an image, with its margin."""
    side = protocol.size + 2 * MARGIN
    top, left = ((length - side) // 2 for length in image.shape[:2])
    return image[top : top + side, left : left + side]


def _textured_crop(image: Pixels, side: int, draw: np.random.Generator) -> Pixels:
    room = np.array(image.shape[:2]) - side + 1
    best, most = image[:side, :side], -1.0
    for _ in range(TRIES if room.max() > 1 else 1):
        top, left = (int(value) for value in draw.integers(0, room))
        crop = image[top : top + side, left : left + side]
        texture = float(crop.mean(axis=2).std())
        if texture > most:
            best, most = crop, texture
        if most >= TEXTURE:
            break
    return best


@cache  # decoded once for its size and once for its crops, which takes seconds for all
def _photograph(name: str) -> Pixels:
    return np.asarray(load_photograph(name))


def _read(path: Path, modes: dict[Path, str]) -> Pixels:
    """Read an image, and note Pillow's mode of it, "" for RGB."""
    image, modes[path] = read_rgb(read_bytes(path), path)
    return np.asarray(image)


def _row(family: JudgedFamily, number: int) -> Pixels:
    images: Any = family.images[0]
    return np.asarray(images[number])
