"""SVHN and STL-10 as torchvision reads them, decoded once into arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from lnkit import DataError
from lnkit.data import open_arrays, packed_dir
from lnkit_autoencoder.checks import checked_labels, padding_for
from lnkit_autoencoder.images import LabeledSet

if TYPE_CHECKING:
    from lnkit.progress import Progress

Arrays = Mapping[str, NDArray[Any]]

VERSION = 1  # raised when the arrays change
SVHN_CLASSES = tuple("0123456789")
STL10_FOLDER = "stl10_binary"
# In the order of the labels; class_names.txt of the archive.
STL10_CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")


@dataclass(frozen=True, slots=True)
class Published:
    """A published data set: its files, and torchvision's class for them."""

    name: str  # "svhn"
    classes: tuple[str, ...]
    md5: Mapping[str, str]  # file -> checksum, from torchvision
    unlabeled: str  # split for the autoencoder: "extra"
    files: Mapping[str, tuple[str, ...]]  # split -> files
    read: Callable[[Path, str], Any]  # (root, split) -> torchvision's data set

    @property
    def sha256(self) -> str:
        """Digest that stands for the content: torchvision compares every file with its published checksum."""
        return hashlib.sha256("".join(f"{md5}  {name}\n" for name, md5 in self.md5.items()).encode()).hexdigest()


def svhn() -> Published:
    """Describe SVHN (Netzer et al. 2011); the digit 0 has the label 0, as in torchvision."""
    from torchvision.datasets import SVHN  # noqa: PLC0415 - torchvision, only when it is read

    files = {split: (file,) for split, (_, file, _) in SVHN.split_list.items()}
    md5 = {file: md5 for _, file, md5 in SVHN.split_list.values()}
    return Published("svhn", SVHN_CLASSES, md5, "extra", files, lambda root, split: SVHN(root, split))


def stl10() -> Published:
    """Describe STL-10 (Coates et al. 2011)."""
    from torchvision.datasets import STL10  # noqa: PLC0415 - torchvision, only when it is read

    md5 = {f"{STL10_FOLDER}/{file}": md5 for file, md5 in (*STL10.train_list, *STL10.test_list)}
    files = {
        "unlabeled": (f"{STL10_FOLDER}/unlabeled_X.bin",),
        "train": (f"{STL10_FOLDER}/train_X.bin", f"{STL10_FOLDER}/train_y.bin"),
        "test": (f"{STL10_FOLDER}/test_X.bin", f"{STL10_FOLDER}/test_y.bin"),
    }
    return Published("stl10", STL10_CLASSES, md5, "unlabeled", files, lambda root, split: STL10(root, split))


PUBLISHED: Mapping[str, Callable[[], Published]] = {"svhn": svhn, "stl10": stl10}


def has_files(published: Published, root: Path) -> bool:
    """Whether any file of the data set is under ``root``."""
    return any((root / file).is_file() for file in published.md5)


def open_published(published: Published, root: Path, pad: int, cache: Path, progress: Progress) -> LabeledSet:
    """Open a data set whose files are under ``root`` in torchvision's layout.

    Args:
        published: the data set.
        root: its folder.
        pad: pixels to mirror around images if the decoder needs that; see ``padding_for``.
        cache: the cache folder, for decoded images.
        progress: receives the progress of decoding.

    Raises:
        DataError: a split is missing, or a file is not the published one or damaged.
    """
    _require_files(published, root)
    unlabeled, train, test = (
        _open_split(published, split, root, cache, progress) for split in (published.unlabeled, "train", "test")
    )
    names = {"train": published.files["train"], "test": published.files["test"]}
    labels = {
        split: checked_labels(arrays["labels"], len(arrays["images"]), published.classes, str(root / names[split][-1]))
        for split, arrays in (("train", train), ("test", test))
    }
    return LabeledSet(
        name=published.name,
        classes=published.classes,
        unlabeled=unlabeled["images"],
        train=train["images"],
        train_labels=labels["train"],
        test=test["images"],
        test_labels=labels["test"],
        pad=padding_for(train["images"].shape[1], pad, str(root)),
        fingerprints={published.name: published.sha256},
    )


def _require_files(published: Published, root: Path) -> None:
    missing = [file for file in published.md5 if not (root / file).is_file()]
    if missing:
        raise DataError(
            f"{root / missing[0]} is missing. Expected all of {', '.join(published.md5)}; `lnkit data fetch "
            f"{published.name}` downloads them into the cache."
        )


def _open_split(published: Published, split: str, root: Path, cache: Path, progress: Progress) -> Arrays:
    title = f"{published.name} {split}"
    target = packed_dir(root, cache) / f"autoencoder-{published.name}-{split}"
    return open_arrays(
        title, target, _identity(published, split, root), lambda: _read(published, split, root), progress
    )


def _identity(published: Published, split: str, root: Path) -> str:
    """Return a text that changes with a file's size or time, and with VERSION; the files are not read."""
    files = []
    for name in published.files[split]:
        info = (root / name).stat()
        files.append(f"{name} {info.st_size} {info.st_mtime_ns} {published.md5[name]}")
    return f"{VERSION}: {'; '.join(files)}"


def _read(published: Published, split: str, root: Path) -> Arrays:
    try:
        dataset = published.read(root, split)
        images = {"images": _channels_last(dataset.data)}
        return images if split == published.unlabeled else images | {"labels": np.asarray(dataset.labels, np.int64)}
    except Exception as error:  # torchvision and scipy raise many kinds
        raise DataError(_unreadable(published, split, root, error)) from error


def _channels_last(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return 8-bit images (N, 3, H, W) as (N, H, W, 3)."""
    if images.ndim != 4 or images.shape[1] != 3 or images.shape[2] != images.shape[3] or images.dtype != np.uint8:
        raise ValueError(f"expected square 8-bit RGB images, got {images.dtype} of shape {images.shape}")
    return np.ascontiguousarray(images.transpose(0, 2, 3, 1))


def _unreadable(published: Published, split: str, root: Path, error: Exception) -> str:
    files: Sequence[str] = published.files[split]
    which = " or ".join(str(root / file) for file in files)
    if isinstance(error, RuntimeError):  # torchvision's error for a checksum that differs
        compared = published.md5 if published.name == "stl10" else files  # STL10 compares all splits at once
        which = ", ".join(compared) + f" in {root}"
        return (
            f"Expected the published files, got another checksum: {which}. Fetch them again with `lnkit data fetch "
            f"{published.name}`; images of your own go into folders of classes, train/<class>/ and test/<class>/."
        )
    return f"{which} cannot be read and is damaged ({error}). Fetch it again."
