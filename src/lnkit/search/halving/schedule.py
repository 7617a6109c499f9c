"""The rule: how many loss networks are trained how long, and what fits into a budget.

Successive halving trains all candidates for a short time, keeps the better half, trains those twice as long, and so on.
Every round then takes about the same time. Two things differ from the published rule. The last two are both kept, as
the result compares them over several seeds. And a longer training begins anew, since a record is one training of one
length: so all lengths are the full one halved several times, which lets searches with other budgets use the same
trainings.

References:
    Jamieson and Talwalkar 2016, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS,
    Figure 3 (halves; as many rounds as the logarithm to base 2).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

ETA = 2  # each round keeps one in so many, and trains them so many times as long; Jamieson and Talwalkar 2016
FINALISTS = 2  # ours: one alone could not be compared
SEEDS = (5, 4, 3)  # of each last training; 5 as Kumar2022, Fig. 4. Ours: with 2, Student's t tells nothing apart
HALVINGS = 10  # ours: a training of less than a thousandth of its length says nothing about the whole

Seconds = Callable[[int, int], float]  # (number of loss networks, length) -> seconds of one training of each


@dataclass(frozen=True, slots=True)
class Rung:
    """One round: so many loss networks are trained for one length, with one or several seeds."""

    count: int
    length: int
    seeds: int = 1
    last: bool = False

    @property
    def trainings(self) -> int:
        """The number of trainings."""
        return self.count * self.seeds


@dataclass(frozen=True, slots=True)
class Schedule:
    """The rounds that are still to come, the last included, and the seconds that they take at most."""

    rungs: tuple[Rung, ...]
    seconds: float


def halved_counts(candidates: int) -> list[int]:
    """Return how many loss networks each round trains.

    Example:
        >>> print(*halved_counts(28))
        28 14 7 3 2
    """
    counts = [candidates]
    while counts[-1] > FINALISTS:
        counts.append(survivors_of(counts[-1]))
    return counts


def survivors_of(count: int) -> int:
    """Return how many of a round's loss networks go on."""
    return max(FINALISTS, count // ETA)


def halved_lengths(full: int) -> list[int]:
    """Return the lengths that trainings may have, the longest first: the full one halved again and again, rounded up.

    Example:
        >>> print(*halved_lengths(10))
        10 5 3 2 1
    """
    lengths = [full]
    while lengths[-1] > 1 and len(lengths) <= HALVINGS:
        lengths.append(-(-full // ETA ** len(lengths)))
    return lengths


def longest_schedule(
    counts: Sequence[int], full: int, seconds: Seconds, budget: float, *, longer_than: int = 0
) -> Schedule | None:
    """Return the rounds with the longest last trainings, and of these the ones with most seeds, that fit a budget.

    Args:
        counts: Loss networks in each round that is to come.
        full: Length of a training by the protocol.
        seconds: What a training of each of so many loss networks takes at most.
        budget: Seconds.
        longer_than: Length of the round before; none of the rounds is as short, except the last.

    Returns:
        None if nothing fits.
    """
    schedules = all_schedules(counts, full, seconds, longer_than=longer_than)
    return next((schedule for schedule in schedules if schedule.seconds <= budget), None)


def shortest_schedule(counts: Sequence[int], full: int, seconds: Seconds, *, longer_than: int = 0) -> Schedule:
    """Return the rounds that take least; for the arguments see :func:`longest_schedule`."""
    return min(all_schedules(counts, full, seconds, longer_than=longer_than), key=lambda schedule: schedule.seconds)


def all_schedules(counts: Sequence[int], full: int, seconds: Seconds, *, longer_than: int = 0) -> list[Schedule]:
    """Return every schedule, the one with the longest last trainings and most seeds first."""
    lengths = [length for length in halved_lengths(full) if length >= longer_than]
    return [
        Schedule(rungs, sum(seconds(rung.count, rung.length) * rung.seeds for rung in rungs))
        for last in lengths
        for seeds in SEEDS
        if (rungs := _rungs(counts, last, seeds, full, longer_than))
    ]


def _rungs(counts: Sequence[int], last: int, seeds: int, full: int, longer_than: int) -> tuple[Rung, ...]:
    """Return the rounds before trainings of length ``last``; one that is no longer than that before it is left out."""
    allowed = halved_lengths(full)
    at = allowed.index(last)
    rungs: list[Rung] = []
    before = longer_than
    for number, count in enumerate(counts[:-1]):
        length = allowed[min(at + len(counts) - 1 - number, len(allowed) - 1)]
        if length > before:
            rungs.append(Rung(count, length))
            before = length
    return (*rungs, Rung(counts[-1], last, seeds, last=True))
