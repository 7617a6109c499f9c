"""Pairwise comparison of loss networks, score by score, beyond the uncertainty of the values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from lnkit.analysis.recommend.candidates import Candidate, TaskScore, mean_over_tasks
from lnkit.analysis.uncertainty import told_apart

WIN, LOSS, TIE, UNKNOWN = "win", "loss", "tie", "unknown"
POINTS = {WIN: 1, LOSS: -1}


class PairwiseResult(NamedTuple):
    """In how many scores the first of two loss networks is better or worse, beyond the uncertainty of the values."""

    wins: int
    losses: int
    ties: int  # differ by no more than the uncertainty
    unknown: int  # have no known uncertainty
    lead: float  # wins less losses as a fraction of a task's scores, in [-1, 1]; the mean of several tasks


def compare_pair(scores: Sequence[TaskScore], first: str, second: str) -> PairwiseResult:
    """Compare two loss networks score by score."""
    outcomes = [(score.task, outcome(score, first, second)) for score in scores]
    counts = Counter(result for _, result in outcomes)
    lead = mean_over_tasks([(task, POINTS.get(result, 0)) for task, result in outcomes])
    return PairwiseResult(counts[WIN], counts[LOSS], counts[TIE], counts[UNKNOWN], lead)


def outcome(score: TaskScore, first: str, second: str) -> str:
    """Return ``win``, ``loss``, ``tie`` or ``unknown`` for the first loss network in one score."""
    apart = told_apart(score.rows[first], score.rows[second])
    if apart is None:
        return UNKNOWN
    if not apart:
        return TIE
    return WIN if gap(score, first, second) > 0 else LOSS


def gap(score: TaskScore, first: str, second: str) -> float:
    """Return by how much the first loss network is better, in the unit of the score."""
    return score.rows[first].goodness - score.rows[second].goodness


def rivals(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that the first one does not beat: they win at least as many scores as they lose."""
    first, *others = candidates
    return [other for other in others if compare_pair(scores, first.loss_network, other.loss_network).lead <= 0]
