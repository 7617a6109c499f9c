"""Whether two scores differ by more than their uncertainty. Plain Python."""

from __future__ import annotations

from collections.abc import Iterable

from lnkit.analysis.score_rows import PUBLISHED, ScoreRow
from lnkit.results.spread import difference

LAST_DIGIT = {"fraction": 0.001, "dB": 0.1, "percent": 0.1}  # of the figures in Tables V to XI, by unit
SLACK = 1e-9  # for printed figures as binary fractions: 26.5 - 26.4 is slightly more than 0.1


def told_apart(first: ScoreRow, second: ScoreRow) -> bool | None:
    """Return whether two loss networks differ in a score, or None if that is not known.

    Published values differ by more than their last printed digit. Own ones differ if the 95 % interval of the
    difference excludes 0; for benchmarks that train it includes the spread over seeds, which one training does not
    show.

    Args:
        first: a score.
        second: the same score in the same setting.
    """
    if first.origin == PUBLISHED:
        digit = LAST_DIGIT.get(first.unit)
        return None if digit is None else abs(first.value - second.value) > digit + SLACK
    interval = difference(first.estimate, second.estimate).interval
    return None if interval is None else not interval[0] - SLACK <= 0 <= interval[1] + SLACK


def not_told_apart(best: ScoreRow, rows: Iterable[ScoreRow]) -> list[ScoreRow]:
    """Return the other rows that are not known to differ from the best one, the best of them first.

    Args:
        best: a score of a loss network.
        rows: the same score of others.
    """
    others = [row for row in rows if row is not best and not told_apart(best, row)]
    return sorted(others, key=lambda row: -row.goodness)
