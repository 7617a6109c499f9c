"""Labelled images of any layout as arrays: decoded once, then mapped into memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit._text_paths import text_paths
from lnkit.data.cache import cached_folder, packed_dir
from lnkit.data.fetch.unpack import is_archive, unpack
from lnkit.data.pack.array_folder import open_arrays
from lnkit.data.pack.image_table import ImageTable, open_images
from lnkit.datasets.downsampled_imagenet import fingerprint, read_batches
from lnkit.datasets.image_folder import EXPECTED, Listing, batch_files, inner_folder, list_images
from lnkit.errors import DataError
from lnkit.progress import Progress

__all__ = [
    "Labelled",
    "LabelledData",
    "open_labelled",
]

FILTER = "box"  # for larger images, as in downsampled ImageNet (Chrabaszcz et al. 2017, section 2)


@dataclass(frozen=True, slots=True)
class Labelled:
    """Images with the numbers of their classes."""

    images: NDArray[np.uint8]  # (N, R, R, 3), RGB
    labels: NDArray[np.int64]  # (N,), from 0

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class LabelledData:
    """Images to train a classifier on, and to validate it."""

    train: Labelled
    validation: Labelled
    classes: tuple[str, ...]
    sha256: str  # of the content


@text_paths
def open_labelled(source: Path, resolution: int, cache: Path, progress: Progress) -> LabelledData:
    """Open the images in a folder or an archive, at a resolution.

    Args:
        source: A folder in one of the layouts of :mod:`lnkit.datasets.image_folder`, or an archive of one.
        resolution: Side in pixels; larger images are averaged, each side on its own.
        cache: The cache folder, for arrays and unpacked archives.
        progress: Receives the progress of unpacking and decoding.

    Raises:
        DataError: There are no such images, some are damaged, or the disk is full.
    """
    folder = inner_folder(_unpacked(source, cache, progress))
    batches, validation = batch_files(folder)
    if batches and validation:
        return _of_batches(batches, validation, resolution, cache, progress)
    if batches:
        raise DataError(f"{folder} has batches to train on, but no val_data.npz. {EXPECTED}")
    return _of_files(list_images(folder), resolution, cache, progress)


def _unpacked(source: Path, cache: Path, progress: Progress) -> Path:
    if not source.is_file():
        return source
    if not is_archive(source):
        raise DataError(f"{source} is no archive that can be unpacked (.zip, .tar and the like). {EXPECTED}")
    facts = source.stat()
    target = packed_dir(source, cache) / f"content-{facts.st_size}-{facts.st_mtime_ns}"
    action = f"unpacking {source.name}"
    return cached_folder(target, facts.st_size, action, progress, lambda new: unpack(source, new, progress))


def _of_files(listing: Listing, resolution: int, cache: Path, progress: Progress) -> LabelledData:
    place = packed_dir(listing.folder, cache)
    opened = {}
    digest = hashlib.sha256()
    for name, split in (("train", listing.train), ("validation", listing.validation)):
        table = ImageTable(f"{listing.folder.name} {name}", listing.folder, {"images": split.files})
        packed = open_images(
            table, place / f"{name}-{resolution}", size=resolution, resize_filter=FILTER, progress=progress
        )
        opened[name] = Labelled(packed.arrays["images"], np.asarray(split.labels, dtype=np.int64))
        labels = hashlib.sha256(np.asarray(split.labels, dtype="<i8").tobytes()).hexdigest()
        digest.update(f"{packed.sha256} {labels}".encode())
    return LabelledData(opened["train"], opened["validation"], listing.classes, digest.hexdigest())


def _of_batches(
    batches: list[Path], validation: Path, resolution: int, cache: Path, progress: Progress
) -> LabelledData:
    sha256 = fingerprint([*batches, validation])

    def make() -> dict[str, NDArray[np.generic]]:
        train_images, train_labels = read_batches(batches, progress)
        images, labels = read_batches([validation], progress)
        _require_size(train_images, resolution, batches[0])
        return {"train_images": train_images, "train_labels": train_labels, "images": images, "labels": labels}

    place = packed_dir(batches[0].parent, cache) / f"batches-{resolution}"
    arrays = open_arrays("downsampled ImageNet", place, sha256, make, progress)
    _require_size(arrays["train_images"], resolution, batches[0])
    train = Labelled(arrays["train_images"], np.asarray(arrays["train_labels"]))
    validation_set = Labelled(arrays["images"], np.asarray(arrays["labels"]))
    count = int(max(train.labels.max(), validation_set.labels.max())) + 1
    return LabelledData(train, validation_set, tuple(f"{i + 1}" for i in range(count)), sha256)


def _require_size(images: NDArray[np.generic], resolution: int, file: Path) -> None:
    if images.shape[1] != resolution:
        raise DataError(
            f"The images of {file.parent} have {images.shape[1]} pixels a side, and the network is made for "
            f"{resolution}: name it with _{images.shape[1]} at the end, or fetch the batches at {resolution} pixels."
        )
