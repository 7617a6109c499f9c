"""The scores of one loss network, each with its interval, from its distances and the opinions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.datasets.opinions import OpinionSet
from lnkit.stats import (
    FISHER,
    PLAIN,
    drawn_counts,
    estimate_mean,
    estimate_resampled,
    kendall,
    pearson,
    resampled_kendall,
    resampled_pearson,
    resampled_spearman,
    spearman,
)
from lnkit_judgments.opinions.logistic import Fit, fit_logistic4, fit_logistic5
from lnkit_judgments.opinions.protocol import OpinionsProtocol

Array = NDArray[np.float64]
Names = NDArray[np.str_]
Chosen = NDArray[np.bool_]

FEWEST_TO_FIT = 10  # images, twice the logistic function's parameters
CHUNK = 2**22  # weights of images in samples that are held at a time: 32 MiB


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
    scores |= correlations.fitted(protocol.starts)
    scores["srcc_by_reference"] = correlations.by_reference()
    for name, compute in _COMPUTED.items():
        for distortion in sorted(set(distances.distortion.tolist())):
            scores[f"{name}/{distortion}"] = compute(correlations, distances.distortion == distortion)
    undefined = [name for name, score in scores.items() if not np.isfinite(score.value)]
    return Outcome(
        {n: s for n, s in scores.items() if n not in undefined}, distances.arrays(), _notes(scores, undefined)
    )


def _notes(scores: Mapping[str, Score], undefined: list[str]) -> tuple[str, ...]:
    """Return notes on a metric that goes the wrong way, and on scores that do not exist."""
    wrong = "wrong direction: srcc is below 0, so images that people find worse are nearer to their references"
    absent = f"undefined, since there are too few images or nothing varies: {', '.join(undefined)}"
    return (wrong,) * (scores["srcc"].value < 0) + (absent,) * bool(undefined)


class _Correlations:
    """Correlations of nearness (minus the distance) with the opinions, over some of the images.

    Intervals come from samples of the reference images, drawn with replacement, since images of one reference are not
    independent.
    """

    def __init__(self, distances: Distances, resamples: int, seed: int) -> None:
        self.nearness, self.opinion = -distances.distance, distances.opinion
        names, self.owners = np.unique(distances.reference, return_inverse=True)
        self.counts = drawn_counts(len(names), resamples, np.random.default_rng(seed))

    def srcc(self, chosen: Chosen) -> Score:
        x, y = self.nearness[chosen], self.opinion[chosen]
        return self._score(spearman(x, y), self._resampled(resampled_spearman, x, y, chosen), chosen)

    def krcc(self, chosen: Chosen) -> Score:
        x, y = self.nearness[chosen], self.opinion[chosen]
        return self._score(kendall(x, y), resampled_kendall(x, y, self.owners[chosen], self.counts), chosen)

    def plcc(self, chosen: Chosen) -> Score:
        x, y = self.nearness[chosen], self.opinion[chosen]
        return self._score(pearson(x, y), self._resampled(resampled_pearson, x, y, chosen), chosen, FISHER)

    def fitted(self, starts: str) -> dict[str, Score]:
        """Score after each regression, which is fitted once and used for all samples."""
        x, y = self.nearness, self.opinion
        if len(y) < FEWEST_TO_FIT or not (np.ptp(x) and np.ptp(y)):
            return dict.fromkeys(FITTED, Score(float("nan")))
        fits = {"logistic5": fit_logistic5(x, y, starts), "logistic4": fit_logistic4(x, y)}
        plcc = {f"plcc_{name}": self._plcc_of(fit) for name, fit in fits.items()}
        return plcc | {f"rmse_{name}": self._rmse_of(fit) for name, fit in fits.items()}

    def by_reference(self) -> Score:
        """Return the mean over the references of Spearman's correlation within each."""
        each = np.array([
            spearman(self.nearness[self.owners == owner], self.opinion[self.owners == owner])
            for owner in range(self.counts.shape[1])
        ])  # fmt: skip
        known = each[np.isfinite(each)]
        if not len(known):
            return Score(float("nan"))
        images = int(np.isfinite(each)[self.owners].sum())
        return Score(float(known.mean()), images, estimate_mean(known).interval(), cases=len(known))

    def _plcc_of(self, fit: Fit) -> Score:
        """Correlate the fitted curve; a curve that falls counts as a negative correlation, as without a fit."""
        sign, every = 1 if fit.rises else -1, np.ones(len(self.opinion), bool)
        samples = self._resampled(resampled_pearson, fit.predicted, self.opinion, every)
        return self._score(sign * pearson(fit.predicted, self.opinion), sign * samples, every, FISHER)

    def _rmse_of(self, fit: Fit) -> Score:
        """Return the root of the mean squared error, on the scale of the labels."""
        squares = (fit.predicted - self.opinion) ** 2
        sums, sizes = (np.bincount(self.owners, values) for values in (squares, np.ones_like(squares)))
        samples = np.sqrt((self.counts @ sums) / (self.counts @ sizes))
        return self._score(float(np.sqrt(squares.mean())), samples, np.ones(len(squares), bool))

    def _resampled(self, compute: Callable[[Array, Array, Array], Array], x: Array, y: Array, chosen: Chosen) -> Array:
        """Compute a correlation in all samples, for as many at a time as the memory should hold."""
        owners, size = self.owners[chosen], max(1, CHUNK // max(1, len(x)))
        parts = (self.counts[start : start + size] for start in range(0, len(self.counts), size))
        return np.concatenate([np.empty(0), *(compute(x, y, part[:, owners]) for part in parts)])

    def _score(self, value: float, resampled: Array, chosen: Chosen, scale: str = PLAIN) -> Score:
        references = len(np.unique(self.owners[chosen]))
        interval = estimate_resampled(value, resampled, references, scale=scale).interval()
        return Score(value, int(chosen.sum()), interval, cases=references)


FITTED = ("plcc_logistic5", "plcc_logistic4", "rmse_logistic5", "rmse_logistic4")
_COMPUTED: dict[str, Callable[[_Correlations, Chosen], Score]] = {
    "srcc": _Correlations.srcc,
    "krcc": _Correlations.krcc,
    "plcc": _Correlations.plcc,
}
