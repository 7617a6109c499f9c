"""Ranks, and how far several rankings agree, in plain Python: for advice and places, which do without pandas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isclose


def ranks(goodness: Mapping[str, float]) -> dict[str, float]:
    """1 for the largest value; equal values share the mean of their ranks."""
    places: dict[float, list[int]] = {}
    for place, value in enumerate(sorted(goodness.values(), reverse=True), start=1):
        places.setdefault(value, []).append(place)
    return {name: sum(places[value]) / len(places[value]) for name, value in goodness.items()}


def kendalls_w(rankings: Sequence[Mapping[str, float]]) -> float:
    """Kendall's coefficient of concordance of several rankings of the same items, in [0, 1], corrected for ties.

    1 is the same order everywhere, 0 none in common; 0 too where all items are tied in every ranking.
    """
    items, judges = list(rankings[0]), len(rankings)
    n = len(items)
    sums = [sum(one[item] for one in rankings) for item in items]
    mean = sum(sums) / n
    spread = sum((value - mean) ** 2 for value in sums)
    most = judges**2 * (n**3 - n) - judges * sum(_ties(list(one.values())) for one in rankings)
    return 12 * spread / most if not isclose(most, 0) else 0.0


def _ties(values: Sequence[float]) -> int:
    sizes = [values.count(value) for value in set(values)]
    return sum(size**3 - size for size in sizes)
