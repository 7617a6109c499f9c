"""The position of a backbone among the 14 of the published study: by its best points, and by its mean rank."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.published.position import refusals, rows_of
from lnkit.analysis.score_rows import PUBLISHED, ScoreRow
from lnkit.stats.ranks import tied_ranks

SELF = "the backbone itself"  # no name of a backbone, since names have no blanks


class BestPoint(NamedTuple):
    """The best value of a backbone in one score."""

    score: str
    points: tuple[str, ...]  # measured points with the best value
    value: float
    rank: float  # among the backbones of the study and itself, all by their best points; ties averaged


class BackbonePosition(NamedTuple):
    """The position of a backbone among those of the study in one benchmark, computed as Table III of Pihlgren2023."""

    backbone: str
    setting: str
    benchmark: str
    measured_points: tuple[str, ...]
    best_points: tuple[BestPoint, ...]  # one for each measured score
    missing: tuple[str, ...]  # published scores that were not measured
    mean_rank: float | None  # over all scores of the benchmark; None if some are missing
    position: float | None  # of that mean rank among those of all backbones, ties averaged
    of: int  # number of backbones
    refusal: str  # why the values are not comparable with published ones; "" if they are


def backbone_positions(scores: ScoreSet, name: str, *, anyway: bool = False) -> list[BackbonePosition]:
    """Find the position of a backbone in each published benchmark and setting, by all of its points measured there.

    Args:
        scores: own records and the published study.
        name: of a backbone, or of one of its loss networks or records.
        anyway: include values that are not comparable with published ones.

    Raises:
        UsageError: there are no scores of ``name``.
    """
    chosen = dict.fromkeys((row.backbone, row.setting, row.benchmark) for row in rows_of(scores, name))
    reasons = refusals(scores.records)
    results = []
    for backbone, setting, benchmark in chosen:
        own = [r for r in scores.rows if (r.backbone, r.setting, r.benchmark) == (backbone, setting, benchmark)]
        study = [r for r in scores.rows if r.origin == PUBLISHED and r.benchmark == benchmark]
        refusal = "; ".join(dict.fromkeys(filter(None, (reasons.get(i, "") for r in own for i in r.source.split()))))
        if study and (anyway or not refusal):
            others = [row for row in study if setting != PUBLISHED or row.backbone != backbone]
            results.append(_position(own, others, refusal))
    return [position for position in results if position.best_points]


def _position(own: Sequence[ScoreRow], study: Sequence[ScoreRow], refusal: str) -> BackbonePosition:
    scores = list(dict.fromkeys(row.score for row in study))
    mine = {score: [row for row in own if row.score == score] for score in scores}
    ranks = {
        score: tied_ranks(
            _best_values(row for row in study if row.score == score) | {SELF: max(row.goodness for row in rows)}
        )
        for score, rows in mine.items()
        if rows
    }
    missing = tuple(score for score in scores if score not in ranks)
    order = {} if missing else tied_ranks({name: -_mean(ranks, name) for name in ranks[scores[0]]})
    first = own[0]
    return BackbonePosition(
        *(first.backbone, first.setting, first.benchmark),
        measured_points=tuple(dict.fromkeys(row.point for row in own)),
        best_points=tuple(_best_point(score, mine[score], by_name[SELF]) for score, by_name in ranks.items()),
        missing=missing,
        mean_rank=None if missing else _mean(ranks, SELF),
        position=order.get(SELF),
        of=len({row.backbone for row in study}) + 1,
        refusal=refusal,
    )


def _best_point(score: str, own: Sequence[ScoreRow], rank: float) -> BestPoint:
    best = max(own, key=lambda row: row.goodness)
    return BestPoint(score, tuple(row.point for row in own if row.value == best.value), best.value, rank)


def _best_values(rows: Iterable[ScoreRow]) -> dict[str, float]:
    """Return the goodness of each backbone at its best point."""
    best: dict[str, float] = {}
    for row in rows:
        best[row.backbone] = max(best.get(row.backbone, float("-inf")), row.goodness)
    return best


def _mean(ranks: dict[str, dict[str, float]], name: str) -> float:
    return round(sum(by_name[name] for by_name in ranks.values()) / len(ranks), 9)
