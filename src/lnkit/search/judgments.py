"""People's judgments with the distances of many candidates: scored at once, whole or in bootstrap samples.

Two forms of the arrays that benchmarks store are known, by their names: triplets (``judge``, ``d0``, ``d1``, as of
`bapps`, or ``right_share``, ``left``, ``right``, as of `nights`), and opinions (``distance``, ``opinion``,
``reference``). A benchmark of a plugin that stores one of them can be searched too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lnkit.errors import UsageError
from lnkit.stats import two_afc_agreement
from lnkit.stats.rank_correlation import resampled_spearman

Array = NDArray[np.float64]
Arrays = Mapping[str, np.ndarray]
Groups = NDArray[np.int64]  # (N,), the number of each item's group

TRIPLETS = (("judge", "d0", "d1"), ("right_share", "left", "right"))  # share who found the second closer, distances
OPINIONS = ("opinion", "distance", "reference")
MOST_ELEMENTS = 2**22  # of an array of weights: more samples are scored in several steps
MOST_PAIRS = 20_000  # of images with one reference, on which weights are learned


@dataclass(frozen=True)
class Preferences:
    """Pairs on which weights of distances are learned: P(first preferred) rises with second - first distance."""

    margins: Callable[[Array], Array]  # distances (..., N, K) -> (..., P), distance of the second less the first
    share: Array  # (P,), how often the first was preferred
    items: Groups  # (P,), the item whose weight each pair has


class Judgments(Protocol):
    """Judged items. Distances are (C, N, K) for C candidates, N items and K distances an item."""

    @property
    def score(self) -> str:
        """Return the name of the benchmark's score that :meth:`scores` computes."""
        ...

    @property
    def unit(self) -> str:
        """Return what items are, in the plural: "triplets"."""
        ...

    @property
    def clusters(self) -> Groups:
        """Return the cluster of each item (N,): items of one cluster share a reference, so they are not independent."""
        ...

    @property
    def strata(self) -> Groups:
        """Return the family of each item (N,); scores are means over families."""
        ...

    def qualities(self, distances: Array) -> Array:
        """Return (C, N), what the scores are computed from."""
        ...

    def scores(self, qualities: Array, weights: Array) -> Array:
        """Return (R, C) scores where item n counts ``weights[r, n]`` times; weights are (R, N)."""
        ...

    def preferences(self) -> Preferences:
        """Return the pairs on which weights are learned."""
        ...


@dataclass(frozen=True)
class Triplets:
    """Which of two images is closer to a reference? The score is `2afc`, the mean over families (Zhang2018)."""

    judge: Array  # (N,), the share of people who found the second closer
    strata: Groups
    clusters: Groups
    score: str = "2afc"
    unit: str = "triplets"

    def qualities(self, distances: Array) -> Array:
        return two_afc_agreement(self.judge, distances[..., 0], distances[..., 1])

    def scores(self, qualities: Array, weights: Array) -> Array:
        by_family = []
        for family in np.unique(self.strata):
            rows = np.flatnonzero(self.strata == family)
            counts = weights[:, rows]
            total = counts.sum(axis=1, keepdims=True)
            if (total > 0).any():
                by_family.append(
                    np.divide(counts @ qualities[:, rows].T, total, where=total > 0, out=_nan(weights, qualities))
                )
        mean: Array = np.nanmean(by_family, axis=0)
        return mean

    def preferences(self) -> Preferences:
        items = np.arange(len(self.judge))
        return Preferences(lambda distances: distances[..., 0] - distances[..., 1], self.judge, items)


@dataclass(frozen=True)
class Opinions:
    """How good does a distorted image look? The score is `srcc`, Spearman's correlation of nearness and opinion."""

    opinion: Array  # (N,), higher is better
    clusters: Groups  # the reference of each image
    strata: Groups
    score: str = "srcc"
    unit: str = "images"

    def qualities(self, distances: Array) -> Array:
        nearness: Array = -distances[..., 0]
        return nearness

    def scores(self, qualities: Array, weights: Array) -> Array:
        drawn = weights.sum(axis=0) > 0  # the other items change nothing, and cost time
        opinion, counts = self.opinion[drawn], weights[:, drawn]
        return np.stack([resampled_spearman(row[drawn], opinion, counts) for row in qualities], axis=1)

    def preferences(self) -> Preferences:
        """Return pairs of images with one reference and unequal opinions; of very many, evenly spread ones."""
        pairs = [_pairs(np.flatnonzero(self.clusters == cluster)) for cluster in np.unique(self.clusters)]
        first, second = np.concatenate(pairs, axis=1)
        unequal = np.flatnonzero(self.opinion[first] != self.opinion[second])
        kept = unequal[:: max(1, -(-len(unequal) // MOST_PAIRS))]
        first, second = first[kept], second[kept]
        share = (self.opinion[first] > self.opinion[second]).astype(np.float64)
        return Preferences(lambda distances: distances[..., second, 0] - distances[..., first, 0], share, first)


def _pairs(rows: Groups) -> Groups:
    first, second = np.triu_indices(len(rows), 1)
    return np.stack([rows[first], rows[second]])


def _nan(weights: Array, qualities: Array) -> Array:
    return np.full((len(weights), len(qualities)), np.nan)


def sample_scores(judgments: Judgments, qualities: Array, counts: Array, cluster_rows: Groups) -> Array:
    """Score samples of clusters.

    Args:
        judgments: of all items.
        qualities: (C, N) of the candidates.
        counts: (R, G), how often each cluster is in each sample.
        cluster_rows: (N,), the column in ``counts`` of each item; -1 for items that are in no sample.

    Returns:
        (R, C).
    """
    step = max(1, MOST_ELEMENTS // len(cluster_rows))
    parts = []
    for start in range(0, len(counts), step):
        weights = np.where(cluster_rows >= 0, counts[start : start + step][:, cluster_rows], 0.0)
        parts.append(judgments.scores(qualities, weights))
    return np.concatenate(parts)


def read_judgments(
    arrays: Sequence[Arrays], benchmark: str, references: Mapping[str, Groups]
) -> tuple[Judgments, Array]:
    """Read the judgments and the distances of candidates from the arrays that their runs stored.

    Args:
        arrays: of each candidate, for the same items.
        benchmark: its name, for errors.
        references: part of the arrays -> the number of each item's reference, where that is known.

    Returns:
        The judgments, and distances (C, N, K).

    Raises:
        UsageError: the arrays have no form that a search knows.
    """
    first = arrays[0]
    for form in TRIPLETS:
        parts = [name.removesuffix(form[0]) for name in first if name.rpartition("/")[2] == form[0]]
        if parts and all(part + name in first for part in parts for name in form):
            return _read_triplets(arrays, form, parts, references)
    if all(name in first for name in OPINIONS):
        return _read_opinions(arrays)
    raise UsageError(
        f"A search needs people's judgments of single items, and {benchmark} stores "
        f"{', '.join(sorted(first)[:4]) or 'no arrays'}. It knows arrays named {', '.join(TRIPLETS[0])} or "
        f"{', '.join(OPINIONS)}, such as those of bapps, nights and tid2013."
    )


def _read_triplets(
    arrays: Sequence[Arrays], form: tuple[str, ...], parts: Sequence[str], references: Mapping[str, Groups]
) -> tuple[Triplets, Array]:
    share, first, second = form
    sizes = [len(arrays[0][part + share]) for part in parts]
    judge = np.concatenate([arrays[0][part + share] for part in parts]).astype(np.float64)
    strata = np.repeat(np.arange(len(parts)), sizes)
    distances = np.stack(
        [
            np.stack([np.concatenate([one[part + name] for part in parts]) for name in (first, second)], axis=-1)
            for one in arrays
        ]
    )
    owners = [references.get(part, np.arange(size)) for part, size in zip(parts, sizes, strict=True)]
    named = [f"{number}/{owner}" if part not in references else str(owner)
             for number, part in enumerate(parts) for owner in owners[number]]  # fmt: skip
    clusters = np.unique(named, return_inverse=True)[1]
    return Triplets(judge, strata, clusters), distances.astype(np.float64)


def _read_opinions(arrays: Sequence[Arrays]) -> tuple[Opinions, Array]:
    first = arrays[0]
    clusters = np.unique(first["reference"], return_inverse=True)[1]
    distances = np.stack([one["distance"] for one in arrays])[..., None].astype(np.float64)
    return Opinions(np.asarray(first["opinion"], np.float64), clusters, np.zeros(len(clusters), np.int64)), distances
