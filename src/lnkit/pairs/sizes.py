"""Sizes of the images of a pair: equal ones, or made equal by resizing or by cutting."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from PIL import Image

from lnkit.errors import ImageError, UsageError
from lnkit.pairs.find import ImagePair

Size = tuple[int, int]  # width, height
FIRST = "first"
LARGEST_SIDE = 2**15


@dataclass(frozen=True, slots=True)
class Fit:
    """How images get a size: as they are, resized, or cut to the size that both have around their centers."""

    resize: Size | str = ""  # a size, or FIRST for that of the first image of a pair; "": not at all
    crop: bool = False

    def size_of(self, pair: ImagePair, first: Size, second: Size) -> Size:
        """Return the size in which two images are compared.

        Raises:
            ImageError: They differ, and nothing is to be done about it.
        """
        if isinstance(self.resize, tuple):
            return self.resize
        if self.resize == FIRST or first == second:
            return first
        if self.crop:
            return min(first[0], second[0]), min(first[1], second[1])
        raise ImageError(
            f"Expected images of one size, got {_shown(first)} pixels in {pair.first} and {_shown(second)} in "
            f"{pair.second}. Resize the second with --resize first, both with --resize 256x256, or cut what both have "
            "around the center with --crop; say so where you report the distance."
        )

    def apply(self, image: Image.Image, size: Size) -> Image.Image:
        """Return the image in the size that :meth:`size_of` gave: resized bicubically with antialiasing, or cut."""
        if image.size == size:
            return image
        if self.resize:
            return image.resize(size, Image.Resampling.BICUBIC)
        left, top = (image.width - size[0]) // 2, (image.height - size[1]) // 2
        return image.crop((left, top, left + size[0], top + size[1]))

    def __str__(self) -> str:
        if isinstance(self.resize, tuple):
            return f"resized to {_shown(self.resize)} pixels"
        return "the second resized to the size of the first" if self.resize else "cut around the center" * self.crop


def parse_fit(resize: str | None, crop: bool) -> Fit:
    """Read the options of a command.

    Args:
        resize: "first", "256" (a square) or "320x240" (width x height).
        crop: Whether images are cut.

    Raises:
        UsageError: Both are given, or ``resize`` has another form.
    """
    if resize is None:
        return Fit(crop=crop)
    if crop:
        raise UsageError("--resize and --crop both make sizes equal: give one of the two.")
    if resize == FIRST:
        return Fit(FIRST)
    match = re.fullmatch(r"(\d{1,6})(?:x(\d{1,6}))?", resize, re.ASCII)
    sides = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not all(1 <= side <= LARGEST_SIDE for side in sides):
        raise UsageError(f"Expected --resize first, --resize 256 or --resize 320x240 (width x height), got {resize!r}.")
    return Fit(sides)


def count_sizes(sizes: Iterable[Size]) -> dict[Size, int]:
    """Return how often each size occurs, in the order of their first occurrence."""
    counts: dict[Size, int] = {}
    for size in sizes:
        counts[size] = counts.get(size, 0) + 1
    return counts


def _shown(size: Size) -> str:
    return f"{size[0]} x {size[1]}"
