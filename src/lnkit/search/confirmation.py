"""Confirm a choice on items that it was not made on, and say what the search itself added to the score."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from lnkit.search.choice import Choose, Combination
from lnkit.search.judgments import Judgments, sample_scores
from lnkit.stats import FISHER, PLAIN, drawn_counts, estimate_resampled, named_generator

Array = NDArray[np.float64]
Mask = NDArray[np.bool_]
Advance = Callable[[int], object]
Interval = tuple[float, float]

RESAMPLES = 1000  # of the items behind an interval, as in the benchmarks


class Judged(NamedTuple):
    """Judged items, and the distances (C, N, K) of the candidates on them."""

    judgments: Judgments
    distances: Array

    def qualities(self, combinations: Sequence[Combination]) -> Array:
        """Return (number of combinations, N)."""
        return np.concatenate([self.judgments.qualities(c.distances(self.distances)) for c in combinations])


class Part(NamedTuple):
    """Items to choose on, and items to confirm the choice on."""

    development: Mask  # (N,)
    confirmation: Mask


@dataclass(frozen=True, slots=True)
class Assessed:
    """A combination with its scores on both parts; with several folds, the mean over them."""

    combination: Combination
    development: float
    confirmation: float
    interval: Interval | None  # 95 %, of the confirmation


@dataclass(frozen=True, slots=True)
class Difference:
    """What the choice has more than a standard point, on the confirmation part."""

    value: float
    interval: Interval | None  # 95 %, paired; None if the two never differ

    @property
    def positive(self) -> bool:
        """Whether the choice is better beyond chance."""
        return self.interval is not None and self.interval[0] > 0


@dataclass(frozen=True, slots=True)
class Selection:
    """What a search of these candidates adds to the development score, from samples on which it was repeated."""

    optimism: float  # how much higher the chosen score is where it was chosen than on the whole part
    corrected: float  # the development score less the optimism
    interval: Interval | None  # 95 %, of the corrected score; it holds the search
    shares: tuple[tuple[tuple[int, ...], float], ...]  # members -> share of the samples that choose them


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A choice with its evidence."""

    chosen: Assessed
    by_part: tuple[Combination, ...]  # what each fold chose; one, without folds
    standards: tuple[Assessed, ...]
    differences: tuple[Difference, ...]  # to each standard
    selection: Selection
    not_told_apart: tuple[int, ...]  # candidates that the confirmation part cannot tell from the choice

    @property
    def better(self) -> bool:
        """Whether the choice is better than every standard point beyond chance; True if there is none."""
        return all(difference.positive for difference in self.differences)


def confirm(
    judged: Judged,
    make_choice: Callable[[Array], Choose],
    parts: Sequence[Part],
    standards: Sequence[int],
    *,
    resamples: int,
    seed: int,
    advance: Advance = lambda steps: None,
) -> Confirmation:
    """Choose on the development part, and score the choice on the confirmation part.

    Args:
        judged: all items and candidates.
        make_choice: from how often each item counts where hyperparameters are tuned (N,), the rule that chooses.
        parts: one split; or the folds of a nested cross-validation, after which the choice is made on all items.
        standards: candidates to compare with.
        resamples: samples of the development part on which the whole search is repeated.
        seed: of all samples.
        advance: called with 1 after each of ``resamples``.

    References:
        Efron and Tibshirani 1993, "An Introduction to the Bootstrap", section 17.6 (optimism).
        Varma and Simon 2006, "Bias in error estimation when using cross-validation for model selection" (nested folds).
    """
    weights = [(part.development.astype(np.float64), part.confirmation.astype(np.float64)) for part in parts]
    by_part = tuple(make_choice(development)(development) for development, _ in weights)
    judgments = judged.judgments
    final = np.ones(len(judgments.clusters)) if len(parts) > 1 else weights[0][0]
    choose = make_choice(final)
    chosen = choose(final)
    compared = [Combination(((index, 1.0),)) for index in standards]
    development = judgments.scores(judged.qualities([chosen, *compared]), final[None])[0]

    value, samples = _confirmed(judged, by_part, compared, parts, seed)
    clusters = sum(len(np.unique(judgments.clusters[part.confirmation])) for part in parts)
    scale = FISHER if judgments.score == "srcc" else PLAIN
    assessed = [
        Assessed(
            combination,
            float(development[i]),
            float(value[i]),
            _possible(estimate_resampled(float(value[i]), samples[:, i], clusters, scale=scale).interval()),
        )
        for i, combination in enumerate([chosen, *compared])
    ]
    differences = [_difference(value, samples, i, clusters) for i in range(1, len(assessed))]
    return Confirmation(
        assessed[0],
        by_part,
        tuple(assessed[1:]),
        tuple(differences),
        _selection(judged, choose, final, float(development[0]), resamples, seed, advance),
        _not_told_apart(judged, by_part, parts, seed),
    )


def _confirmed(
    judged: Judged,
    by_part: Sequence[Combination],
    compared: Sequence[Combination],
    parts: Sequence[Part],
    seed: int,
) -> tuple[Array, Array]:
    """Return the scores (1 + standards,) on the confirmation parts and on samples of them (R, 1 + standards)."""
    values, samples = [], []
    for number, (part, own) in enumerate(zip(parts, by_part, strict=True)):
        qualities = judged.qualities([own, *compared])
        values.append(judged.judgments.scores(qualities, part.confirmation.astype(np.float64)[None])[0])
        samples.append(
            _sampled(judged.judgments, qualities, part.confirmation, RESAMPLES, seed, f"confirmation {number}")
        )
    return np.mean(values, axis=0), np.mean(samples, axis=0)


def _sampled(judgments: Judgments, qualities: Array, rows: Mask, resamples: int, seed: int, name: str) -> Array:
    """Score samples of the clusters of some items."""
    columns, counts = _drawn(judgments, rows, resamples, seed, name)
    return sample_scores(judgments, qualities, counts, columns)


def _drawn(judgments: Judgments, rows: Mask, resamples: int, seed: int, name: str) -> tuple[NDArray[np.int64], Array]:
    """Return the column of each item, -1 for those left out, and how often each sample has each cluster."""
    used, owners = np.unique(judgments.clusters[rows], return_inverse=True)
    columns = np.full(len(rows), -1)
    columns[rows] = owners
    return columns, drawn_counts(len(used), resamples, named_generator(seed, name))


def _possible(interval: Interval | None) -> Interval | None:
    """Return the part of an interval in which a share or a correlation can lie."""
    return (max(-1.0, interval[0]), min(1.0, interval[1])) if interval else None


def _difference(value: Array, samples: Array, standard: int, clusters: int) -> Difference:
    apart = samples[:, 0] - samples[:, standard]
    difference = float(value[0] - value[standard])
    return Difference(difference, estimate_resampled(difference, apart, clusters).interval())


def _selection(
    judged: Judged, choose: Choose, final: Array, score: float, resamples: int, seed: int, advance: Advance
) -> Selection:
    """Repeat the search on samples of the items that the choice was made on."""
    judgments, rows = judged.judgments, final > 0
    columns, counts = _drawn(judgments, rows, resamples, seed, "selection")
    reached, members = np.empty((resamples, 2)), Counter[tuple[int, ...]]()
    for number, drawn in enumerate(counts):
        weights = np.where(rows, drawn[columns], 0.0)
        chosen = choose(weights)
        reached[number] = judgments.scores(judged.qualities([chosen]), np.stack([weights, final]))[:, 0]
        members[chosen.members] += 1
        advance(1)
    optimism = float(np.mean(reached[:, 0] - reached[:, 1]))
    corrected = score - optimism
    interval = _possible(estimate_resampled(corrected, reached[:, 0] - optimism, counts.shape[1]).interval())
    shares = tuple((names, count / resamples) for names, count in members.most_common())
    return Selection(optimism, corrected, interval, shares)


def _not_told_apart(
    judged: Judged, by_part: Sequence[Combination], parts: Sequence[Part], seed: int
) -> tuple[int, ...]:
    """Return the candidates whose confirmation score is not lower than that of the choice beyond chance."""
    singles = [Combination(((index, 1.0),)) for index in range(len(judged.distances))]
    value, samples = _confirmed(judged, by_part, singles, parts, seed)
    clusters = sum(len(np.unique(judged.judgments.clusters[part.confirmation])) for part in parts)
    told = [_difference(value, samples, index + 1, clusters).positive for index in range(len(singles))]
    return tuple(index for index, apart in enumerate(told) if not apart)
