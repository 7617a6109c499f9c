"""From distances and human judgments to scores: pure functions on arrays, no network needed."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

VOTES_PER_TRIPLET = 5  # of the BAPPS validation set; Zhang et al. 2018, section 3


def average_precision(distance: Array, same: Array, weight: Array | None = None) -> float:
    """Area under the monotone precision envelope, as in Pascal VOC, of "a small distance means: looks the same".

    Pairs at equal distances enter together, so that the order of the files cannot matter.

    Args:
        distance: (N,) distances between the images of each pair.
        same: (N,) in [0, 1], the fraction of people who saw no difference.
        weight: (N,) how often each pair counts, for the bootstrap; once if None.

    Returns:
        Average precision in [0, 1]; NaN if nobody saw two images as the same.
    """
    order = np.argsort(distance, kind="stable")
    weight = np.ones_like(distance) if weight is None else weight
    true = np.cumsum((weight * same)[order])
    seen = np.cumsum(weight[order])
    last = np.append(np.diff(distance[order]) > 0, True) & (seen > 0)
    true, seen = true[last], seen[last]
    if true[-1] == 0:
        return float("nan")
    precision = np.maximum.accumulate((true / seen)[::-1])[::-1]
    return float(np.sum(np.diff(true / true[-1], prepend=0.0) * precision))


def ceilings(judge: Array, votes: int | None) -> dict[str, float]:
    """What people themselves reach on these judgments.

    * ``human``: two answers drawn from the same votes, J^2 + (1 - J)^2, as published under this name.
    * ``one rater``: one vote against another one, a vote never against itself; only where the number of votes is known.
    * ``best possible``: always with the majority.
    """
    found = {
        "human": float(np.mean(judge**2 + (1 - judge) ** 2)),
        "best possible": float(np.mean(np.maximum(judge, 1 - judge))),
    }
    if votes:
        k = judge * votes
        pairs = k * (k - 1) + (votes - k) * (votes - k - 1)
        found["one rater"] = float(np.mean(pairs / (votes * (votes - 1))))
    return found


def votes_of(judge: Array) -> int | None:
    """The number of votes per triplet if these are BAPPS's fifths, else None: unknown."""
    k = judge * VOTES_PER_TRIPLET
    return VOTES_PER_TRIPLET if np.allclose(k, np.round(k), atol=1e-4) else None


def generator(seed: int, name: str) -> np.random.Generator:
    """A random generator of its own for each name, so that no family's interval depends on which others are there."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def resampled_precisions(distance: Array, same: Array, resamples: int, rng: np.random.Generator) -> Array:
    """Average precisions of ``resamples`` bootstrap samples of the pairs."""
    n = len(distance)
    draws = (np.bincount(rng.integers(n, size=n), minlength=n).astype(np.float64) for _ in range(resamples))
    return np.array([average_precision(distance, same, weight) for weight in draws])


def mean_of(parts: Mapping[str, dict[str, float]]) -> dict[str, float]:
    """The unweighted mean, key by key, of what all parts know."""
    known = set.intersection(*(set(part) for part in parts.values())) if parts else set()
    return {key: float(np.mean([part[key] for part in parts.values()])) for key in sorted(known)}
