"""Ranks, and the agreement of several rankings. Plain Python, so that `lnkit recommend` starts without numpy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose


def tied_ranks(goodness: Mapping[str, float]) -> dict[str, float]:
    """Rank the largest value 1; equal values share the mean of their ranks.

    Example:
        >>> tied_ranks({"a": 0.7, "b": 0.9, "c": 0.7})
        {'a': 2.5, 'b': 1.0, 'c': 2.5}
    """
    positions: dict[float, list[int]] = {}
    for position, value in enumerate(sorted(goodness.values(), reverse=True), start=1):
        positions.setdefault(value, []).append(position)
    return {name: sum(positions[value]) / len(positions[value]) for name, value in goodness.items()}


def kendalls_w(rankings: Sequence[Mapping[str, float]]) -> float:
    """Compute Kendall's coefficient of concordance W, corrected for ties.

    Args:
        rankings: item -> rank, at least one ranking, all of the same items.

    Returns:
        In [0, 1]: 1 if all rankings agree; 0 if they have nothing in common, or if every ranking ties all items.

    References:
        Kendall and Babington Smith 1939, "The problem of m rankings".

    Example:
        >>> kendalls_w([{"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 3, "c": 2}])
        0.75
    """
    items, judges = list(rankings[0]), len(rankings)
    n = len(items)
    sums = [sum(ranking[item] for ranking in rankings) for item in items]
    mean = sum(sums) / n
    spread = sum((value - mean) ** 2 for value in sums)
    largest = judges**2 * (n**3 - n) - judges * sum(_ties(list(ranking.values())) for ranking in rankings)
    return 12 * spread / largest if not isclose(largest, 0) else 0.0


def _ties(values: Sequence[float]) -> int:
    sizes = [values.count(value) for value in set(values)]
    return sum(size**3 - size for size in sizes)
