"""Labelled images as they lie on disk: which of three layouts a folder has, and its files with their classes.

- Folders of classes: ``train/<class>/*.jpg`` and ``val/<class>/*.jpg`` (or ``validation``, ``test``).
- Tiny ImageNet's: ``train/<class>/images/*.JPEG``, and ``val/images/*.JPEG`` with ``val/val_annotations.txt``.
- Downsampled ImageNet's (Chrabaszcz et al. 2017): ``train_data_batch_*.npz`` and ``val_data.npz``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import lnkit
from lnkit.data.folders import describe_folder, image_names

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
VALIDATION = (
    "val",
    "validation",
    "valid",
    "test",
)  # folders with images that are not trained on, the first that is there
ANNOTATIONS = "val_annotations.txt"
EXPECTED = (
    "Expected is a folder with train/<class>/ and val/<class>/, Tiny ImageNet's layout, or the batches of downsampled "
    "ImageNet as train_data_batch_*.npz and val_data.npz."
)


@dataclass(frozen=True, slots=True)
class Split:
    """Image files, each with the number of its class."""

    files: tuple[str, ...]  # relative to the folder, with "/"
    labels: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Listing:
    """The labelled image files of a folder."""

    folder: Path
    classes: tuple[str, ...]
    train: Split
    validation: Split


def inner_folder(folder: Path) -> Path:
    """The folder itself, or the only one in it where archives put another one around their content."""
    if not folder.is_dir():
        raise lnkit.DataError(f"There is no folder {folder}. {EXPECTED}")
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    only = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
    return folder if (folder / "train").is_dir() else only


def batch_files(folder: Path) -> tuple[list[Path], Path | None]:
    """The files of downsampled ImageNet: batches to train on, in their order, and the validation images."""
    batches = sorted(folder.glob("train_data_batch_*.npz"), key=lambda path: (len(path.name), path.name))
    validation = folder / "val_data.npz"
    return batches, validation if validation.is_file() else None


def list_images(folder: Path) -> Listing:
    """Find the image files of the first two layouts.

    Raises:
        lnkit.DataError: the folder has neither, or a class has no images; the message says which.
    """
    train = folder / "train"
    classes = _class_names(train)
    validation = next((folder / name for name in VALIDATION if (folder / name).is_dir()), None)
    if validation is None:
        raise lnkit.DataError(f"{folder} has no images for validation. {EXPECTED} {describe_folder(folder)}")
    return Listing(
        folder,
        tuple(classes),
        _of_classes(train, folder, classes),
        _annotated(validation, folder, classes)
        if (validation / ANNOTATIONS).is_file()
        else _of_classes(validation, folder, classes),
    )


def _class_names(train: Path) -> list[str]:
    if not train.is_dir():
        raise lnkit.DataError(f"There is no folder {train}. {EXPECTED} {describe_folder(train.parent)}")
    names = sorted(path.name for path in train.iterdir() if path.is_dir() and not path.name.startswith("."))
    if len(names) < 2:
        raise lnkit.DataError(f"{train} has {len(names)} folders of classes; expected are two or more. {EXPECTED}")
    return names


def _of_classes(split: Path, folder: Path, classes: Sequence[str]) -> Split:
    files: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        images = split / name / "images" if (split / name / "images").is_dir() else split / name
        found = _names(images, f"Class {name!r} needs images.")
        prefix = images.relative_to(folder).as_posix()
        files += [f"{prefix}/{file}" for file in found]
        labels += [label] * len(found)
    return Split(tuple(files), tuple(labels))


def _names(folder: Path, expected: str) -> list[str]:
    try:
        return image_names(folder, SUFFIXES, expected)
    except PermissionError as error:
        raise lnkit.DataError(f"{folder} cannot be read ({error.strerror}). Change its permissions.") from error


def _annotated(split: Path, folder: Path, classes: Sequence[str]) -> Split:
    """Tiny ImageNet's validation images, whose classes stand in a table."""
    numbers = {name: label for label, name in enumerate(classes)}
    rows = [row for row in _annotations(split / ANNOTATIONS) if row[1] in numbers]
    if not rows:
        raise lnkit.DataError(f"{split / ANNOTATIONS} names no image of the classes in {folder / 'train'}.")
    prefix = (split / "images").relative_to(folder).as_posix()
    rows.sort()
    return Split(tuple(f"{prefix}/{file}" for file, _ in rows), tuple(numbers[name] for _, name in rows))


def _annotations(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), start=1):
        cells = line.split("\t")
        if len(cells) < 2 or "/" in cells[0] or not cells[0].isprintable():
            raise lnkit.DataError(
                f"Line {number} of {file} is no row of Tiny ImageNet's annotations: expected is a file name, a tab and "
                "a class."
            )
        yield cells[0], cells[1]
