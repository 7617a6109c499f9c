"""The data of a run: folders of photographs and test sets, and their images as arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import BenchmarkData, DataError
from lnkit.data import Column, ColumnTable, describe_folder, image_names, open_columns, packed_dir, read_bytes, read_rgb
from lnkit_superres import BSDS300, COCO_IMAGES, SET5, SET14, TEST_SETS, TITLES
from lnkit_superres.degradation import LEAST_LOW, Degradation
from lnkit_superres.sample import NOTE, sample_folder

if TYPE_CHECKING:
    from PIL.Image import Image

    from lnkit.benchmark import RunFacts

Images = NDArray[np.uint8]  # (N, H, W, 3), RGB

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
SEED = 42  # of drawn images; the reference code's, which drew other images, since its order of files is not known
EXPECTED = (
    "Expected train/ and valid/ with photographs of any size, and one or more of the test sets Set5/, Set14/ and "
    "BSD100/."
)


@dataclass(frozen=True, slots=True)
class Folder:
    """Image files in a folder, in order of their names."""

    path: Path
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Folders:
    """All folders of a run."""

    train: Folder
    valid: Folder
    tests: Mapping[str, Folder]  # "set5" -> folder


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
    """All images of a run."""

    train: TrainingImages
    valid: TrainingImages
    tests: Mapping[str, ImageSet]  # "set5" -> images


def open_data(facts: RunFacts) -> BenchmarkData:
    """Find, fetch if needed, and pack what the protocol asks for.

    Raises:
        DataError: a folder is missing, or a file is no image or too small.
    """
    protocol = facts.protocol
    folders, notes = _choose_folders(facts)
    degradation, factors = Degradation.of(protocol), protocol.chosen_factors
    train, valid = (
        _open_training(Folder(folder.path, draw_names(folder.names, count)), degradation, factors, facts)
        for folder, count in ((folders.train, protocol.train_images), (folders.valid, protocol.valid_images))
    )
    least = LEAST_LOW * max(factors)
    tests = {name: _open_test(name, folder, protocol.test_per_set, least) for name, folder in folders.tests.items()}
    fingerprints = {"train": train.sha256, "valid": valid.sha256} | {name: test.sha256 for name, test in tests.items()}
    return BenchmarkData(SuperresData(train, valid, tests), fingerprints, notes, image_size=protocol.size)


def find_folders(root: Path) -> Folders:
    """Find the folders of images under ``root``, whose names may be written in capitals or not.

    Raises:
        DataError: train or valid is missing or empty, or there is no test set.
    """
    if not root.is_dir():
        raise DataError(f"{root} is not a folder. {EXPECTED}")
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    for name in ("train", "valid"):
        if name not in folders:
            raise DataError(f"{root} has no folder {name}. {EXPECTED} {describe_folder(root)}")
    tests = {name: _list_images(folders[name]) for name in TEST_SETS if name in folders}
    if not tests:
        raise DataError(f"{root} has no test set. {EXPECTED} {describe_folder(root)}")
    return Folders(_list_images(folders["train"]), _list_images(folders["valid"]), tests)


def draw_names(names: Sequence[str], count: int) -> tuple[str, ...]:
    """Draw ``count`` of the names, or all if there are no more; return them in order.

    The draw depends on the names alone, not on the version of a random generator: those whose SHA-256 with the seed
    come first are drawn.
    """

    def rank(name: str) -> str:
        return hashlib.sha256(f"{SEED} {name}".encode()).hexdigest()

    return tuple(sorted(sorted(names, key=rank)[:count]))


def partial_notes(folders: Folders, train: int, valid: int) -> tuple[str, ...]:
    """Return sentences on images that are missing, or left out.

    Args:
        folders: of the run.
        train: images to train on that the protocol asks for.
        valid: images to validate on that the protocol asks for.
    """
    notes = []
    for folder, count, purpose in ((folders.train, train, "train"), (folders.valid, valid, "validate")):
        here = len(folder.names)
        if here < count:
            notes.append(f"partial: {here:,} images to {purpose} on, and the protocol takes {count:,}")
        elif here > count:
            notes.append(f"{count:,} of {here:,} images to {purpose} on were drawn")
    missing = [TITLES[name] for name in TEST_SETS if name not in folders.tests]
    if missing:
        notes.append(f"absent: the test sets {', '.join(missing)}")
    for name, folder in folders.tests.items():
        if len(folder.names) != TEST_SETS[name]:
            here, official = len(folder.names), TEST_SETS[name]
            notes.append(f"partial: {TITLES[name]} has {here} images, and the official one has {official}")
    return tuple(notes)


def _choose_folders(facts: RunFacts) -> tuple[Folders, tuple[str, ...]]:
    """Return the folders of the sample, of the user, or of the datasets in the cache, with notes on them."""
    if facts.sample:
        return find_folders(sample_folder(facts.cache)), (NOTE,)
    folders = find_folders(facts.data) if facts.data else _fetch_folders(facts)
    return folders, partial_notes(folders, facts.protocol.train_images, facts.protocol.valid_images)


def _fetch_folders(facts: RunFacts) -> Folders:
    from lnkit.data import ensure_dataset  # noqa: PLC0415 - the network, only when nothing is given

    set5, set14, bsds, coco = (
        ensure_dataset(spec, facts.cache, facts.progress) for spec in (SET5, SET14, BSDS300, COCO_IMAGES)
    )
    tests = {"set5": set5, "set14": set14, "bsd100": bsds / "BSDS300" / "images" / "test"}
    test_folders = {name: _list_images(folder) for name, folder in tests.items()}
    return Folders(_list_images(coco / "train"), _list_images(coco / "valid"), test_folders)


def _list_images(path: Path) -> Folder:
    return Folder(path, tuple(image_names(path, SUFFIXES, EXPECTED)))


def _open_training(
    folder: Folder, degradation: Degradation, factors: tuple[int, ...], facts: RunFacts
) -> TrainingImages:
    """Open photographs, cut and reduced; they are decoded once and then mapped into memory."""
    columns = {"hr": _column(folder.names, degradation, None)}
    columns |= {f"lr{factor}": _column(folder.names, degradation, factor) for factor in factors}
    key = hashlib.sha256("|".join(column.recipe for column in columns.values()).encode()).hexdigest()[:12]
    target = packed_dir(folder.path, facts.cache) / f"superres-{degradation.size}-{key}-{len(folder.names)}"
    packed = open_columns(ColumnTable(f"superres {folder.path.name}", folder.path, columns), target, facts.progress)
    low = {factor: packed.arrays[f"lr{factor}"] for factor in factors}
    return TrainingImages(packed.arrays["hr"], low, packed.sha256)


def _column(names: tuple[str, ...], degradation: Degradation, factor: int | None) -> Column:
    def read(data: bytes, path: Path) -> Images:
        image, _ = read_rgb(data, path)
        degradation.check(image, path)
        return degradation.low(image, factor) if factor else degradation.high(image)

    side = degradation.size // (factor or 1)
    return Column(names, (side, side, 3), read, degradation.recipe(factor))


def _open_test(name: str, folder: Folder, count: int, least: int) -> ImageSet:
    """Read the first ``count`` images of a test set, or all for 0; each side needs ``least`` pixels."""
    names = folder.names[: count or None]
    content, images = hashlib.sha256(), []
    for file in names:
        path = folder.path / file
        data = read_bytes(path)
        image, _ = read_rgb(data, path)
        if min(image.size) < least:
            raise DataError(
                f"Expected {least} pixels or more on each side, got {image.width} x {image.height}: {path}. Remove it "
                f"from {TITLES[name]}, or put a larger one in its place."
            )
        content.update(f"{file}\0{len(data)}\0".encode())
        content.update(data)
        images.append(image)
    return ImageSet(tuple(file.rpartition(".")[0] for file in names), tuple(images), content.hexdigest())
