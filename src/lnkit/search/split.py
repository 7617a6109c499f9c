"""Split judged items into a development part, on which a candidate is chosen, and one that confirms the choice."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lnkit.errors import DataError

Groups = NDArray[np.int64]
Mask = NDArray[np.bool_]

FEWEST_CLUSTERS = 3  # in each part: below, nothing can be said about other items


def split_clusters(clusters: Groups, strata: Groups, share: float, seed: int) -> Mask:
    """Mark the items of the development part: of each family the same share, and whole clusters.

    Args:
        clusters: (N,), the cluster of each item.
        strata: (N,), its family; a cluster belongs to the family of its first item.
        share: of the clusters of each family that are for development.
        seed: of the draw.

    Raises:
        DataError: there are too few clusters.
    """
    order = np.random.default_rng(seed).permutation(clusters.max() + 1)
    development: set[int] = set()
    _, first = np.unique(clusters, return_index=True)
    family_of = strata[first]
    for family in np.unique(family_of):
        members = [int(cluster) for cluster in order if family_of[cluster] == family]
        development.update(members[: round(share * len(members))])
    mask: Mask = np.isin(clusters, list(development))
    for part, rows in (("development", mask), ("confirmation", ~mask)):
        if (count := len(np.unique(clusters[rows]))) < FEWEST_CLUSTERS:
            raise DataError(
                f"Expected {FEWEST_CLUSTERS} or more independent items (references, or triplets) for {part}, got "
                f"{count} of {len(first)}. Search on more data."
            )
    return mask


def fold_of_clusters(clusters: Groups, folds: int, seed: int) -> Groups:
    """Return the fold of each item, for cross-validation: whole clusters, drawn with the seed.

    Raises:
        DataError: there are fewer clusters than folds.
    """
    count = int(clusters.max()) + 1
    if count < folds * FEWEST_CLUSTERS:
        raise DataError(
            f"Expected {folds * FEWEST_CLUSTERS} or more independent items for {folds} folds, got {count}. Use fewer "
            "folds or more data."
        )
    order = np.random.default_rng(seed).permutation(count)
    fold = np.empty(count, np.int64)
    fold[order] = np.arange(count) % folds
    of_items: Groups = fold[clusters]
    return of_items
