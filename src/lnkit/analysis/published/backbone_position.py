"""Where a backbone stands among the 14 of the study: by its best point in each score, and by its mean rank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lnkit.analysis.collect import Gathered
from lnkit.analysis.measurements import PUBLISHED, ScoreRow
from lnkit.analysis.published.comparability import refusals
from lnkit.analysis.published.position import measured_of
from lnkit.stats.ranks import tied_ranks

SELF = "the backbone itself"  # cannot be a name, which has no blanks


class BestPoint(NamedTuple):
    """A backbone by its best point in one score."""

    score: str
    points: tuple[str, ...]  # that reach the best value, of those that were measured
    value: float
    rank: float  # among the backbones of the study, by their best points, and itself; ties averaged


class Standing(NamedTuple):
    """A backbone among those of the study in one benchmark, as their Table III computes it."""

    backbone: str
    setting: str
    benchmark: str
    measured_points: tuple[str, ...]
    best_points: tuple[BestPoint, ...]  # one for each score that was measured
    missing: tuple[str, ...]  # published scores that were not measured
    mean_rank: float | None  # over all scores of the benchmark; None where some are missing
    place: float | None  # of that mean rank among those of all backbones, ties averaged
    of: int  # backbones
    refusal: str  # why it may not stand beside the study; "" where it may


def standings(found: Gathered, name: str, *, anyway: bool = False) -> list[Standing]:
    """Where the backbone of a loss network or record stands, in each benchmark and setting that the study has too.

    All points of the backbone that were measured in a setting count. What may not stand beside published values is
    left out, unless ``anyway``.

    Raises:
        UsageError: nothing was measured of ``name``.
    """
    chosen = dict.fromkeys((one.backbone, one.setting, one.benchmark) for one in measured_of(found, name))
    reasons = refusals(found.records)
    standing = []
    for backbone, setting, benchmark in chosen:
        own = [m for m in found.measurements if (m.backbone, m.setting, m.benchmark) == (backbone, setting, benchmark)]
        study = [m for m in found.measurements if m.origin == PUBLISHED and m.benchmark == benchmark]
        refused = "; ".join(dict.fromkeys(filter(None, (reasons.get(i, "") for m in own for i in m.source.split()))))
        if study and (anyway or not refused):
            standing.append(
                _standing(own, [m for m in study if setting != PUBLISHED or m.backbone != backbone], refused)
            )
    return [one for one in standing if one.best_points]


def _standing(own: Sequence[ScoreRow], study: Sequence[ScoreRow], refusal: str) -> Standing:
    scores = list(dict.fromkeys(one.score for one in study))
    mine = {score: [one for one in own if one.score == score] for score in scores}
    by_score = {
        score: tied_ranks(_best_values(m for m in study if m.score == score) | {SELF: max(map(_good, found))})
        for score, found in mine.items()
        if found
    }
    missing = tuple(score for score in scores if score not in by_score)
    place = {} if missing else tied_ranks({name: -_mean(by_score, name) for name in by_score[scores[0]]})
    first = own[0]
    return Standing(
        *(first.backbone, first.setting, first.benchmark),
        measured_points=tuple(dict.fromkeys(one.point for one in own)),
        best_points=tuple(_best_point(score, mine[score], found[SELF]) for score, found in by_score.items()),
        missing=missing,
        mean_rank=None if missing else _mean(by_score, SELF),
        place=place.get(SELF),
        of=len({one.backbone for one in study}) + 1,
        refusal=refusal,
    )


def _best_point(score: str, own: Sequence[ScoreRow], rank: float) -> BestPoint:
    best = max(own, key=_good)
    return BestPoint(score, tuple(one.point for one in own if one.value == best.value), best.value, rank)


def _good(one: ScoreRow) -> float:
    return one.value if one.higher_is_better else -one.value


def _best_values(measured: Iterable[ScoreRow]) -> dict[str, float]:
    """The value of each backbone at its best point, turned so that larger is better."""
    best: dict[str, float] = {}
    for one in measured:
        best[one.backbone] = max(best.get(one.backbone, float("-inf")), _good(one))
    return best


def _mean(by_score: dict[str, dict[str, float]], name: str) -> float:
    return round(sum(found[name] for found in by_score.values()) / len(by_score), 9)
