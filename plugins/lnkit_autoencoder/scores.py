"""Accuracies with their intervals, from predicted and true classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from lnkit import Outcome, Score
from lnkit.stats import wilson_interval as interval_of_share

if TYPE_CHECKING:
    from lnkit_autoencoder.protocol import AutoencoderProtocol


def wilson_interval(hits: int, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a proportion, ``hits`` of ``n``: inside [0, 1], and wider than 0 even at 0 and 1.

    Raises:
        ValueError: ``n`` is 0.

    References:
        Wilson 1927.
    """
    if n < 1:
        raise ValueError(f"Expected a proportion of 1 item or more, got {n}.")
    return interval_of_share(hits / n, n)


def accuracy(predicted: Any, labels: Any) -> Score:
    """Return the share of the test images whose class was predicted, with that of the most frequent class.

    Args:
        predicted: classes (N,).
        labels: true classes (N,).

    Raises:
        ValueError: the two differ in length, or are empty.
    """
    predicted, labels = np.asarray(predicted), np.asarray(labels)
    if predicted.shape != labels.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(f"Expected as many predictions as labels, got shapes {predicted.shape} and {labels.shape}.")
    hits = int((predicted == labels).sum())
    commonest = int(np.unique(labels, return_counts=True)[1].max())
    n = len(labels)
    return Score(hits / n, n, wilson_interval(hits, n), baselines={"most frequent class": commonest / n})


def score_all(arrays: Mapping[str, Any], protocol: AutoencoderProtocol | None = None, seed: int = 0) -> Outcome:
    """Compute every score for which there are values.

    Args:
        arrays: ``<data set>/predicted`` and ``<data set>/labels``, one value per test image.
        protocol: not used; every benchmark's function has it.
        seed: not used; the intervals are not drawn.

    Raises:
        KeyError: labels are missing.
        ValueError: predictions and labels differ in length.
    """
    names = [key.removesuffix("/predicted") for key in arrays if key.endswith("/predicted")]
    scores = {f"{name}_accuracy": accuracy(arrays[f"{name}/predicted"], arrays[f"{name}/labels"]) for name in names}
    return Outcome(scores, dict(arrays))
