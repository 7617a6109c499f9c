"""Downsampled ImageNet (Chrabaszcz et al. 2017): arrays of pixels in .npz files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lnkit.data.fetch.checksums import file_sha256
from lnkit.data.stored_files import read_arrays
from lnkit.errors import DataError
from lnkit.progress import Progress

HELP = "Expected arrays `data` (N x 3 R R, uint8, channels first) and `labels` (N, from 1), as published."


def read_batches(files: Sequence[Path], progress: Progress) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Read the images (N, R, R, 3) and labels (N,), from 0, of some files.

    Raises:
        DataError: A file is damaged, or holds something else; objects are never unpickled.
    """
    images, labels = [], []
    with progress.task("reading batches", len(files), unit="files") as advance:
        for file in files:
            pixels, numbers = _read(file)
            images.append(pixels)
            labels.append(numbers)
            advance(1)
    sizes = {pixels.shape[1] for pixels in images}
    if len(sizes) > 1:
        raise DataError(f"Expected images of one size in {files[0].parent}, got sides of {sorted(sizes)} pixels.")
    return np.concatenate(images), np.concatenate(labels)


def fingerprint(files: Sequence[Path]) -> str:
    """Return the SHA-256 of the files' content."""
    digest = hashlib.sha256()
    for file in files:
        digest.update(bytes.fromhex(file_sha256(file)))
    return digest.hexdigest()


def _read(file: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    try:
        arrays = read_arrays(file)
    except DataError as error:
        raise DataError(f"{error} Fetch it again. {HELP}") from error
    if not {"data", "labels"} <= set(arrays):
        raise DataError(f"{file} holds {', '.join(arrays) or 'nothing'}. {HELP}")
    data, labels = arrays["data"], arrays["labels"].reshape(-1)
    if labels.dtype.kind not in "iuf" or (labels % 1).any():
        raise DataError(f"{file} has `labels` of {labels.dtype}. {HELP}")
    labels = labels.astype(np.int64)
    side = round((data.shape[-1] / 3) ** 0.5) if data.ndim == 2 else 0
    if data.dtype != np.uint8 or not side or side * side * 3 != data.shape[1] or len(data) != len(labels):
        raise DataError(f"{file} has `data` {data.shape} of {data.dtype} and {len(labels)} labels. {HELP}")
    if len(labels) and labels.min() < 1:
        raise DataError(f"{file} has a label of {labels.min()}. {HELP}")
    pixels: NDArray[np.uint8] = data.reshape(-1, 3, side, side).transpose(0, 2, 3, 1)
    return pixels, labels - 1
