"""Labelled image files on disk, in one of three layouts.

- Folders of classes: ``train/<class>/*.jpg`` and ``val/<class>/*.jpg`` (or ``validation``, ``valid``, ``test``).
- Tiny ImageNet's: ``train/<class>/images/*.JPEG``, and ``val/images/*.JPEG`` with ``val/val_annotations.txt``.
- Downsampled ImageNet's (Chrabaszcz et al. 2017): ``train_data_batch_*.npz`` and ``val_data.npz``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from lnkit._text_paths import text_paths
from lnkit.data.folders import by_same_name, describe_folder, image_names, require_printable, same_name
from lnkit.datasets.text_tables import read_text
from lnkit.errors import DataError

__all__ = [
    "Listing",
    "Split",
    "batch_files",
    "class_files",
    "class_names",
    "inner_folder",
    "list_images",
]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp")
VALIDATION = ("val", "validation", "valid", "test")  # folders of images that are not trained on; the first that exists
ANNOTATIONS = "val_annotations.txt"
EXPECTED = (
    "Expected a folder with train/<class>/ and val/<class>/, Tiny ImageNet's layout, or the batches of downsampled "
    "ImageNet as train_data_batch_*.npz and val_data.npz."
)


@dataclass(frozen=True, slots=True)
class Split:
    """Image files, each with the number of its class."""

    files: tuple[str, ...]  # relative to the root of the dataset or split, with "/"
    labels: tuple[int, ...]


@text_paths
@dataclass(frozen=True, slots=True)
class Listing:
    """The labelled image files of a folder."""

    folder: Path
    classes: tuple[str, ...]
    train: Split
    validation: Split


@text_paths
def inner_folder(folder: Path) -> Path:
    """Return the folder itself, or the only folder in it if an archive wraps its content in one."""
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}. {EXPECTED}")
    inside = [path for path in folder.iterdir() if not path.name.startswith(".")]
    only = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
    return folder if (folder / "train").is_dir() else only


@text_paths
def batch_files(folder: Path) -> tuple[list[Path], Path | None]:
    """Return the files of downsampled ImageNet: batches to train on, in their order, and the validation images."""
    batches = sorted(folder.glob("train_data_batch_*.npz"), key=lambda path: (len(path.name), path.name))
    validation = folder / "val_data.npz"
    return batches, validation if validation.is_file() else None


@text_paths
def list_images(folder: Path) -> Listing:
    """Find the image files of the first two layouts.

    Raises:
        DataError: The folder has neither, or a class has no images; the message says which.
    """
    train = folder / "train"
    classes = class_names(train, EXPECTED)
    validation = next((folder / name for name in VALIDATION if (folder / name).is_dir()), None)
    if validation is None:
        raise DataError(f"{folder} has no images for validation. {EXPECTED} {describe_folder(folder)}")
    annotated = (validation / ANNOTATIONS).is_file()
    return Listing(
        folder,
        classes,
        class_files(train, folder, classes),
        _annotated(validation, folder, classes) if annotated else class_files(validation, folder, classes),
    )


@text_paths
def class_names(folder: Path, expected: str) -> tuple[str, ...]:
    """Return the classes of a split: the names of its folders, sorted as they are stored.

    Args:
        folder: Of the split: ``train``.
        expected: The layout in a sentence, for errors.

    Raises:
        DataError: ``folder`` does not exist, has fewer than two folders, or two whose names look the same.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} is missing. {expected} {describe_folder(folder.parent)}")
    names = _class_folders(folder)
    if len(names) < 2:
        raise DataError(f"{folder} has {len(names)} folders of classes; expected two or more. {expected}")
    require_printable(folder, list(names))
    return tuple(names)


@text_paths
def class_files(folder: Path, root: Path, classes: Sequence[str], suffixes: Sequence[str] = SUFFIXES) -> Split:
    """List the images of a split, class after class and by name, in ``<class>/`` or ``<class>/images/``.

    Args:
        folder: Of the split: ``train``.
        root: The folder that names of files are relative to.
        classes: Names of folders.
        suffixes: Of images, in lower case.

    Raises:
        DataError: A class has no images, or its folder cannot be read.
    """
    files: list[str] = []
    labels: list[int] = []
    stored = _class_folders(folder)
    for label, name in enumerate(classes):
        images = folder / stored.get(name, name)
        images = images / "images" if (images / "images").is_dir() else images
        try:
            names = image_names(images, suffixes, f"Class {name!r} needs images.")
        except PermissionError as error:
            raise DataError(f"{images} cannot be read ({error.strerror}). Change its permissions.") from error
        prefix = images.relative_to(root).as_posix()
        files += [f"{prefix}/{file}" for file in names]
        labels += [label] * len(names)
    return Split(tuple(files), tuple(labels))


def _class_folders(folder: Path) -> dict[str, str]:
    """Return {class: name of its folder}."""
    names = [path.name for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return by_same_name(folder, sorted(names))


def _annotated(split: Path, folder: Path, classes: Sequence[str]) -> Split:
    """Return Tiny ImageNet's validation images, whose classes are in a table."""
    numbers = {name: label for label, name in enumerate(classes)}
    rows = sorted(row for row in _annotations(split / ANNOTATIONS) if row[1] in numbers)
    if not rows:
        raise DataError(f"{split / ANNOTATIONS} names no image of the classes in {folder / 'train'}.")
    prefix = (split / "images").relative_to(folder).as_posix()
    return Split(tuple(f"{prefix}/{file}" for file, _ in rows), tuple(numbers[name] for _, name in rows))


def _annotations(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_text(file).split("\n"), start=1):
        if not line:
            continue
        cells = line.split("\t")
        if len(cells) < 2 or "/" in cells[0] or not cells[0].isprintable():
            raise DataError(
                f"Line {number} of {file} is no row of Tiny ImageNet's annotations: expected a file name, a tab and "
                f"a class, got {line!r:.80}."
            )
        yield cells[0], same_name(cells[1])
