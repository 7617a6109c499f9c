"""What tasks cost: seconds as far as records of the same benchmark tell, else only which is the longest.

The cost of a pass grows with the multiply-adds of the network. Seconds are those of records with the same benchmark and
protocol variant in the folder of the results, per multiply-add; nothing is guessed where none was measured.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import median

from lnkit.evaluation.request import ResolvedRequest
from lnkit.losses.definition import Loss
from lnkit.results.records import RunRecord

TRAININGS_FIRST = 1e3  # how much longer a training is taken to be than a measurement, where no record tells


@dataclass(frozen=True, slots=True)
class Cost:
    """What a task costs; None where nothing is known."""

    macs: float | None  # multiply-adds of one image of 224 x 224
    seconds: float | None


def costs_of(resolved: Sequence[ResolvedRequest | None], records: Iterable[RunRecord]) -> list[Cost]:
    """Return the cost of each task.

    Args:
        resolved: The tasks with names resolved; None for commands.
        records: All that are in the folder.
    """
    known, rates = _known(records)
    costs = []
    for one in resolved:
        if one is None:
            costs.append(Cost(None, None))
            continue
        macs = _macs(one, known)
        rate, seconds = rates.get((one.benchmark.name, one.request.variant, one.request.sample), (None, None))
        costs.append(Cost(macs, rate * macs if rate and macs else seconds))
    return costs


def longest_first(resolved: Sequence[ResolvedRequest | None], costs: Sequence[Cost]) -> list[int]:
    """Return the numbers of the tasks in the order in which they should begin, so that no long one is left alone."""
    macs = [cost.macs for cost in costs if cost.macs]
    seconds = [cost.seconds for cost in costs if cost.seconds]
    usual_macs, usual_seconds = (median(values) if values else 1.0 for values in (macs, seconds))

    def length(number: int) -> float:
        cost, one = costs[number], resolved[number]
        trains = one is None or one.benchmark.trains
        if cost.seconds:
            return cost.seconds
        relative = (cost.macs or usual_macs) / usual_macs
        return usual_seconds * relative * (TRAININGS_FIRST if trains else 1)

    return sorted(range(len(resolved)), key=lambda number: -length(number))


def makespan(seconds: Sequence[float], workers: int, start_up: float = 0.0) -> float:
    """Return how long so many workers take, each doing the longest task that is open when it is free.

    Args:
        seconds: Of each task.
        workers: Their number.
        start_up: Seconds that each worker takes before its first task.

    Example:
        >>> makespan([3, 1, 2], 2)
        3.0
    """
    free = [float(start_up)] * max(1, workers)
    end = 0.0
    for duration in sorted(seconds, reverse=True):
        until = heapq.heappop(free) + duration
        end = max(end, until)
        heapq.heappush(free, until)
    return end


Rates = Mapping[tuple[str, str, bool], tuple[float | None, float]]


def _known(records: Iterable[RunRecord]) -> tuple[dict[str, float], Rates]:
    """Return multiply-adds of backbones, and of each benchmark seconds per multiply-add and the usual seconds."""
    macs: dict[str, float] = {}
    seconds: dict[tuple[str, str, bool], list[tuple[float, float | None]]] = {}
    for record in records:
        own = record.attributes.get("macs")
        if own:
            macs[record.key.backbone] = own
        place = (record.key.benchmark, record.key.variant, record.sample)
        seconds.setdefault(place, []).append((record.seconds, own))
    return macs, {
        place: (
            median(rates) if (rates := [time / own for time, own in times if own]) else None,
            median(time for time, _ in times),
        )
        for place, times in seconds.items()
    }


def _macs(resolved: ResolvedRequest, known: Mapping[str, float]) -> float | None:
    backbone = resolved.request.backbone
    names = backbone.backbones if isinstance(backbone, Loss) else (backbone,)
    values = [known.get(name, _published().get(name)) for name in names]
    return sum(value for value in values if value) if all(values) else None


@cache
def _published() -> Mapping[str, float]:
    """Return the multiply-adds that the study publishes."""
    from lnkit.analysis.published.tables import read_rows  # noqa: PLC0415 - not for help

    return {row["backbone"]: float(row["mflops_224"]) * 1e6 for row in read_rows("attributes")}
