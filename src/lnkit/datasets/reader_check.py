"""Check whether a dataset of mean opinions was read rightly, by a published correlation that needs no network.

Spearman's correlation of the opinions with the mean squared difference of all RGB values has been published to several
digits for the usual datasets. Images that are paired, decoded or labelled in another way give another number.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit.benchmark import ReaderCheck
from lnkit.data.pack.decode import read_image
from lnkit.datasets.opinions import Opinion, OpinionSet
from lnkit.errors import DataError
from lnkit.progress import Progress
from lnkit.stats import spearman

__all__ = [
    "CheckedReader",
    "check_reader",
    "squared_differences",
]

THREADS = 4  # that decode images; Pillow lets them run at the same time


@dataclass(frozen=True, slots=True)
class CheckedReader:
    """What a check found."""

    check: ReaderCheck
    images: int  # distorted images that were read
    value: float  # the correlation; positive where a smaller difference is judged better
    labels: str = ""  # the file that the opinions are from

    @property
    def partial(self) -> bool:
        """Whether the number of images is another one than the published value was computed from."""
        return self.images != self.check.images

    @property
    def right(self) -> bool:
        """Whether the value is the published one, but for a unit in its last digit."""
        return not self.partial and abs(self.value - self.check.expected) < 1.5 * 10**-self.check.digits

    def sentence(self) -> str:
        """Return the result with its reason: "read rightly: 0.686911 as published"."""
        expected, value = (f"{number:.{self.check.digits}f}" for number in (self.check.expected, self.value))
        labels = f", labels of {self.labels}" if self.labels else ""
        what = f"{self.check.part}, {self.images:,} images{labels}"
        if self.partial:
            return (
                f"{what}: partial, so it cannot be said whether they were read rightly: the published {expected} is of "
                f"{self.check.images:,} images, and these have {value}"
            )
        if self.right:
            return f"{what}: read rightly: {value} as published ({self.check.source})"
        if abs(self.value + self.check.expected) < 1.5 * 10**-self.check.digits:
            return f"{what}: expected {expected}, got {value}: the labels run in the other direction"
        return f"{what}: expected {expected}, got {value}: pairs, labels or decoding differ"


def check_reader(check: ReaderCheck, opinions: OpinionSet, differences: Mapping[Path, float]) -> CheckedReader:
    """Compute the correlation of a check.

    Args:
        check: The published value.
        opinions: What was read.
        differences: Of its images, from :func:`squared_differences`.

    Raises:
        DataError: All labels or all differences are the same.
    """
    difference = np.array([differences[opinion.image] for opinion in opinions.opinions])
    labels = np.array([opinion.score for opinion in opinions.opinions])
    value = spearman(-difference, labels if opinions.higher_is_better else -labels)
    if not np.isfinite(value):
        raise DataError(
            f"{opinions.folder}: expected images and labels that differ, got {len(labels):,} images whose differences "
            "or labels are all the same."
        )
    return CheckedReader(check, len(labels), value, opinions.labels)


def squared_differences(opinions: Iterable[Opinion], progress: Progress) -> dict[Path, float]:
    """Return the mean squared difference of each distorted image from its reference, over all 8-bit RGB values.

    Images are decoded one after the other, at their own size; few are in memory at a time.

    Args:
        opinions: The images; each is compared once, however often it is given.
        progress: Receives images done.

    Raises:
        DataError: An image is damaged, or has another size than its reference.
    """
    images = {opinion.image: opinion for opinion in opinions}
    references: defaultdict[Path, list[Opinion]] = defaultdict(list)
    for opinion in images.values():
        references[opinion.reference].append(opinion)
    differences: dict[Path, float] = {}
    with (
        progress.task("comparing images", len(images), unit="images") as advance,
        ThreadPoolExecutor(THREADS) as pool,
    ):
        for path, group in references.items():
            reference = np.asarray(read_image(path))
            for opinion, value in zip(group, pool.map(partial(_squared_difference, reference), group), strict=True):
                differences[opinion.image] = value
                advance(1)
    return differences


def _squared_difference(reference: NDArray[Any], opinion: Opinion) -> float:
    image = np.asarray(read_image(opinion.image))
    if image.shape != reference.shape:
        sizes = " and ".join(f"{array.shape[1]} x {array.shape[0]}" for array in (image, reference))
        raise DataError(f"{opinion.image} and its reference {opinion.reference} have different sizes: {sizes} pixels.")
    difference = np.subtract(image, reference, dtype=np.int32)
    return float(np.square(difference).sum(dtype=np.int64) / difference.size)  # exact: equal images tie
