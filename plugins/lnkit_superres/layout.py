"""How the data lie on disk: photographs to train and validate on, and test sets."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from lnkit import DataError
from lnkit.data.folders import describe_folder, image_names
from lnkit_superres import TEST_SETS, TITLES

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".tif", ".tiff", ".webp")
DRAW = 42  # seed of drawn images; R's, whose order of files is not known, so that other images come out than R's
EXPECTED = (
    "Expected are train/ and valid/ with photographs of any size, and test sets: Set5/, Set14/ and BSD100/, or some of "
    "them."
)


@dataclass(frozen=True, slots=True)
class Folder:
    """Images in a folder, in order of their names."""

    path: Path
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Places:
    """Where everything lies."""

    train: Folder
    valid: Folder
    tests: Mapping[str, Folder]  # "set5" -> folder


def find_places(root: Path) -> Places:
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
    tests = {name: images_in(folders[name]) for name in TEST_SETS if name in folders}
    if not tests:
        raise DataError(f"{root} has no test set. {EXPECTED} {describe_folder(root)}")
    return Places(images_in(folders["train"]), images_in(folders["valid"]), tests)


def images_in(path: Path) -> Folder:
    """The images in a folder. Raises DataError if there are none."""
    return Folder(path, tuple(image_names(path, SUFFIXES, EXPECTED)))


def drawn(names: Sequence[str], count: int) -> tuple[str, ...]:
    """``count`` of the names, or all if there are no more, in order.

    The draw depends on the names alone, not on the version of a random generator: those whose SHA-256 with the seed
    come first are taken.
    """

    def rank(name: str) -> str:
        return hashlib.sha256(f"{DRAW} {name}".encode()).hexdigest()

    return tuple(sorted(sorted(names, key=rank)[:count]))


def partial_notes(places: Places, train: int, valid: int) -> tuple[str, ...]:
    """Sentences on what is missing of what the protocol asks for."""
    notes = []
    for folder, wanted, purpose in ((places.train, train, "train"), (places.valid, valid, "validate")):
        here = len(folder.names)
        if here < wanted:
            notes.append(f"partial: {here:,} images to {purpose} on, and the protocol takes {wanted:,}")
        elif here > wanted:
            notes.append(f"{wanted:,} of {here:,} images to {purpose} on were drawn")
    missing = [TITLES[name] for name in TEST_SETS if name not in places.tests]
    if missing:
        notes.append(f"absent: the test sets {', '.join(missing)}")
    for name, folder in places.tests.items():
        if len(folder.names) != TEST_SETS[name]:
            here, official = len(folder.names), TEST_SETS[name]
            notes.append(f"partial: {TITLES[name]} has {here} images, and the official one has {official}")
    return tuple(notes)
