"""Accuracies, each with its interval, from predicted and true classes alone."""

from __future__ import annotations

from collections.abc import Mapping
from math import sqrt
from typing import Any

import numpy as np

from lnkit import Outcome, Score

Z = 1.959963984540054  # standard deviations on each side of a normal distribution's middle 95 %


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """95 % interval of a proportion, ``hits`` of ``n``; Wilson 1927. It stays inside [0, 1] and has a width at 0 and 1.

    Raises ValueError if ``n`` is 0.
    """
    if n < 1:
        raise ValueError("A proportion of nothing has no interval.")
    share = hits / n
    middle = (share + Z**2 / (2 * n)) / (1 + Z**2 / n)
    half = Z * sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / (1 + Z**2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def accuracy(predicted: Any, labels: Any) -> Score:
    """Share of the test images whose class was found.

    Beside it stands what always naming the most frequent class would reach.

    Raises ValueError: the two differ in length, or are empty.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(f"As many predictions as labels are expected: {predicted.shape} and {labels.shape} came.")
    hits = int((predicted == labels).sum())
    commonest = int(np.unique(labels, return_counts=True)[1].max())
    n = len(labels)
    return Score(hits / n, n, wilson_interval(hits, n), baselines={"most frequent class": commonest / n})


def score_arrays(arrays: Mapping[str, Any]) -> Outcome:
    """Every score from what a run kept: ``<data set>/predicted`` and ``<data set>/labels``.

    Raises KeyError or ValueError where they are not such arrays.
    """
    names = [key.removesuffix("/predicted") for key in arrays if key.endswith("/predicted")]
    scores = {f"{name}_accuracy": accuracy(arrays[f"{name}/predicted"], arrays[f"{name}/labels"]) for name in names}
    return Outcome(scores, dict(arrays))
