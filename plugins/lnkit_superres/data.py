"""Which data a run uses, and their images as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DataError
from lnkit.data.cache import packed_dir
from lnkit.data.pack.columns import Column, ColumnTable, open_columns
from lnkit.data.pack.decode import read_rgb
from lnkit_superres import TITLES
from lnkit_superres.degradation import LEAST_LOW, Degradation
from lnkit_superres.layout import Folder, Places, drawn, find_places, images_in, partial_notes

if TYPE_CHECKING:
    from PIL.Image import Image

    from lnkit.benchmark import RunFacts
    from lnkit.progress import Progress

Images = NDArray[np.uint8]  # (N, H, W, 3), RGB


@dataclass(frozen=True, slots=True)
class TrainingImages:
    """Centers of photographs, and the same reduced by each factor."""

    high: Images  # (N, size, size, 3)
    low: Mapping[int, Images]  # factor -> (N, size / factor, size / factor, 3)
    sha256: str


@dataclass(frozen=True, slots=True)
class ImageSet:
    """Test images as they are on disk."""

    names: tuple[str, ...]  # "001"
    images: tuple[Image, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class SuperresData:
    """Everything that a run needs."""

    train: TrainingImages
    valid: TrainingImages
    tests: Mapping[str, ImageSet]  # "set5" -> images


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, fetch if need be, and pack what the protocol asks for."""
    protocol, places = facts.protocol, find(facts)
    degradation, factors = Degradation.of(protocol), protocol.chosen_factors
    train, valid = (
        open_training(_drawn(folder, count), degradation, factors, facts.cache, facts.progress)
        for folder, count in ((places.train, protocol.train_images), (places.valid, protocol.valid_images))
    )
    least = LEAST_LOW * max(factors)
    tests = {name: open_test(name, folder, protocol.test_per_set, least) for name, folder in places.tests.items()}
    fingerprints = {"train": train.sha256, "valid": valid.sha256} | {name: test.sha256 for name, test in tests.items()}
    notes = _notes(facts, places)
    return BenchmarkData(SuperresData(train, valid, tests), fingerprints, notes, image_size=protocol.size)


def find(facts: RunFacts) -> Places:
    """The sample, the user's own folder, or the downloads in the cache."""
    if facts.sample:
        from lnkit_superres.sample import sample_folder  # noqa: PLC0415 - scikit-image, only for the sample

        return find_places(sample_folder(facts.cache))
    if facts.data:
        return find_places(facts.data)
    return _fetched(facts)


def _fetched(facts: RunFacts) -> Places:
    from lnkit.data.fetch.datasets import ensure_dataset  # noqa: PLC0415 - the network, only when nothing is given
    from lnkit_superres import BSDS300, COCO_IMAGES, SET5, SET14  # noqa: PLC0415 - beside it

    set5, set14, bsds, coco = (
        ensure_dataset(spec, facts.cache, facts.progress) for spec in (SET5, SET14, BSDS300, COCO_IMAGES)
    )
    tests = {"set5": set5, "set14": set14, "bsd100": bsds / "BSDS300" / "images" / "test"}
    found = {name: images_in(folder) for name, folder in tests.items()}
    return Places(images_in(coco / "train"), images_in(coco / "valid"), found)


def _notes(facts: RunFacts, places: Places) -> tuple[str, ...]:
    if facts.sample:
        from lnkit_superres.sample import NOTE  # noqa: PLC0415 - scikit-image, only for the sample

        return (NOTE,)
    return partial_notes(places, facts.protocol.train_images, facts.protocol.valid_images)


def _drawn(folder: Folder, count: int) -> Folder:
    return Folder(folder.path, drawn(folder.names, count))


def open_training(
    folder: Folder, degradation: Degradation, factors: tuple[int, ...], cache: Path, progress: Progress
) -> TrainingImages:
    """Open photographs, cut and reduced; they are decoded once and then mapped into memory.

    Raises:
        DataError: a file is no image, or too small.
    """
    columns = {"hr": _column(folder.names, degradation, None)}
    columns |= {f"lr{factor}": _column(folder.names, degradation, factor) for factor in factors}
    key = hashlib.sha256("|".join(column.recipe for column in columns.values()).encode()).hexdigest()[:12]
    place = packed_dir(folder.path, cache) / f"superres-{degradation.size}-{key}-{len(folder.names)}"
    packed = open_columns(ColumnTable(f"superres {folder.path.name}", folder.path, columns), place, progress)
    low = {factor: packed.arrays[f"lr{factor}"] for factor in factors}
    return TrainingImages(packed.arrays["hr"], low, packed.sha256)


def _column(names: tuple[str, ...], degradation: Degradation, factor: int | None) -> Column:
    def read(data: bytes, path: Path) -> Images:
        image, _ = read_rgb(data, path)
        degradation.check(image, path)
        return degradation.low(image, factor) if factor else degradation.high(image)

    side = degradation.size // (factor or 1)
    return Column(names, (side, side, 3), read, degradation.words(factor))


def open_test(name: str, folder: Folder, count: int, least: int) -> ImageSet:
    """Read the first ``count`` images of a test set, or all for 0.

    Raises:
        DataError: a file is no image, or has a side below ``least`` pixels.
    """
    names = folder.names[: count or None]
    content, images = hashlib.sha256(), []
    for file in names:
        path = folder.path / file
        data = path.read_bytes()
        image, _ = read_rgb(data, path)
        if min(image.size) < least:
            raise DataError(
                f"{path} is {image.width} x {image.height} pixels, and test images need {least} on each side to be "
                f"reduced. Take it out of {TITLES[name]}, or put a larger one in its place."
            )
        content.update(f"{file}\0{len(data)}\0".encode())
        content.update(data)
        images.append(image)
    return ImageSet(tuple(file.rpartition(".")[0] for file in names), tuple(images), content.hexdigest())
