"""Images of the user's own, in folders of classes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lnkit import DataError
from lnkit.data import Column, ColumnTable, open_columns, packed_dir, read_image, read_rgb, require_printable
from lnkit.datasets.image_folder import Split, class_files, class_names
from lnkit_autoencoder.checks import checked_labels, padding_for, require_some
from lnkit_autoencoder.images import LabeledSet

if TYPE_CHECKING:
    from lnkit.data import PackedTable
    from lnkit.progress import Progress

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".webp")
UNLABELED = ("unlabeled", "extra")  # the split for the autoencoder, as STL-10 and SVHN call it
NAME = "own"
EXPECTED = (
    "Expected folders of classes: train/<class>/*.png and test/<class>/*.png, and unlabeled/*.png if the "
    "autoencoder is to be trained on other images than train; or SVHN's train_32x32.mat, test_32x32.mat and "
    "extra_32x32.mat; or STL-10's stl10_binary/."
)


def open_folders(root: Path, pad: int, cache: Path, progress: Progress) -> LabeledSet:
    """Open train/<class>/, test/<class>/ and, if it exists, unlabeled/ or extra/ under ``root``.

    Args:
        root: The user's folder.
        pad: Pixels to mirror around images if the decoder needs that; see ``padding_for``.
        cache: The cache folder, for decoded images.
        progress: Receives the progress of decoding.

    Raises:
        DataError: A split is missing, the classes of the two differ, a class is empty, a file is no image, or has
            another size than the others.
    """
    classes = {name: class_names(root / name, EXPECTED) for name in ("train", "test")}
    _require_same_classes(root, classes["train"], classes["test"])
    splits = {root / name: class_files(root / name, root / name, names, SUFFIXES) for name, names in classes.items()}
    train, test = splits
    unlabeled = next((root / name for name in UNLABELED if (root / name).is_dir()), None)
    if unlabeled:
        splits[unlabeled] = Split(_unlabeled_files(unlabeled), ())
    for folder, split in splits.items():
        require_some(len(split.files), str(folder))
    side = _side(train / splits[train].files[0])
    padding = padding_for(side, pad, str(train))
    packed = {folder: _open_split(folder, split, side, cache, progress) for folder, split in splits.items()}
    images = {folder: columns.arrays["images"] for folder, columns in packed.items()}
    labels = [
        checked_labels(splits[folder].labels, len(images[folder]), classes["train"], str(folder))
        for folder in (train, test)
    ]
    return LabeledSet(
        name=NAME,
        classes=classes["train"],
        unlabeled=images[unlabeled or train],
        train=images[train],
        train_labels=labels[0],
        test=images[test],
        test_labels=labels[1],
        pad=padding,
        fingerprints={
            f"{NAME}/{'unlabeled' if folder == unlabeled else folder.name}": columns.sha256
            for folder, columns in packed.items()
        },
        notes=() if unlabeled else ("the autoencoder was trained on the images in train/: there is no unlabeled/",),
    )


def _unlabeled_files(folder: Path) -> tuple[str, ...]:
    """List the images in a folder and then in its folders, each by name."""
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    inner = [path for path in visible if path.is_dir()]
    paths = [path for part in (visible, *(sorted(part.iterdir()) for part in inner)) for path in part]
    paths = [path for path in paths if path.name.lower().endswith(SUFFIXES) and path.is_file()]
    names = tuple(path.relative_to(folder).as_posix() for path in paths if not path.name.startswith("."))
    if not names:
        raise DataError(f"{folder} has no {', '.join(SUFFIXES)} files in it. Fill it, or remove it to train on train/.")
    require_printable(folder, names)
    return names


def _require_same_classes(root: Path, train: Sequence[str], test: Sequence[str]) -> None:
    differ = sorted(set(train) ^ set(test))
    if differ:
        here, other = ("train", "test") if differ[0] in train else ("test", "train")
        raise DataError(
            f"The class {differ[0]!r} is in {root / here} and not in {root / other}. Both need the same folders of "
            "classes."
        )


def _side(path: Path) -> int:
    """Return the side in pixels of the first image; all others must have the same."""
    image = read_image(path)
    if image.width != image.height:
        raise DataError(f"Expected square images, but {path} is {image.width} x {image.height} pixels. Crop it first.")
    return image.width


def _open_split(folder: Path, split: Split, side: int, cache: Path, progress: Progress) -> PackedTable:
    def read(data: bytes, path: Path) -> NDArray[np.uint8]:
        image, _ = read_rgb(data, path)
        if image.size != (side, side):
            raise DataError(
                f"{path} is {image.width} x {image.height} pixels, and the first image in train is {side} x {side}. "
                "All images need the same size; resize or crop it."
            )
        return np.asarray(image)

    column = Column(split.files, (side, side, 3), read, f"RGB as it is, {side} x {side}")
    table = ColumnTable(f"{folder.name} images", folder, {"images": column})
    return open_columns(table, packed_dir(folder, cache) / f"autoencoder-{side}px", progress)


def looks_like_folders(root: Path) -> bool:
    """Whether any folder of the layout exists."""
    return any((root / split).is_dir() for split in ("train", "test"))
