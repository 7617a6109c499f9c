"""Where a loss network stands among the published ones: its place, its neighbors, and at what cost.

Nothing but Python is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lnkit.analysis.costs import Attributes, attributes_by_network
from lnkit.analysis.gathering import Gathered
from lnkit.analysis.measurements import PUBLISHED, Measurement
from lnkit.errors import UsageError
from lnkit.nearnames import did_you_mean, near_names


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A published loss network beside the one that is placed."""

    loss_network: str
    value: float
    flops_ratio: float | None  # flops of the placed one, per flop of this; up to the points, at 224 x 224
    within_interval: bool  # its value lies in the 95 % interval of the placed one: which is better is open


@dataclass(frozen=True, slots=True)
class Place:
    """One score of a loss network among the published ones."""

    loss_network: str
    setting: str
    benchmark: str
    score: str
    value: float
    low: float | None
    high: float | None
    rank: float | None  # among the published loss networks and itself, ties averaged; None where it may not be ranked
    of: int  # how many are ranked
    beats: int  # published loss networks with a worse value
    better: Neighbor | None  # the nearest published one above
    worse: Neighbor | None  # and below
    backbone_rank: float | None  # of the backbone by its best point, among the backbones of the study and itself
    backbones: int
    flops: float | None
    doubt: str  # why the place is none, or what must be known; "" where nothing is


def place(found: Gathered, name: str, *, anyway: bool = False) -> list[Place]:
    """Place a loss network, or all loss networks of a backbone, in each published score that was measured of it.

    Args:
        found: own records and the published study.
        name: ``vgg16:late``, a backbone, or the id of a record.
        anyway: also where the values may not be compared (sample data, cut-down protocols, other data, deviations);
            the doubt says so then.

    Raises:
        UsageError: there is nothing of that name, or nothing of it that the study has too.
    """
    chosen = _chosen(found, name)
    study = [one for one in found.measurements if one.origin == PUBLISHED]
    shared = [one for one in chosen if any(one.score == p.score and one.benchmark == p.benchmark for p in study)]
    if not shared:
        raise UsageError(
            f"Nothing that was measured of {name} is in the published study, whose scores are "
            f"{', '.join(dict.fromkeys(p.score for p in study))}; `lnkit eval` measures them."
        )
    attributes = attributes_by_network(found.measurements, found.records)
    reasons = {record.id: record.incomparable for record in found.records}
    return [_place(one, chosen, study, attributes, _doubt(one, reasons), anyway=anyway) for one in shared]


def _chosen(found: Gathered, name: str) -> list[Measurement]:
    own = [one for one in found.measurements if one.origin != PUBLISHED]
    for measurements in (own, found.measurements):  # a published name is placed where nothing of one's own has it
        for fits in (_has_source, _is_network, _is_backbone, _is_unlabeled):
            if chosen := [one for one in measurements if fits(one, name)]:
                return chosen
    known = list(dict.fromkeys(one.loss_network for one in (*own, *found.measurements)))
    raise UsageError(
        f"Nothing was measured of {name!r}.{did_you_mean(near_names(name, known))} `lnkit results list` shows what "
        "there is, and `lnkit eval --backbone NAME --point all --bench bapps` makes more."
    )


def _has_source(one: Measurement, name: str) -> bool:
    return name in one.source.split()


def _is_network(one: Measurement, name: str) -> bool:
    return one.loss_network == name


def _is_backbone(one: Measurement, name: str) -> bool:
    return one.backbone == name


def _is_unlabeled(one: Measurement, name: str) -> bool:
    """Whether it is of that name, but for the hash of its weights."""
    plain = one.backbone.partition("@")[0]
    return name in (plain, f"{plain}:{one.point}")


def _doubt(one: Measurement, reasons: Mapping[str, str]) -> str:
    return "; ".join(dict.fromkeys(reason for source in one.source.split() if (reason := reasons.get(source, ""))))


def _place(
    one: Measurement,
    chosen: Sequence[Measurement],
    study: Sequence[Measurement],
    attributes: Mapping[str, Attributes],
    doubt: str,
    *,
    anyway: bool,
) -> Place:
    others = [p for p in study if (p.benchmark, p.score) == (one.benchmark, one.score) and p is not one]
    may = anyway or not doubt
    good = _good(one)
    above, below = [p for p in others if _good(p) > good], [p for p in others if _good(p) < good]
    caveat = next((p.caveat for p in others if p.caveat), "")
    flops = attributes.get(one.loss_network, {}).get("point_flops")
    same = [m for m in chosen if (m.setting, m.score, m.backbone) == (one.setting, one.score, one.backbone)]
    best = max(map(_good, same))
    backbones = _best_of_backbones([p for p in others if p.backbone != one.backbone or one.origin != PUBLISHED])
    return Place(
        *(one.loss_network, one.setting, one.benchmark, one.score, one.value, one.low, one.high),
        rank=len(above) + (len(others) - len(above) - len(below)) / 2 + 1 if may else None,
        of=len(others) + 1,
        beats=len(below) if may else 0,
        better=_neighbor(min(above, key=_good, default=None), one, flops, attributes) if may else None,
        worse=_neighbor(max(below, key=_good, default=None), one, flops, attributes) if may else None,
        backbone_rank=1 + sum(v > best for v in backbones) + sum(v == best for v in backbones) / 2 if may else None,
        backbones=len(backbones) + 1,
        flops=flops,
        doubt="; ".join(filter(None, (doubt, caveat))),
    )


def _good(one: Measurement) -> float:
    return one.value if one.higher_is_better else -one.value


def _best_of_backbones(others: Sequence[Measurement]) -> list[float]:
    best: dict[str, float] = {}
    for one in others:
        best[one.backbone] = max(best.get(one.backbone, float("-inf")), _good(one))
    return list(best.values())


def _neighbor(
    other: Measurement | None, one: Measurement, flops: float | None, attributes: Mapping[str, Attributes]
) -> Neighbor | None:
    if other is None:
        return None
    theirs = attributes.get(other.loss_network, {}).get("point_flops")
    ratio = flops / theirs if flops is not None and theirs else None
    inside = one.low is not None and one.high is not None and one.low <= other.value <= one.high
    return Neighbor(other.loss_network, other.value, ratio, inside)
