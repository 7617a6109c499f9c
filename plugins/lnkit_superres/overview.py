"""The contact sheet: details of some test images, as they come in, by the bicubic filter, by the network, in truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lnkit.results.images import save_contact_sheet
from lnkit_superres.metrics import Pixels
from lnkit_superres.test_sets import Tested

COLUMNS = ("low resolution", "bicubic", "output", "truth")
DETAIL = 96  # pixels, side of a detail of the truth; a multiple of every factor
HEIGHT = 192  # pixels, at which it is shown
PER_SET = 2  # images of each test set
STEP = 16  # pixels between two places that are looked at

Row = tuple[str, Sequence[Pixels]]


def is_shown(index: int, count: int) -> bool:
    """Whether the image is one of those shown: spread evenly over the test set."""
    return index in {count * k // PER_SET for k in range(PER_SET)}


def row(caption: str, image: Tested, factor: int) -> Row:
    """The detail of an image in which the bicubic filter fails most, where there is something to be seen."""
    top, left = _place(image)
    low = tuple(slice(edge // factor, edge // factor + DETAIL // factor) for edge in (top, left))
    full = (slice(top, top + DETAIL), slice(left, left + DETAIL))
    return caption, (image.low[low], image.bicubic[full], image.output[full], image.truth[full])


def _place(image: Tested) -> tuple[int, int]:
    error = np.square(image.bicubic.astype(np.float64) - image.truth).mean(axis=2)
    rows, columns = (range(0, max(1, side - DETAIL + 1), STEP) for side in error.shape)
    places = [(error[top : top + DETAIL, left : left + DETAIL].mean(), -top, -left) for top in rows for left in columns]
    _, top, left = max(places)
    return -top, -left


def write_sheet(path: Path, rows: Sequence[Row]) -> None:
    save_contact_sheet(path, COLUMNS, rows, HEIGHT)
