"""Choose a candidate, or a combination of several, by its score on weighted items."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from lnkit.search.judgments import Judgments
from lnkit.search.logistic import FOLDS, USUAL_PENALTY, choose_penalty, fit_weights, slopes
from lnkit.search.split import FEWEST_CLUSTERS, fold_of_clusters

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]

EQUAL, NONNEGATIVE = "equal", "nonnegative"
LAYER_WEIGHTS = (EQUAL, NONNEGATIVE)
DIGITS = 4  # of a learned weight, as it stands in the loss


@dataclass(frozen=True, slots=True)
class Combination:
    """Candidates by number, each with the weight of its distance."""

    parts: tuple[tuple[int, float], ...]

    @property
    def members(self) -> tuple[int, ...]:
        return tuple(sorted(index for index, _ in self.parts))

    def distances(self, distances: Array) -> Array:
        """Return (1, N, K), the weighted sum of the distances (C, N, K) of its candidates."""
        total: Array = sum(weight * distances[index] for index, weight in self.parts)
        return total[None]


Choose = Callable[[Array], Combination]  # from how often each item counts (N,)


def make_choice(
    judgments: Judgments, distances: Array, allowed: Mask, most: int, weights: str, tuning: Array
) -> Choose:
    """Return the rule that chooses.

    Args:
        judgments: of the items.
        distances: (C, N, K) of the candidates, the cheapest first: of equal scores the first wins.
        allowed: (C,), which candidates may be chosen.
        most: how many candidates a combination has at most.
        weights: "equal" adds the distances as they are; "nonnegative" learns weights from the judgments.
        tuning: (N,), how often each item counts where the penalty of learned weights is chosen.
    """
    if most == 1:
        qualities = judgments.qualities(distances)
        return lambda counts: Combination(((_best(_scores(judgments, qualities, allowed, counts)), 1.0),))
    if weights == EQUAL:
        return partial(_greedy, judgments, distances, allowed, most)
    return _Learned(judgments, distances, allowed, most, tuning)


def _scores(judgments: Judgments, qualities: Array, allowed: Mask, counts: Array) -> Array:
    """Return the score of each candidate (C,), -inf for those that may not be chosen or have none."""
    scores = judgments.scores(qualities, counts[None])[0]
    return np.where(allowed & np.isfinite(scores), scores, -np.inf)


def _best(scores: Array) -> int:
    return int(scores.argmax())


def _greedy(judgments: Judgments, distances: Array, allowed: Mask, most: int, counts: Array) -> Combination:
    """Add the candidate that raises the score most, as long as one does."""
    scores = _scores(judgments, judgments.qualities(distances), allowed, counts)
    chosen, best = [_best(scores)], float(scores.max())
    while len(chosen) < most:
        total = distances[chosen].sum(axis=0)
        scores = _scores(judgments, judgments.qualities(distances + total), allowed, counts)
        scores[chosen] = -np.inf
        if not scores.max() > best:
            break
        chosen.append(_best(scores))
        best = float(scores.max())
    return Combination(tuple((index, 1.0) for index in chosen))


class _Learned:
    """Add the candidate with which the likelihood of the judgments rises fastest, and fit the weights again."""

    def __init__(self, judgments: Judgments, distances: Array, allowed: Mask, most: int, tuning: Array) -> None:
        self._judgments, self._distances, self._allowed, self._most = judgments, distances, allowed, most
        self._qualities = judgments.qualities(distances)
        self._preferences = judgments.preferences()
        margins = self._preferences.margins(distances)
        self._scales = np.sqrt((margins**2).mean(axis=1))
        self._margins = np.divide(margins, self._scales[:, None], out=margins, where=self._scales[:, None] > 0)
        self._penalty = USUAL_PENALTY
        if judgments.clusters.max() + 1 >= FOLDS * FEWEST_CLUSTERS:
            counts = tuning[self._preferences.items]
            folds = fold_of_clusters(judgments.clusters, FOLDS, seed=0)[self._preferences.items]
            chosen, _ = self._choose(tuning)
            self._penalty = choose_penalty(self._margins[chosen], self._preferences.share, counts, folds)

    def __call__(self, counts: Array) -> Combination:
        """Return the combination with the highest score, of the candidates in the order in which they were added."""
        chosen, _ = self._choose(counts)
        share, pairs = self._preferences.share, counts[self._preferences.items]
        tried = [Combination(((chosen[0], 1.0),))]
        for count in range(2, len(chosen) + 1):
            weights = fit_weights(self._margins[chosen[:count]], share, pairs, self._penalty)
            tried += self._combination(chosen[:count], weights)
        judged = [self._judgments.qualities(one.distances(self._distances)) for one in tried]
        scores = self._judgments.scores(np.concatenate(judged), counts[None])[0]
        return tried[int(np.nanargmax(scores))]

    def _combination(self, chosen: list[int], weights: Array) -> list[Combination]:
        """Return a combination in units of the distances, its largest weight 1; none if all weights are 0."""
        scales = self._scales[chosen]
        scaled = np.divide(weights, scales, out=np.zeros(len(chosen)), where=scales > 0)
        largest = float(scaled.max())
        if not largest > 0:  # nothing predicts the judgments
            return []
        rounded = [(index, float(f"{w / largest:.{DIGITS}g}")) for index, w in zip(chosen, scaled, strict=True)]
        return [Combination(tuple((index, weight) for index, weight in rounded if weight > 0))]

    def _choose(self, counts: Array) -> tuple[list[int], Array]:
        """Return candidates in the order in which they are added, and their weights."""
        chosen = [_best(_scores(self._judgments, self._qualities, self._allowed, counts))]
        share, pairs = self._preferences.share, counts[self._preferences.items]
        weights = fit_weights(self._margins[chosen], share, pairs, self._penalty)
        while len(chosen) < self._most:
            rises = slopes(self._margins, share, pairs, weights @ self._margins[chosen])
            rises[chosen] = rises[~self._allowed] = 0.0
            if not rises.max() > 0:
                break
            chosen.append(int(rises.argmax()))
            weights = fit_weights(self._margins[chosen], share, pairs, self._penalty, np.append(weights, 0.1))
        return chosen, weights
