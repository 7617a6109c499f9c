"""How long trainings take: a fixed part and one for each unit of length, from the records of other trainings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from lnkit.protocols import as_dict
from lnkit.results.records import RunRecord
from lnkit.search.halving.candidates import Candidate
from lnkit.sweep.costs import costs_of


@dataclass(frozen=True, slots=True)
class Line:
    """Seconds of a training by its length."""

    fixed: float
    per_unit: float

    def at(self, length: int) -> float:
        """Return the seconds of a training of this length."""
        return self.fixed + self.per_unit * length


@dataclass(frozen=True)
class TrainingTimes:
    """What trainings of each candidate take, as far as records tell."""

    measured: Mapping[str, Mapping[int, float]]  # loss network -> length -> seconds
    macs: Mapping[str, float | None] = field(default_factory=dict)  # loss network -> multiply-adds of its backbone

    @property
    def tell_lengths_apart(self) -> bool:
        """Whether a loss network was trained for two lengths, so that one can say what a unit of length takes."""
        return any(len(lengths) > 1 for lengths in self.measured.values())

    def seconds(self, name: str, length: int) -> float:
        """Return how long a training takes: as measured at this length, or by the line through what was measured."""
        own = self.measured.get(name, {})
        return own[length] if length in own else self._line(name).at(length)

    def longest(self, names: Sequence[str], count: int, length: int) -> float:
        """Return what ``count`` of some loss networks take at most."""
        return sum(sorted((self.seconds(name, length) for name in names), reverse=True)[:count])

    def _line(self, name: str) -> Line:
        own = self.measured.get(name, {})
        if len(own) > 1:
            return line_through(own)
        other = max(self.measured, key=lambda one: (len(self.measured[one]), max(self.measured[one])))
        line = line_through(self.measured[other])
        if not own:
            here, there = self.macs.get(name), self.macs.get(other)
            return Line(line.fixed, line.per_unit * (here / there if here and there else 1))
        (length, seconds), *_ = own.items()
        share = seconds / line.at(length) if len(self.measured[other]) > 1 and line.at(length) else 0.0
        return Line(line.fixed * share, line.per_unit * share) if share else line_through(own)


def line_through(measured: Mapping[int, float]) -> Line:
    """Return the line through the shortest and the longest training; of one alone, all of its time is proportional.

    Proportional times are too long for longer trainings, never too short.

    Example:
        >>> line_through({1: 12.0, 3: 16.0})
        Line(fixed=10.0, per_unit=2.0)
    """
    short, long = min(measured), max(measured)
    slope = (measured[long] - measured[short]) / (long - short) if long > short else measured[long] / long
    slope = min(max(slope, 0.0), measured[long] / long)
    return Line(measured[long] - slope * long, slope)


def times_of(candidates: Sequence[Candidate], records: Iterable[RunRecord], length_field: str) -> TrainingTimes:
    """Return what trainings took that differ from those of the search only in length, seed and loss network.

    Args:
        candidates: Loss networks of the search.
        records: All that are in the folder.
        length_field: The field of the protocol that is the length.
    """
    records = list(records)
    first = candidates[0].resolved
    usual = _without(as_dict(first.protocol), length_field)
    taken: dict[str, dict[int, list[float]]] = {}
    for record in records:
        key = record.key
        same = (key.benchmark, key.variant, key.precision, record.sample) == (
            first.benchmark.name,
            first.request.variant,
            first.request.precision,
            first.request.sample,
        )
        if same and record.trained and not record.collapsed and _without(key.protocol, length_field) == usual:
            lengths = taken.setdefault(record.loss_network, {})
            lengths.setdefault(int(key.protocol[length_field]), []).append(record.seconds)
    macs = [cost.macs for cost in costs_of([one.resolved for one in candidates], records)]
    return TrainingTimes(
        {name: {length: median(all_) for length, all_ in lengths.items()} for name, lengths in taken.items()},
        {one.name: value for one, value in zip(candidates, macs, strict=True)},
    )


def _without(protocol: Mapping[str, object], length_field: str) -> dict[str, object]:
    """Return the fields of a protocol that the search does not change; a distance may be the backbone's own."""
    return {name: value for name, value in protocol.items() if name not in (length_field, "distance")}
