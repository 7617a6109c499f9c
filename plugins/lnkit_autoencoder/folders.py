"""Images of the user's own, in folders of classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import DataError
from lnkit.data.cache import packed_dir
from lnkit.data.pack.decode import read_rgb
from lnkit_autoencoder.checks import checked_labels, padding_for, require_some
from lnkit_autoencoder.images import LabeledSet

if TYPE_CHECKING:
    from lnkit.data.pack.columns import PackedTable
    from lnkit.progress import Progress

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".webp")
UNLABELED = ("unlabeled", "extra")  # the split for the autoencoder, as STL-10 and SVHN call it
NAME = "own"
EXPECTED = (
    "Folders of classes are expected: train/<class>/*.png and test/<class>/*.png, and unlabeled/*.png if the "
    "autoencoder is to be trained on other images than train; or SVHN's train_32x32.mat, test_32x32.mat and "
    "extra_32x32.mat; or STL-10's stl10_binary/."
)


@dataclass(frozen=True, slots=True)
class Split:
    """Files of a split, class after class, and the class of each."""

    folder: Path
    files: tuple[str, ...]  # relative to the folder
    classes: tuple[str, ...] = ()
    labels: tuple[int, ...] = ()


def open_folders(root: Path, pad: int, cache: Path, progress: Progress) -> LabeledSet:
    """Open train/<class>/, test/<class>/ and, where there is one, unlabeled/ or extra/ under ``root``.

    Raises:
        DataError: a split is missing, the classes of the two differ, a class is empty, a file is no image, or has
            another size than the others.
    """
    train, test = (_find_labeled(root / split) for split in ("train", "test"))
    _require_same_classes(train, test)
    unlabeled = _find_unlabeled(root)
    side = _side(train.folder / train.files[0])
    padding = padding_for(side, pad, str(train.folder))
    splits = {"train": train, "test": test} | ({"unlabeled": unlabeled} if unlabeled else {})
    packed = {name: _open_split(name, split, side, cache, progress) for name, split in splits.items()}
    images = {name: columns.arrays["images"] for name, columns in packed.items()}
    return LabeledSet(
        name=NAME,
        classes=train.classes,
        unlabeled=images.get("unlabeled", images["train"]),
        train=images["train"],
        train_labels=checked_labels(train.labels, len(train.files), train.classes, str(train.folder)),
        test=images["test"],
        test_labels=checked_labels(test.labels, len(test.files), test.classes, str(test.folder)),
        pad=padding,
        fingerprints={f"{NAME}/{name}": columns.sha256 for name, columns in packed.items()},
        notes=() if unlabeled else ("the autoencoder was trained on the images in train/: there is no unlabeled/",),
    )


def _find_labeled(folder: Path) -> Split:
    if not folder.is_dir():
        raise DataError(f"{folder} is missing. {EXPECTED}")
    classes = sorted(_visible(folder, lambda path: path.is_dir()))
    if len(classes) < 2:
        raise DataError(f"{folder} has {len(classes)} folders of classes in it, and at least 2 are needed. {EXPECTED}")
    files, labels = [], []
    for label, name in enumerate(classes):
        images = _images(folder / name)
        if not images:
            raise DataError(
                f"The class folder {folder / name} has no {', '.join(SUFFIXES)} files in it. Fill or remove it."
            )
        files += [f"{name}/{image}" for image in images]
        labels += [label] * len(images)
    require_some(len(files), str(folder))
    return Split(folder, tuple(files), tuple(classes), tuple(labels))


def _find_unlabeled(root: Path) -> Split | None:
    """The images in unlabeled/ or extra/, in folders or not."""
    folder = next((root / name for name in UNLABELED if (root / name).is_dir()), None)
    if folder is None:
        return None
    files = _images(folder) + [
        f"{name}/{image}"
        for name in sorted(_visible(folder, lambda path: path.is_dir()))
        for image in _images(folder / name)
    ]
    if not files:
        raise DataError(f"{folder} has no {', '.join(SUFFIXES)} files in it. Fill it, or remove it to train on train/.")
    require_some(len(files), str(folder))
    return Split(folder, tuple(files))


def _require_same_classes(train: Split, test: Split) -> None:
    differ = sorted(set(train.classes) ^ set(test.classes))
    if differ:
        here = train.folder if differ[0] in train.classes else test.folder
        other = test.folder if differ[0] in train.classes else train.folder
        raise DataError(
            f"The class {differ[0]!r} is in {here} and not in {other}. Both need the same folders of classes."
        )


def _visible(folder: Path, wanted: Callable[[Path], bool]) -> list[str]:
    """Names in a folder, which stand in records and messages, so that none may steer a terminal."""
    names = [name for name in os.listdir(folder) if not name.startswith(".") and wanted(folder / name)]  # noqa: PTH208 - names are enough
    odd = next((name for name in names if not name.isprintable()), None)
    if odd is not None:
        raise DataError(f"The name {odd!a} in {folder} has characters that cannot be printed. Rename it.")
    return names


def _images(folder: Path) -> list[str]:
    return sorted(_visible(folder, lambda path: path.name.lower().endswith(SUFFIXES) and path.is_file()))


def _side(path: Path) -> int:
    """Of the first image, in pixels; all others must have the same.

    Raises DataError: it is no square image.
    """
    image, _ = read_rgb(path.read_bytes(), path)
    if image.width != image.height:
        raise DataError(
            f"{path} is {image.width} x {image.height} pixels, and square images are expected. Crop it first."
        )
    return image.width


def _open_split(name: str, split: Split, side: int, cache: Path, progress: Progress) -> PackedTable:
    from lnkit.data.pack.columns import Column, ColumnTable, open_columns  # noqa: PLC0415 - only here

    def read(data: bytes, path: Path) -> NDArray[np.uint8]:
        image, _ = read_rgb(data, path)
        if image.size != (side, side):
            raise DataError(
                f"{path} is {image.width} x {image.height} pixels, and the first image in train is {side} x {side}. "
                "All images need the same size; resize or crop it."
            )
        return np.asarray(image)

    column = Column(split.files, (side, side, 3), read, f"RGB as it is, {side} x {side}")
    table = ColumnTable(f"{name} images", split.folder, {"images": column})
    return open_columns(table, packed_dir(split.folder, cache) / f"autoencoder-{side}px", progress)


def looks_like_folders(root: Path, splits: Sequence[str] = ("train", "test")) -> bool:
    """Whether any folder of the layout is there."""
    return any((root / split).is_dir() for split in splits)
