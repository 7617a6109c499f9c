"""Which data a run uses, and their tiles as arrays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lnkit import BenchmarkData, DataError
from lnkit.data.cache import packed_dir
from lnkit.data.fetch.choose_folder import data_folder
from lnkit.data.pack.columns import Column, ColumnTable, open_columns
from lnkit.data.pack.decode import read_rgb
from lnkit_delineation import MRD
from lnkit_delineation.layout import Split, find_split, partial_notes
from lnkit_delineation.protocol import STRIDE
from lnkit_delineation.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

Pixels = NDArray[np.uint8]
Size = tuple[int, int]  # height, width

ROAD = 128  # the darkest pixel of a map that means a road; half of 255
GRAY = (32, 223)  # between these a pixel is neither: smoothed edges and JPEG's noise around 0 and 255 are few there
MUCH_GRAY = 0.1  # of all pixels; edges are fewer even where roads are narrow
LOOKED_AT = 16  # maps


@dataclass(frozen=True, slots=True)
class Tiles:
    """Aerial images and their maps, all of one size."""

    names: tuple[str, ...]
    images: Pixels  # (N, H, W, 3), RGB
    maps: Pixels  # (N, H, W), 255 where there is a road
    sha256: str


@dataclass(frozen=True, slots=True)
class DelineationData:
    """Everything that a run needs."""

    train: Tiles  # as they are on disk
    valid: Tiles  # resized
    test: Tiles  # resized, or as they are


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, fetch if need be, and pack what the protocol asks for.

    Raises:
        DataError: a split is missing, tiles do not fit together, or maps mark nothing.
    """
    protocol, root = facts.protocol, data_folder(facts, MRD, sample_folder)
    train, valid, tested = (find_split(root, name) for name in ("train", "valid", protocol.split))
    resized = (protocol.size, protocol.size)
    found = DelineationData(
        train=_open(facts, train, None),
        valid=_open(facts, valid, resized),
        test=_open(facts, tested, resized if protocol.tiles == "resized" else None),
    )
    _check_crop(found.train, train.folder, protocol.crop)
    for tiles, split in ((found.train, train), (found.valid, valid), (found.test, tested)):
        _check_maps(tiles, split.folder)
    prints = {"train": found.train.sha256, "valid": found.valid.sha256, protocol.split: found.test.sha256}
    notes = (*_notes(facts, (train, valid, tested)), *_gray_notes(found.train, train.folder))
    return BenchmarkData(found, prints, notes, image_size=protocol.crop)


def _notes(facts: RunFacts, splits: tuple[Split, ...]) -> tuple[str, ...]:
    if facts.sample:
        return (NOTE,)
    return partial_notes(tuple(dict.fromkeys(splits)))


def _open(facts: RunFacts, split: Split, size: Size | None) -> Tiles:
    """A split's tiles, decoded once and then mapped into memory; as they are where no size is given."""
    height, width = size or _size_of_first(split)
    how = f"resized to {width} x {height}, bilinear" if size else "as it is"
    columns = {
        "sat": Column(split.images, (height, width, 3), _reader("RGB", size), f"RGB, {how}"),
        "map": Column(split.maps, (height, width), _reader("L", size), f"gray, {how}"),
    }
    folder = packed_dir(split.folder, facts.cache) / f"delineation-{width}x{height}-{'resized' if size else 'full'}"
    packed = open_columns(ColumnTable(f"delineation {split.name}", split.folder, columns), folder, facts.progress)
    return Tiles(split.stems, packed.arrays["sat"], packed.arrays["map"], packed.sha256)


def _reader(mode: str, size: Size | None) -> Callable[[bytes, Path], Pixels]:
    def read(data: bytes, path: Path) -> Pixels:
        image = read_rgb(data, path)[0].convert(mode)
        if size is not None and image.size != size[::-1]:
            image = image.resize(size[::-1], Image.Resampling.BILINEAR)  # which Pillow antialiases
        return np.asarray(image)

    return read


def _size_of_first(split: Split) -> Size:
    """Of the first image; the others are expected to have the same."""
    path = split.folder / split.images[0]
    image, _ = read_rgb(path.read_bytes(), path)
    return image.height, image.width


def _check_crop(train: Tiles, folder: Path, crop: int) -> None:
    height, width = train.maps.shape[1:]
    if min(height, width) < crop:
        raise DataError(
            f"The tiles in {folder} are {width} x {height} pixels, and crops of {crop} x {crop} are taken from them. "
            f"Use larger tiles{_smaller_crop(min(height, width))}."
        )


def _check_maps(tiles: Tiles, folder: Path) -> None:
    """Maps that mark nothing are a mistake: another coding, or the wrong files."""
    brightest = 0
    for one in tiles.maps:  # only as far as the first road: the maps of the whole dataset are 2.5 GB
        brightest = max(brightest, int(one.max()))
        if brightest >= ROAD:
            return
    raise DataError(
        f"No map in {folder / 'map'} marks a road: the brightest pixel is {brightest}, and 255 is expected where "
        "there is one, 0 elsewhere. Maps that count classes must be multiplied by 255."
    )


def _gray_notes(tiles: Tiles, folder: Path) -> tuple[str, ...]:
    """A sentence on maps that are gray where they should be black or white; the first few stand for all."""
    some = np.asarray(tiles.maps[:LOOKED_AT])
    share = float(np.mean((some > GRAY[0]) & (some < GRAY[1])))
    if share < MUCH_GRAY:
        return ()
    return (
        f"{share:.0%} of the pixels of the first maps in {folder / 'map'} are gray; training takes them as "
        "probabilities of a road, and 0 and 255 are expected",
    )


def _smaller_crop(side: int) -> str:
    return f", or --set crop={side // STRIDE * STRIDE}" if side >= STRIDE else ""
