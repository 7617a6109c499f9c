"""How two loss networks do against each other, score by score, beyond what is uncertain about the values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import hypot
from typing import NamedTuple

from lnkit.analysis.measurements import PUBLISHED, ScoreRow
from lnkit.analysis.recommend.candidates import Candidate, Column, mean_over_tasks

LAST_DIGIT = {"fraction": 0.001, "dB": 0.1, "percent": 0.1}  # of the figures in Tables V to XI, by unit
SLACK = 1e-9  # for the binary fractions of printed figures: 26.5 - 26.4 is a little more than 0.1
POINTS = {"wins": 1, "losses": -1}


class Duel(NamedTuple):
    """How two loss networks do against each other: in how many scores which is better, beyond what is uncertain."""

    wins: int
    losses: int
    within: int  # differ by no more than is uncertain
    unknown: int  # how uncertain they are is not known
    lead: float  # wins less losses as a share of a task's scores, in [-1, 1]; the mean of several tasks


def duel(columns: Sequence[Column], first: str, second: str) -> Duel:
    """Compare two loss networks score by score."""
    outcomes = [(column.task, outcome(column, first, second)) for column in columns]
    counts = Counter(found for _, found in outcomes)
    lead = mean_over_tasks([(task, POINTS.get(found, 0)) for task, found in outcomes])
    return Duel(counts["wins"], counts["losses"], counts["within"], counts["unknown"], lead)


def outcome(column: Column, first: str, second: str) -> str:
    """Of the first: ``wins``, ``losses``, ``within`` what is uncertain, or ``unknown``."""
    margin = _margin(column.measured[first], column.measured[second])
    lead = gap(column, first, second)
    if margin is None:
        return "unknown"
    if abs(lead) <= margin + SLACK:
        return "within"
    return "wins" if lead > 0 else "losses"


def gap(column: Column, first: str, second: str) -> float:
    """How much better the first is, in the unit of the score."""
    good = column.goodness((first, second))
    return good[first] - good[second]


def rivals(columns: Sequence[Column], candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those of the candidates that the scores do not tell from the first: they are as often better as worse."""
    first, *others = candidates
    return [one for one in others if duel(columns, first.loss_network, one.loss_network).lead <= 0]


def _margin(one: ScoreRow, other: ScoreRow) -> float | None:
    """A difference that may be nothing: the last digit printed, or what two independent 95 % intervals leave open."""
    if one.origin == PUBLISHED:
        return LAST_DIGIT.get(one.unit)
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return None
    return hypot(one.high - one.low, other.high - other.low) / 2
