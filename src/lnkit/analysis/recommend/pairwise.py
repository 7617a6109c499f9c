"""Pairwise comparison of loss networks, score by score, beyond the uncertainty of the values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import hypot
from typing import NamedTuple

from lnkit.analysis.recommend.candidates import Candidate, TaskScore, mean_over_tasks
from lnkit.analysis.score_rows import PUBLISHED, ScoreRow

LAST_DIGIT = {"fraction": 0.001, "dB": 0.1, "percent": 0.1}  # of the figures in Tables V to XI, by unit
SLACK = 1e-9  # for printed figures as binary fractions: 26.5 - 26.4 is slightly more than 0.1
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
    margin = _margin(score.rows[first], score.rows[second])
    lead = gap(score, first, second)
    if margin is None:
        return UNKNOWN
    if abs(lead) <= margin + SLACK:
        return TIE
    return WIN if lead > 0 else LOSS


def gap(score: TaskScore, first: str, second: str) -> float:
    """Return by how much the first loss network is better, in the unit of the score."""
    return score.rows[first].goodness - score.rows[second].goodness


def rivals(scores: Sequence[TaskScore], candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates that the first one does not beat: they win at least as many scores as they lose."""
    first, *others = candidates
    return [other for other in others if compare_pair(scores, first.loss_network, other.loss_network).lead <= 0]


def _margin(row: ScoreRow, other: ScoreRow) -> float | None:
    """Return the largest difference that may be none: the last printed digit, or that of two independent intervals."""
    if row.origin == PUBLISHED:
        return LAST_DIGIT.get(row.unit)
    if row.low is None or row.high is None or other.low is None or other.high is None:
        return None
    return hypot(row.high - row.low, other.high - other.low) / 2
