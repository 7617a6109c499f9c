"""What images and labels of a data set must be, said before anything is trained on them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lnkit import DataError
from lnkit_autoencoder.images import Labels
from lnkit_autoencoder.network import SMALLEST, STEP, fits

FEWEST = 2  # images of a split of which some are held out


def padding_for(side: int, pad: int, where: str) -> int:
    """Pixels to mirror around images of ``side`` x ``side`` so that the decoder can make them: none, or ``pad``.

    Raises DataError: neither gives a side of 64, 80, 96, ... pixels.
    """
    if fits(side):
        return 0
    if pad < side and fits(side + 2 * pad):
        return pad
    raise DataError(
        f"The images in {where} are {side} x {side} pixels. The autoencoder takes {SMALLEST} pixels and multiples of "
        f"{STEP} above, as they are or after {pad} pixels are mirrored around them (so 32 fits with a padding of 16). "
        "Resize or crop them, or change the protocol field 'pad'."
    )


def checked_labels(labels: Any, images: int, classes: Sequence[str], where: str) -> Labels:
    """Labels as integers from 0, one for each image, every class with at least one.

    Raises DataError for anything else.
    """
    found = np.asarray(labels)
    if found.shape != (images,):
        raise DataError(f"{where} has {images:,} images and {found.size:,} labels, and one for each is expected.")
    wrong = found[(found < 0) | (found >= len(classes)) | (found != np.round(found))]
    if len(wrong):
        raise DataError(
            f"{where} has a label {wrong[0]:g} where classes are counted from 0 to {len(classes) - 1}. It is damaged; "
            "fetch it again."
        )
    missing = [name for number, name in enumerate(classes) if not (found == number).any()]
    if missing:
        raise DataError(f"{where} has no image of the class {missing[0]!r}, and every class needs some in each split.")
    return found.astype(np.int64)


def require_some(images: int, where: str) -> None:
    """Raise DataError where too few images are left to hold some of them out."""
    if images < FEWEST:
        raise DataError(f"{where} has {images} image, and at least {FEWEST} are needed: some are held out.")
