"""Non-negative weights of distances, learned from people's preferences by logistic regression."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit

Array = NDArray[np.float64]

PENALTIES = (1e-4, 1e-3, 1e-2, 1e-1)  # of the squared weights of standardized margins; cross-validation chooses one
USUAL_PENALTY = 1e-2  # where there are too few items to choose one; ours
FOLDS = 5  # of that cross-validation; Hastie, Tibshirani and Friedman 2009, section 7.10: five or ten


def fit_weights(margins: Array, share: Array, counts: Array, penalty: float, start: Array | None = None) -> Array:
    """Fit P(first preferred) = 1 / (1 + exp(-sum_k w_k m_k)) with w >= 0 by maximum likelihood.

    There is no intercept: where all distances are equal, nobody prefers one of the two.

    Args:
        margins: (K, P), the distance of the second image less that of the first.
        share: (P,), how often the first was preferred.
        counts: (P,), how often each pair counts.
        penalty: of the sum of squared weights.
        start: (K,), where the search begins; by default one for all.

    Returns:
        (K,).
    """
    used = counts > 0
    margins, share, counts = margins[:, used], share[used], counts[used] / counts.sum()

    def loss(weights: Array) -> tuple[float, Array]:
        logits = weights @ margins
        value = counts @ (np.logaddexp(0.0, logits) - share * logits) + penalty / 2 * weights @ weights
        return float(value), margins @ (counts * (expit(logits) - share)) + penalty * weights

    begin = np.ones(len(margins)) if start is None else start
    found = minimize(loss, begin, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * len(margins))
    weights: Array = found.x
    return weights


def slopes(margins: Array, share: Array, counts: Array, logits: Array) -> Array:
    """Return how fast the likelihood rises with the weight of each further distance, from weight 0.

    Args:
        margins: (C, P) of the candidates.
        share: as of :func:`fit_weights`.
        counts: as of :func:`fit_weights`.
        logits: (P,) of the distances that are chosen so far.

    Returns:
        (C,), in units of the slope's own spread (a score test).
    """
    residuals = counts * (share - expit(logits))
    spread = np.sqrt((margins**2) @ (counts * expit(logits) * expit(-logits)))
    rises: Array = np.divide(margins @ residuals, spread, out=np.zeros(len(margins)), where=spread > 0)
    return rises


def choose_penalty(margins: Array, share: Array, counts: Array, folds: NDArray[np.int64]) -> float:
    """Return the penalty with which preferences in other folds are predicted best.

    Args:
        margins: (K, P).
        share: (P,).
        counts: (P,).
        folds: (P,), the fold of each pair.
    """

    def missed(penalty: float) -> float:
        total = 0.0
        for fold in np.unique(folds):
            held = folds == fold
            logits = fit_weights(margins, share, np.where(held, 0.0, counts), penalty) @ margins
            total += float((counts * (np.logaddexp(0.0, logits) - share * logits))[held].sum())
        return total

    return min(PENALTIES, key=missed)
