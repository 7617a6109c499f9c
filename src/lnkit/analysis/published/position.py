"""Where a loss network stands among the published ones: its place, what it beats and what it does not, at what cost.

Nothing but Python is needed. Published values are those of Tables V to XI of Pihlgren et al. 2023.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lnkit.analysis.collect import Gathered
from lnkit.analysis.measurements import PUBLISHED, ScoreRow
from lnkit.analysis.published.comparability import refusals, remarks_on
from lnkit.analysis.recommend.costs import WEIGHTS, attributes_by_network
from lnkit.errors import UsageError, did_you_mean, near_names

DIGITS = 9  # of a difference: what is left beyond them is of binary fractions, and equal gaps shall be equal
SHORTEST_HASH = 6  # digits of a record's hash that name it


class Neighbor(NamedTuple):
    """A published loss network beside the one that is placed."""

    loss_network: str
    value: float
    difference: float  # how much better the placed one is, in the unit of the score; negative where it is worse
    within_interval: bool  # the published value lies in the 95 % interval: which of the two is better is open
    macs_ratio: float | None  # macs of the placed one, per flop of this; up to the points, at 224 x 224


class Place(NamedTuple):
    """One score of a loss network among the published loss networks."""

    loss_network: str
    weights: str  # "IMAGENET1K_V1@1a2b3c4d"
    setting: str
    source: str  # id of the record, of several for a mean; or the table of the study
    benchmark: str
    score: str
    value: float
    low: float | None  # 95 % interval
    high: float | None
    n: int | None  # items
    macs: float | None  # multiply-adds up to the point, at 224 x 224
    rank: float | None  # among the published ones and itself, ties averaged; None where it may not be ranked
    best_rank: int | None  # that the interval leaves open; the rank's own, rounded down, where there is no interval
    worst_rank: int | None
    of: int  # how many are ranked
    study: str  # what the published values are from: "Pihlgren et al. 2023"
    above: tuple[Neighbor, ...]  # those with a better value, the nearest first
    equal: tuple[Neighbor, ...]
    below: tuple[Neighbor, ...]
    twin: Neighbor | None  # the study's own value of the same loss network, beside an own one
    refusal: str  # why its values may not stand beside published ones; "" where they may
    remarks: tuple[str, ...]  # what must be known about the comparison

    @property
    def better_and_cheaper(self) -> list[Neighbor]:
        """The published ones that have a better value at fewer macs, the nearest first."""
        return [one for one in self.above if one.macs_ratio is not None and one.macs_ratio > 1]

    @property
    def worse_and_dearer(self) -> list[Neighbor]:
        return [one for one in self.below if one.macs_ratio is not None and one.macs_ratio < 1]


def place(found: Gathered, name: str, *, anyway: bool = False) -> list[Place]:
    """Place a loss network, or all loss networks of a backbone, in each published score that was measured of it.

    Args:
        found: own records and the published study.
        name: ``vgg16:late``, a backbone, or the id of a record, its hash or the start of that. Own results come before
            published ones of the same name.
        anyway: also rank what may not stand beside published values (sample data, cut-down protocols, other data,
            deviations); ``refusal`` says so all the same.

    Raises:
        UsageError: there is nothing of that name, or nothing of it that the study has too.
    """
    chosen = measured_of(found, name)
    study = _study(found)
    shared = [one for one in chosen if (one.benchmark, one.score) in study]
    if not shared:
        raise UsageError(_nothing_shared(name, chosen, study))
    attributes = attributes_by_network(found.measurements, found.records)
    macs = {network: known.get("point_macs") for network, known in attributes.items()}
    reasons = refusals(found.records)
    return [_place(one, study[one.benchmark, one.score], macs, reasons, anyway=anyway) for one in shared]


def measured_of(found: Gathered, name: str) -> list[ScoreRow]:
    """What was measured of a loss network, a backbone or in a record.

    Raises:
        UsageError: nothing was.
    """
    own = [one for one in found.measurements if one.origin != PUBLISHED]
    for measurements in (own, found.measurements):  # a published name is placed where nothing of one's own has it
        for fits in (_has_source, _is_network, _is_backbone, _is_unlabeled):
            if chosen := [one for one in measurements if fits(one, name)]:
                return chosen
    known = list(
        dict.fromkeys(text for one in (*own, *found.measurements) for text in (one.loss_network, one.backbone))
    )
    raise UsageError(
        f"Nothing was measured of {name!r}.{did_you_mean(near_names(name, known))} `lnkit results list` shows what "
        "there is, and `lnkit eval --backbone NAME --point all --bench bapps` makes more."
    )


def _has_source(one: ScoreRow, name: str) -> bool:
    sources = one.source.split() if one.origin != PUBLISHED else []
    digest = len(name) >= SHORTEST_HASH
    return any(name == id_ or (digest and id_.rpartition("_")[2].startswith(name)) for id_ in sources)


def _is_network(one: ScoreRow, name: str) -> bool:
    return one.loss_network == name


def _is_backbone(one: ScoreRow, name: str) -> bool:
    return one.backbone == name


def _is_unlabeled(one: ScoreRow, name: str) -> bool:
    """Whether it is of that name, but for the hash of its weights."""
    plain = WEIGHTS.sub("", one.loss_network)
    return name in (plain, plain.rpartition(":")[0])


def _study(found: Gathered) -> dict[tuple[str, str], list[ScoreRow]]:
    study: dict[tuple[str, str], list[ScoreRow]] = {}
    for one in found.measurements:
        if one.origin == PUBLISHED:
            study.setdefault((one.benchmark, one.score), []).append(one)
    return study


def _nothing_shared(name: str, chosen: Sequence[ScoreRow], study: Iterable[tuple[str, str]]) -> str:
    there = ", ".join(dict.fromkeys(f"{one.benchmark} {one.score}" for one in chosen))
    scores: dict[str, list[str]] = {}
    for benchmark, score in study:
        scores.setdefault(benchmark, []).append(score)
    published = "; ".join(f"{benchmark} ({', '.join(names)})" for benchmark, names in scores.items())
    return (
        f"Nothing that was measured of {name} ({there}) is in the published study, which has {published or 'no such '}"
        f"{'' if published else 'benchmark'}. `lnkit eval` measures more."
    )


def _place(
    one: ScoreRow,
    published: Sequence[ScoreRow],
    macs: dict[str, float | None],
    reasons: dict[str, str],
    *,
    anyway: bool,
) -> Place:
    others = [other for other in published if other is not one]
    refusal = "; ".join(dict.fromkeys(reason for id_ in one.source.split() if (reason := reasons.get(id_, ""))))
    near = sorted((_neighbor(one, other, macs) for other in others), key=lambda n: (abs(n.difference), n.loss_network))
    if refusal and not anyway:
        near = []
    above = tuple(n for n in near if n.difference < 0)
    equal = tuple(n for n in near if n.difference == 0)
    below = tuple(n for n in near if n.difference > 0)
    surely_above = sum(not n.within_interval for n in above)
    maybe_above = len(above) + sum(n.within_interval for n in (*equal, *below))
    return Place(
        *(one.loss_network, one.weights, one.setting, one.source, one.benchmark, one.score),
        *(one.value, one.low, one.high, one.n),
        macs=macs.get(one.loss_network),
        rank=len(above) + len(equal) / 2 + 1 if near else None,
        best_rank=surely_above + 1 if near else None,
        worst_rank=maybe_above + 1 if near else None,
        of=len(others) + 1,
        study=others[0].source.rpartition(",")[0],
        above=above,
        equal=equal,
        below=below,
        twin=_twin(one, others, macs),
        refusal=refusal,
        remarks=tuple(remarks_on(one, others)),
    )


def _twin(one: ScoreRow, others: Sequence[ScoreRow], macs: dict[str, float | None]) -> Neighbor | None:
    plain = WEIGHTS.sub("", one.loss_network)
    return next((_neighbor(one, other, macs) for other in others if other.loss_network == plain), None)


def _neighbor(one: ScoreRow, other: ScoreRow, macs: dict[str, float | None]) -> Neighbor:
    sign = 1 if one.higher_is_better else -1
    mine, theirs = macs.get(one.loss_network), macs.get(other.loss_network)
    ratio = mine / theirs if mine is not None and theirs else None
    inside = one.low is not None and one.high is not None and one.low <= other.value <= one.high
    difference = round(sign * (one.value - other.value), DIGITS)
    return Neighbor(other.loss_network, other.value, difference, inside, ratio)
