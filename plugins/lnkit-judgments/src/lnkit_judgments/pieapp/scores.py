"""The scores of one loss network, with their intervals and ceilings, from its distances and people's judgments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lnkit import Outcome, Score
from lnkit.stats import (
    FISHER,
    LOGIT,
    PLAIN,
    drawn_counts,
    estimate_resampled,
    kendall,
    majority_agreement,
    pearson,
    resampled_kendall,
    resampled_pearson,
    resampled_spearman,
    spearman,
    two_afc_agreement,
    two_afc_ceilings,
)
from lnkit_judgments.pieapp.protocol import PieappProtocol

Array = NDArray[np.float64]
Names = NDArray[np.str_]

VOTES = 40  # of each judged pair; Prashnani et al. 2018
UNDECIDED = 0.5  # share of a pair without a majority


@dataclass(frozen=True)
class Distances:
    """The distances of a loss network with people's judgments: of N images with a score, and of P pairs."""

    distance: Array  # (N,), to the reference
    score: Array  # (N,), of people; higher is worse
    reference: Names  # (N,)
    image: Names  # (N,)
    a: Array  # (P,), distance of the first image
    b: Array  # (P,), of the second
    share: Array  # (P,), of people who found the first one more similar to the reference
    pair_reference: Names  # (P,)
    with_reference: NDArray[np.bool_]  # (P,), whether one of the two is the reference itself

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Any]) -> Distances:
        """Restore what :meth:`arrays` returned."""
        return cls(**{name: np.asarray(arrays[name]) for name in cls.__dataclass_fields__})

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Return all arrays by name, to be stored beside the record."""
        return dict(vars(self))


def score_all(distances: Distances, protocol: PieappProtocol, seed: int) -> Outcome:
    """Return every score that these distances allow, and the distances themselves.

    Distances and people's scores both rise as images get worse, so a positive correlation is right. Intervals come from
    samples of the reference images, drawn with replacement.
    """
    scores = _score_images(distances, protocol.resamples, seed) | _score_pairs(distances, protocol.resamples, seed)
    undefined = [name for name, score in scores.items() if not np.isfinite(score.value)]
    notes = [f"undefined, since nothing varies: {', '.join(undefined)}"] if undefined else []
    ties = int((distances.share == UNDECIDED).sum())
    if ties:
        notes.append(f"2afc_majority leaves out {ties:,} pairs on which people were split in halves")
    return Outcome({n: s for n, s in scores.items() if n not in undefined}, distances.arrays(), tuple(notes))


def _score_images(distances: Distances, resamples: int, seed: int) -> dict[str, Score]:
    if not len(distances.score):
        return {}
    x, y = distances.distance, distances.score
    owners, counts = _clusters(distances.reference, resamples, seed)
    values = {
        "srcc": (spearman(x, y), resampled_spearman(x, y, counts[:, owners]), PLAIN),
        "krcc": (kendall(x, y), resampled_kendall(x, y, owners, counts), PLAIN),
        "plcc": (pearson(x, y), resampled_pearson(x, y, counts[:, owners]), FISHER),
    }
    cases = counts.shape[1]
    return {
        name: Score(value, len(x), estimate_resampled(value, samples, cases, scale=scale).interval(), cases=cases)
        for name, (value, samples, scale) in values.items()
    }


def _clusters(references: Names, resamples: int, seed: int) -> tuple[NDArray[np.int64], Array]:
    """Return the number of each item's reference (N,), and how often each sample has each reference (resamples, R)."""
    names, owners = np.unique(references, return_inverse=True)
    return owners, drawn_counts(len(names), resamples, np.random.default_rng(seed))


def _score_pairs(distances: Distances, resamples: int, seed: int) -> dict[str, Score]:
    share = distances.share
    agreed = two_afc_agreement(share, distances.b, distances.a)  # the share is that of the first image
    parts = {
        "2afc": np.ones(len(share), bool),
        "2afc/distorted": ~distances.with_reference,
        "2afc/with_reference": distances.with_reference,
    }
    scores = {
        name: _mean(agreed[part], distances.pair_reference[part], _ceilings(share[part]), resamples, seed)
        for name, part in parts.items()
        if part.any()
    }
    decided = share != UNDECIDED
    if decided.any():
        majority = majority_agreement(share, distances.b, distances.a)
        human = float(np.maximum(share, 1 - share)[decided].mean())  # a vote, drawn at random, with the majority
        ceilings = {"human": human, "best possible": 1.0}
        scores["2afc_majority"] = _mean(majority, distances.pair_reference[decided], ceilings, resamples, seed)
    return scores


def _ceilings(share: Array) -> dict[str, float]:
    """Return what people reach; their number of votes is known only where shares are those of 40 people."""
    votes = share * VOTES
    return two_afc_ceilings(share, VOTES if np.allclose(votes, np.round(votes), atol=1e-6) else None)


def _mean(values: Array, references: Names, ceilings: Mapping[str, float], resamples: int, seed: int) -> Score:
    owners, counts = _clusters(references, resamples, seed)
    cases = counts.shape[1]
    samples = (counts @ np.bincount(owners, values, cases)) / (counts @ np.bincount(owners, minlength=cases))
    value = float(values.mean())
    interval = estimate_resampled(value, samples, cases, scale=LOGIT).interval()
    return Score(value, len(values), interval, ceilings, cases=cases)
