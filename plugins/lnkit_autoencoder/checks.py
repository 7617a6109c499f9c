"""Checks of the images and labels of a data set, made before anything is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lnkit import DataError
from lnkit_autoencoder.images import Labels
from lnkit_autoencoder.network import SMALLEST, STEP, fits

FEWEST = 2  # images of a split, since some are held out


def padding_for(side: int, pad: int, where: str) -> int:
    """Return the pixels to mirror around images of ``side`` x ``side`` pixels: none, or ``pad``.

    Args:
        side: of the images, in pixels.
        pad: pixels that the protocol allows to mirror.
        where: their folder, for errors.

    Raises:
        DataError: neither gives a side of 64, 80, 96, ... pixels, which the decoder can make.
    """
    if fits(side):
        return 0
    if pad < side and fits(side + 2 * pad):
        return pad
    raise DataError(
        f"Expected images of {SMALLEST} pixels or multiples of {STEP} above, as they are or with {pad} pixels mirrored "
        f"around them (32 fits with 16), got {side} x {side} pixels in {where}. Resize or crop them, or change the "
        "protocol field 'pad'."
    )


def checked_labels(labels: Any, images: int, classes: Sequence[str], where: str) -> Labels:
    """Return labels as integers from 0.

    Args:
        labels: the class of each image, in any type.
        images: number of images.
        classes: names of the classes.
        where: their file or folder, for errors.

    Raises:
        DataError: an image has no label, a label is no class, or a class has no image.
    """
    numbers = np.asarray(labels)
    if numbers.shape != (images,):
        raise DataError(
            f"Expected one label for each of {images:,} images, got {numbers.size:,}: {where}. Fetch it again."
        )
    wrong = numbers[(numbers < 0) | (numbers >= len(classes)) | (numbers != np.round(numbers))]
    if len(wrong):
        raise DataError(
            f"Expected labels from 0 to {len(classes) - 1}, got {wrong[0]:g}: {where} is damaged. Fetch it again."
        )
    missing = [name for number, name in enumerate(classes) if not (numbers == number).any()]
    if missing:
        raise DataError(f"Expected images of every class in each split, got none of {missing[0]!r}: {where}. Add some.")
    return numbers.astype(np.int64)


def require_some(images: int, where: str) -> None:
    """Raise DataError if there are too few images to hold some of them out."""
    if images < FEWEST:
        raise DataError(
            f"Expected {FEWEST} images or more, of which some are held out, got {images}: {where}. Add some."
        )
