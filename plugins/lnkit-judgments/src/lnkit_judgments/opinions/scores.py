"""The scores of one loss network, each with its interval, from its distances and the opinions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.datasets.opinions import OpinionSet
from lnkit.stats import (
    FISHER,
    PLAIN,
    drawn_counts,
    estimate_resampled,
    kendall,
    pearson,
    resampled_kendall,
    resampled_pearson,
    resampled_spearman,
    spearman,
)
from lnkit_judgments.opinions.logistic import fit_logistic
from lnkit_judgments.opinions.protocol import OpinionsProtocol

Names = NDArray[np.str_]

FEWEST_TO_FIT = 10  # images, twice the logistic function's parameters


Array = NDArray[np.float64]


@dataclass(frozen=True)
class Distances:
    """The distances of a loss network with people's opinions; (N,) each."""

    distance: Array  # to the reference
    opinion: Array  # higher is better: labels of which lower is better are negated
    image: Names  # "i01_08_3"
    reference: Names  # "i01"
    distortion: Names  # "gaussian_blur"

    @classmethod
    def of(cls, dataset: OpinionSet, distance: Array) -> Distances:
        """Join distances (N,) with the opinions of a dataset."""
        sign = 1.0 if dataset.higher_is_better else -1.0
        columns = [(sign * o.score, o.name, o.reference_name, o.distortion) for o in dataset.opinions]
        opinion, image, reference, distortion = zip(*columns, strict=True)
        return cls(distance, np.array(opinion), np.array(image), np.array(reference), np.array(distortion))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Distances:
        """Restore what :meth:`arrays` returned."""
        return cls(*(np.asarray(arrays[name]) for name in ("distance", "opinion", "image", "reference", "distortion")))

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, to be stored beside the record."""
        return dict(vars(self))


def score_all(distances: Distances, protocol: OpinionsProtocol, seed: int) -> Outcome:
    """Return every score that these distances allow, and the distances themselves."""
    correlations = _Correlations(distances, protocol.resamples, seed)
    every = np.ones(len(distances.opinion), bool)
    scores = {name: compute(correlations, every) for name, compute in _COMPUTED.items()}
    scores["plcc_logistic"] = correlations.plcc_logistic(protocol.fit)
    for name, compute in _COMPUTED.items():
        for distortion in sorted(set(distances.distortion.tolist())):
            scores[f"{name}/{distortion}"] = compute(correlations, distances.distortion == distortion)
    undefined = [name for name, score in scores.items() if not np.isfinite(score.value)]
    notes = (f"undefined, since there are too few images or nothing varies: {', '.join(undefined)}",) * bool(undefined)
    return Outcome({n: s for n, s in scores.items() if n not in undefined}, distances.arrays(), notes)


class _Correlations:
    """Correlations of nearness (minus the distance) with the opinions, over some of the images.

    Intervals come from samples of the reference images, drawn with replacement, since images of one reference are not
    independent.
    """

    def __init__(self, distances: Distances, resamples: int, seed: int) -> None:
        self.nearness, self.opinion = -distances.distance, distances.opinion
        names, self.owners = np.unique(distances.reference, return_inverse=True)
        self.counts = drawn_counts(len(names), resamples, np.random.default_rng(seed))

    @cached_property
    def weights(self) -> Array:
        """Return how often each image is in each sample, (resamples, N)."""
        return self.counts[:, self.owners]

    def srcc(self, chosen: NDArray[np.bool_]) -> Score:
        x, y = self.nearness[chosen], self.opinion[chosen]
        return self._score(spearman(x, y), resampled_spearman(x, y, self.weights[:, chosen]), chosen)

    def krcc(self, chosen: NDArray[np.bool_]) -> Score:
        x, y = self.nearness[chosen], self.opinion[chosen]
        return self._score(kendall(x, y), resampled_kendall(x, y, self.owners[chosen], self.counts), chosen)

    def plcc(self, chosen: NDArray[np.bool_]) -> Score:
        x, y = self.nearness[chosen], self.opinion[chosen]
        return self._score(pearson(x, y), resampled_pearson(x, y, self.weights[:, chosen]), chosen, FISHER)

    def plcc_logistic(self, fit: str) -> Score:
        """Correlate after the regression, which is fitted once and used for all samples."""
        if len(self.opinion) < FEWEST_TO_FIT:
            return Score(float("nan"))
        x, y = fit_logistic(self.nearness, self.opinion, fit), self.opinion
        every = np.ones(len(y), bool)
        return self._score(pearson(x, y), resampled_pearson(x, y, self.weights), every, FISHER)

    def _score(self, value: float, resampled: Array, chosen: NDArray[np.bool_], scale: str = PLAIN) -> Score:
        references = len(np.unique(self.owners[chosen]))
        interval = estimate_resampled(value, resampled, references, scale=scale).interval()
        return Score(value, int(chosen.sum()), interval, cases=references)


_COMPUTED: dict[str, Callable[[_Correlations, NDArray[np.bool_]], Score]] = {
    "srcc": _Correlations.srcc,
    "krcc": _Correlations.krcc,
    "plcc": _Correlations.plcc,
}
