"""The score of one loss network, with its interval, from its distances within triplets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats import SHARE, Estimate
from lnkit_judgments.things.protocol import ThingsProtocol

Array = NDArray[np.float64]

CHANCE = 1 / 3


@dataclass(frozen=True)
class Distances:
    """The distances of a loss network within triplets; (N,) each."""

    kept: Array  # between the two images that people did not choose
    first: Array  # between the first of them and the odd one out
    second: Array  # between the second of them and the odd one out
    triplets: NDArray[np.int64]  # (N, 3), the images of each triplet

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Distances:
        """Restore what :meth:`arrays` returned."""
        return cls(*(np.asarray(arrays[name]) for name in ("kept", "first", "second", "triplets")))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, to be stored beside the record."""
        return dict(vars(self))


def score_all(distances: Distances, protocol: ThingsProtocol | None = None, seed: int = 0) -> Outcome:
    """Return the share of triplets whose two kept images are nearer to each other than either is to the third.

    A triplet with equal distances is wrong, as in the published implementations (Muttenthaler et al. 2023).
    """
    right = ((distances.kept < distances.first) & (distances.kept < distances.second)).astype(np.float64)
    estimate = estimate_sharing(right, distances.triplets)
    images = len(np.unique(distances.triplets))
    score = Score(estimate.value, len(right), estimate.interval(), baselines={"chance": CHANCE}, cases=images)
    return Outcome({"odd_one_out": score}, distances.arrays())


def estimate_sharing(values: Array, members: NDArray[np.int64]) -> Estimate:
    """Estimate a share over items of which some have members in common, such as triplets that show the same image.

    The variance is the sum of the products of all two deviations whose items share a member. These are counted by
    inclusion and exclusion: items that share one member, less those that share a pair, and those that share three.

    Args:
        values: (N,), 0 or 1 for each item.
        members: (N, 3), the members of each item; three different ones.

    References:
        Aronow, Samii and Assenova 2015, "Cluster-robust variance estimation for dyadic data", Political Analysis 23,
        for items of two members; three are ours. It is not taken below the variance of independent items.
    """
    count, images = len(values), len(np.unique(members))
    share = float(values.mean())
    if count < 2:
        return Estimate(share, float("nan"), 0, items=count, scale=SHARE)
    off = values - share
    ordered = np.sort(members, axis=1)
    shared = sum(
        (-1) ** (size - 1) * _sum_of_squares(ordered[:, list(combinations(range(3), size))], off) for size in (1, 2, 3)
    )
    variance = max(shared / count**2, float(off @ off) / (count - 1) / count)
    square = share * (1 - share)
    # Items so many that independent ones had this variance. Where all are right or wrong: those that share no member.
    items = square / variance if square > 0 else max(1, images // 3)
    return Estimate(share, variance, images - 1, items=items, scale=SHARE)


def _sum_of_squares(groups: NDArray[np.int64], off: Array) -> float:
    """Add up the deviations of the items of each group, and return the sum of the squares.

    Args:
        groups: (N, K, S), the K groups of each item, each named by S members in ascending order.
        off: (N,), the deviations.
    """
    flat = groups.reshape(-1, groups.shape[2])
    codes = np.zeros(len(flat), np.int64)
    for column in flat.T:  # numbered anew for each member, so that the codes stay small
        codes = np.unique(codes * (int(flat.max()) + 1) + column, return_inverse=True)[1].reshape(-1)
    sums = np.bincount(codes, np.repeat(off, groups.shape[1]))
    return float(sums @ sums)
