"""The data of a run: splits of aerial images with maps, and their tiles as arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DataError
from lnkit.data import (
    Column,
    ColumnTable,
    data_folder,
    describe_folder,
    image_names,
    open_columns,
    packed_dir,
    read_image,
    read_rgb,
    same_name,
)
from lnkit_delineation import MRD, SPLITS
from lnkit_delineation.protocol import STRIDE
from lnkit_delineation.resized_tiles import Resizing
from lnkit_delineation.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from lnkit.benchmark import RunFacts

Pixels = NDArray[np.uint8]

SUFFIXES = (".tiff", ".tif", ".png", ".jpg", ".jpeg", ".bmp")
EXPECTED = (
    "Expected train/, valid/ and test/, each with aerial images in sat/ and maps of the same names in map/, such as "
    "train/sat/1.tiff with train/map/1.tif."
)
ROAD = 128  # the darkest pixel of a map that means a road; half of 255
GRAY = (32, 223)  # pixels between these are neither 0 nor 255 with smoothed edges and JPEG's noise
MUCH_GRAY = 0.1  # share of all pixels; edges are fewer even where roads are narrow
CHECKED_MAPS = 16


@dataclass(frozen=True, slots=True)
class Split:
    """Files of images and their maps, in order of their names, relative to the folder."""

    name: str  # "train"
    folder: Path
    images: tuple[str, ...]  # "sat/1.tiff"
    maps: tuple[str, ...]  # "map/1.tif"

    @property
    def stems(self) -> tuple[str, ...]:
        """Names of the images without folder and ending."""
        return tuple(same_name(Path(name).stem) for name in self.images)


@dataclass(frozen=True, slots=True)
class Tiles:
    """Aerial images and their maps, all of one size."""

    names: tuple[str, ...]
    images: Pixels  # (N, H, W, 3), RGB
    maps: Pixels  # (N, H, W), 255 where there is a road
    sha256: str


@dataclass(frozen=True, slots=True)
class DelineationData:
    """All tiles of a run."""

    train: Tiles  # resized, or as they are on disk, to be cropped
    valid: Tiles  # resized
    test: Tiles  # resized, or as they are


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, fetch if needed, and pack what the protocol asks for.

    Raises:
        DataError: a split is missing, tiles do not fit together, or maps mark nothing.
    """
    protocol, root = facts.protocol, data_folder(facts, MRD, sample_folder)
    train, valid, test = splits = tuple(find_split(root, name) for name in ("train", "valid", protocol.split))
    crops = protocol.train_tiles == "crop"
    data = DelineationData(
        train=_open_tiles(facts, train, resized=not crops),
        valid=_open_tiles(facts, valid, resized=True),
        test=_open_tiles(facts, test, resized=protocol.tiles == "resized"),
    )
    if crops:
        _check_crop(data.train, train.folder, protocol.crop)
    for tiles, split in ((data.train, train), (data.valid, valid), (data.test, test)):
        _check_maps(tiles, split.folder)
    fingerprints = {"train": data.train.sha256, "valid": data.valid.sha256, protocol.split: data.test.sha256}
    notes = (NOTE,) if facts.sample else _partial_notes(tuple(dict.fromkeys(splits)))
    notes = (*notes, *_gray_notes(data.train, train.folder))
    return BenchmarkData(data, fingerprints, notes, image_size=protocol.crop if crops else protocol.size)


def find_split(root: Path, name: str) -> Split:
    """Find the images and maps of a split under ``root``.

    Raises:
        DataError: it is missing or empty, or an image has no map, or a map no image.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    folder = root / name
    if not folder.is_dir():
        raise DataError(f"{root} has no split {name}. {EXPECTED} {describe_folder(root)}")
    images, maps = (_list_files(folder, kind) for kind in ("sat", "map"))
    for files, others, missing in ((images, maps, "map"), (maps, images, "image")):
        if unpaired := sorted(set(files) - set(others)):
            shown = ", ".join(unpaired[:5]) + (", ..." if len(unpaired) > 5 else "")
            raise DataError(f"{folder} has {len(unpaired):,} files without {missing}: {shown}. Add what is missing.")
    stems = sorted(images)
    return Split(name, folder, tuple(images[stem] for stem in stems), tuple(maps[stem] for stem in stems))


def _list_files(folder: Path, kind: str) -> dict[str, str]:
    """Return {stem: name relative to the split's folder} of the images, or of the maps."""
    names = image_names(folder / kind, SUFFIXES, EXPECTED)
    files = {same_name(Path(name).stem): f"{kind}/{name}" for name in names}
    if len(files) < len(names):
        raise DataError(f"{folder / kind} has two files of one name with different endings. Remove one of them.")
    return files


def _partial_notes(splits: Sequence[Split]) -> tuple[str, ...]:
    """Return sentences on splits that are not those of the Massachusetts Roads Dataset."""
    return tuple(
        f"partial: {split.name} has {len(split.images):,} tiles; that of the Massachusetts Roads Dataset has "
        f"{SPLITS[split.name]:,}"
        for split in splits
        if len(split.images) != SPLITS[split.name]
    )


def _open_tiles(facts: RunFacts, split: Split, resized: bool) -> Tiles:
    """Open a split's tiles, decoded once and then mapped into memory, resized as the protocol says or as they are."""
    protocol = facts.protocol
    resizing = Resizing((protocol.size, protocol.size), protocol.antialias) if resized else None
    height, width = resizing.size if resizing else _first_size(split)
    name = f"delineation-{width}x{height}-{resizing.name if resizing else 'full'}"
    columns = {
        "sat": Column(split.images, (height, width, 3), _reader("RGB", resizing), f"RGB, {resizing or 'as it is'}"),
        "map": Column(split.maps, (height, width), _reader("L", resizing), f"gray, {resizing or 'as it is'}"),
    }
    table = ColumnTable(f"delineation {split.name}", split.folder, columns)
    packed = open_columns(table, packed_dir(split.folder, facts.cache) / name, facts.progress)
    return Tiles(split.stems, packed.arrays["sat"], packed.arrays["map"], packed.sha256)


def _reader(mode: str, resizing: Resizing | None) -> Callable[[bytes, Path], Pixels]:
    def read(data: bytes, path: Path) -> Pixels:
        image = read_rgb(data, path)[0].convert(mode)
        return resizing.apply(image) if resizing else np.asarray(image)

    return read


def _first_size(split: Split) -> tuple[int, int]:
    """Return height and width of the first image, which all others must have."""
    path = split.folder / split.images[0]
    image = read_image(path)
    return image.height, image.width


def _check_crop(train: Tiles, folder: Path, crop: int) -> None:
    height, width = train.maps.shape[1:]
    side = min(height, width)
    if side < crop:
        smaller = f", or --set crop={side // STRIDE * STRIDE}" if side >= STRIDE else ""
        raise DataError(
            f"Expected tiles of {crop} x {crop} pixels or more, the size of crops, got {width} x {height} in {folder}. "
            f"Use larger tiles{smaller}."
        )


def _check_maps(tiles: Tiles, folder: Path) -> None:
    """Refuse maps that mark nothing: they have another coding, or are the wrong files."""
    brightest = 0
    for road_map in tiles.maps:  # only as far as the first road: the maps of the whole dataset are 2.5 GB
        brightest = max(brightest, int(road_map.max()))
        if brightest >= ROAD:
            return
    raise DataError(
        f"Expected maps with 255 where there is a road and 0 elsewhere, got none with a road in {folder / 'map'}: the "
        f"brightest pixel is {brightest}. Multiply maps that count classes by 255."
    )


def _gray_notes(tiles: Tiles, folder: Path) -> tuple[str, ...]:
    """Return a sentence if the first maps are gray where they should be black or white."""
    first = np.asarray(tiles.maps[:CHECKED_MAPS])
    share = float(np.mean((first > GRAY[0]) & (first < GRAY[1])))
    if share < MUCH_GRAY:
        return ()
    return (
        f"{share:.0%} of the pixels of the first maps in {folder / 'map'} are gray, where 0 and 255 were expected; "
        "training takes them as probabilities of a road",
    )
