"""Agreement of marks with a map: pixel by pixel, and of skeletons within a buffer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]  # (H, W)


def pixelwise(marks: Mask, truth: Mask) -> dict[str, float]:
    """Return completeness, correctness and quality in percent, from the pixels found, false and missed.

    Args:
        marks: (H, W), where a road was marked.
        truth: (H, W), where there is one.

    Returns:
        completeness = TP / (TP + FN), correctness = TP / (TP + FP), quality = TP / (TP + FP + FN). With a divisor of 0,
        a measure is 100 if there is neither a road nor a mark, and else 0.

    References:
        Pihlgren2023.
    """
    found, false, missed = (int(np.count_nonzero(x)) for x in (marks & truth, marks & ~truth, ~marks & truth))
    nothing = not marks.any() and not truth.any()
    return _percent(
        nothing,
        completeness=(found, found + missed),
        correctness=(found, found + false),
        quality=(found, found + false + missed),
    )


def buffered(marks: Mask, truth: Mask, buffer: float) -> dict[str, float]:
    """Return the same measures of skeletons, which match where they are within ``buffer`` pixels of each other.

    Args:
        marks: (H, W), where a road was marked.
        truth: (H, W), where there is one.
        buffer: pixels, center to center.

    Returns:
        Lengths are numbers of pixels of the skeletons. Completeness is the matched share of the road, correctness the
        matched share of the marks, and quality the matched length of the marks over that of all marks and the road
        missed.

    References:
        Wiedemann1998.
    """
    marked, road = _skeleton(marks), _skeleton(truth)
    near_road, near_marks = _within(road, buffer), _within(marked, buffer)
    all_marked, all_road = int(np.count_nonzero(marked)), int(np.count_nonzero(road))
    correct, found = int(np.count_nonzero(marked & near_road)), int(np.count_nonzero(road & near_marks))
    return _percent(
        not all_marked and not all_road,
        completeness=(found, all_road),
        correctness=(correct, all_marked),
        quality=(correct, all_marked + all_road - found),
    )


def _percent(nothing: bool, **parts: tuple[int, int]) -> dict[str, float]:
    empty = 100.0 if nothing else 0.0
    return {name: 100.0 * part / whole if whole else empty for name, (part, whole) in parts.items()}


def _skeleton(mask: Mask) -> Mask:
    from skimage.morphology import skeletonize  # noqa: PLC0415 - takes half a second to import

    return np.asarray(skeletonize(mask), np.bool_)  # type: ignore[no-untyped-call]


def _within(skeleton: Mask, buffer: float) -> Mask:
    """Return the pixels within ``buffer`` pixels of a skeleton, center to center."""
    from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 - takes half a second to import

    if not skeleton.any():
        return np.zeros_like(skeleton)
    near: Mask = distance_transform_edt(~skeleton) <= buffer
    return near
