"""The position of own scores among published values of metrics, wherever protocol and split agree. Plain Python."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.published.metric_rows import PublishedMetric, published_metrics
from lnkit.analysis.published.metric_rules import KINDS, METRIC_SETS, Kind, MetricSet
from lnkit.analysis.published.position import DIGITS, refusals, rows_of
from lnkit.analysis.score_rows import PUBLISHED, ScoreRow
from lnkit.results.records import RunRecord

SIGNED = ("srcc", "krcc", *KINDS)  # correlations, of which the own ones keep their sign
OWN, IMAGES = "the own result", "other images"  # what differs
OTHER_LABELS = "other labels:"  # first words of a note on labels that are not the published ones


class RankedMetric(NamedTuple):
    """A published value, compared with an own one."""

    metric: PublishedMetric
    difference: float  # by how much the own value is better; negative if it is worse
    undecided: bool  # within the interval of the own value, widened by the tolerance between implementations


class StudyRank(NamedTuple):
    """The rank of an own value among the rows of one published table."""

    study: str
    rank: float  # among the rows and itself, ties averaged
    best_rank: int  # if all that is undecided fell in favor of the own value
    worst_rank: int
    of: int
    above: tuple[RankedMetric, ...]  # with a better value, the nearest first
    equal: tuple[RankedMetric, ...]
    below: tuple[RankedMetric, ...]

    @property
    def all(self) -> tuple[RankedMetric, ...]:
        """All rows, the best first."""
        return (*reversed(self.above), *self.equal, *self.below)


class LeftOut(NamedTuple):
    """Published values of the same data set and kind of score that do not compare with an own value."""

    what: str  # differs: OWN, "other images", "another image size"
    reason: str
    metrics: tuple[PublishedMetric, ...]


class MetricPosition(NamedTuple):
    """An own score among the published values of metrics."""

    loss_network: str
    weights: str
    setting: str
    source: str  # id of the record
    benchmark: str
    variant: str
    score: str
    primary: bool
    value: float
    low: float | None  # 95 % interval
    high: float | None
    n: int | None
    dataset: str
    split: str  # "" where the images are of no published split
    higher_is_better: bool
    ranks: tuple[StudyRank, ...]
    left_out: tuple[LeftOut, ...]
    refusal: str  # why the own value compares with no published one; "" if it may
    remarks: tuple[str, ...]

    @property
    def wrong_way(self) -> bool:
        """Whether the distance falls where people see more distortion."""
        return self.value < 0 and self.score in SIGNED


def metric_positions(scores: ScoreSet, name: str, *, anyway: bool = False) -> list[MetricPosition]:
    """Find the position of a loss network among the published metrics of each data set on which it was scored.

    Only rows of the same images, label file, image size, kind of score and fit are ranked, table by table, since tables
    share metrics. All others are in ``left_out`` with the reason. Published absolute values are compared with the own
    value as it is, with its sign.

    Args:
        scores: own records.
        name: of a loss network, a backbone or a record, as for :func:`lnkit.analysis.positions`.
        anyway: also rank values made on sample data, with cut-down protocols, other data or deviations; ``refusal``
            still says so.

    Returns:
        One position for each score that is published for its data set; none if there is no such score.

    Raises:
        UsageError: there are no scores of ``name``.
    """
    rows = [row for row in rows_of(scores, name) if row.origin != PUBLISHED and row.benchmark in METRIC_SETS]
    own = [record for record in scores.records if any(_may_be_of(record, row) for row in rows)]
    records = {record.id: record for record in own}
    reasons = refusals(own)
    found = []
    for row in rows:
        known = METRIC_SETS[row.benchmark]
        runs = [records[id_] for id_ in row.source.split() if id_ in records]
        if runs and (candidates := _candidates(row, runs[0], known)):
            refusal = "; ".join(dict.fromkeys(filter(None, (reasons.get(run.id) or _labels(run) for run in runs))))
            found.append(_position(row, runs[0], known, candidates, refusal, anyway=anyway))
    return found


def _may_be_of(record: RunRecord, row: ScoreRow) -> bool:
    """Return whether a row may be of a record; cheaper than its id, which is a hash."""
    return record.key.benchmark == row.benchmark and row.backbone.startswith(record.key.backbone)


def _labels(record: RunRecord) -> str:
    """Say how the labels of a record differ from the published ones; "" if nothing shows that they do."""
    return next((f"made with {note}" for note in record.notes if note.startswith(OTHER_LABELS)), "")


def kind_of(score: str) -> Kind:
    """Return what kind of score an own one is, in the words of the published tables."""
    return KINDS.get(score, Kind(score.partition("/")[0]))


def _candidates(row: ScoreRow, record: RunRecord, known: MetricSet) -> list[PublishedMetric]:
    """Return the rows of the data set with the same kind of score, whatever their split, size and fit."""
    if "/" in row.score and (known.split_by != "score" or row.score not in known.splits):
        return []  # of one distortion
    kind = kind_of(row.score)
    rows = [m for m in published_metrics(known.table) if (m.dataset, m.score) == (known.dataset, kind.score)]
    return [m for m in rows if known.split_by != "score" or m.split in (_split(row, record, known), "val")]


def _position(
    row: ScoreRow,
    record: RunRecord,
    known: MetricSet,
    candidates: Sequence[PublishedMetric],
    refusal: str,
    *,
    anyway: bool,
) -> MetricPosition:
    split = _split(row, record, known)
    kind = kind_of(row.score)
    reasons = {metric: _mismatch(metric, row, known, split, kind) for metric in candidates}
    if refusal and not anyway:
        reasons = dict.fromkeys(candidates, (OWN, f"it was {refusal}"))
    ranked = [metric for metric, reason in reasons.items() if reason is None]
    counts = Counter(reason for reason in reasons.values() if reason is not None)
    return MetricPosition(
        *(row.loss_network, row.weights, row.setting, row.source, row.benchmark, row.variant, row.score, row.primary),
        *(row.value, row.low, row.high, row.n, known.dataset, split, row.higher_is_better),
        ranks=tuple(
            _rank(study, row, [metric for metric in ranked if metric.study == study])
            for study in dict.fromkeys(metric.study for metric in ranked)
        ),
        left_out=tuple(
            LeftOut(*reason, tuple(metric for metric, other in reasons.items() if other == reason))
            for reason, _ in counts.most_common()
        ),
        refusal=refusal,
        remarks=tuple(_remarks(row, ranked)),
    )


def _split(row: ScoreRow, record: RunRecord, known: MetricSet) -> str:
    """Return the published split that was scored; "" if it is none of them, or if there are none."""
    told = {**record.key.protocol, "images": row.n, "score": row.score}
    split = known.splits.get(told.get(known.split_by), "")
    return known.labels.get(told.get("labels"), "") if known.labels and split else split


def _mismatch(
    metric: PublishedMetric, row: ScoreRow, known: MetricSet, split: str, kind: Kind
) -> tuple[str, str] | None:
    """Say what of a published value and an own one differs, and how; None if they compare."""
    protocol = known.protocols.get(row.variant)
    if protocol is None:
        usual = ", ".join(known.protocols)
        return OWN, f"its protocol is {row.variant!r}, and published values are of {usual}"
    if known.splits and not split:
        return OWN, f"its {row.n or 0:,} items are no published split"
    if metric.never:
        return IMAGES, metric.reason
    if metric.split != split:
        return IMAGES, metric.split
    if metric.fit != kind.fit:
        return "another fit before Pearson's correlation", metric.fit
    if metric.size not in protocol.sizes and metric.study not in protocol.studies:
        return "another image size", f"{metric.size}{f': {metric.reason}' if metric.reason else ''}"
    return None


def _rank(study: str, row: ScoreRow, metrics: Iterable[PublishedMetric]) -> StudyRank:
    ranked = sorted(
        (_compared(row, metric) for metric in metrics), key=lambda one: (abs(one.difference), one.metric.metric)
    )
    above = tuple(one for one in ranked if one.difference < 0)
    equal = tuple(one for one in ranked if one.difference == 0)
    below = tuple(one for one in ranked if one.difference > 0)
    return StudyRank(
        study,
        rank=len(above) + len(equal) / 2 + 1,
        best_rank=sum(not one.undecided for one in above) + 1,
        worst_rank=len(above) + sum(one.undecided for one in (*equal, *below)) + 1,
        of=len(ranked) + 1,
        above=above,
        equal=equal,
        below=below,
    )


def _compared(row: ScoreRow, metric: PublishedMetric) -> RankedMetric:
    low = row.value if row.low is None else row.low
    high = row.value if row.high is None else row.high
    inside = round(low - metric.tolerance, DIGITS) <= metric.value <= round(high + metric.tolerance, DIGITS)
    difference = round((row.value - metric.value) * (1 if row.higher_is_better else -1), DIGITS)
    return RankedMetric(metric, difference, inside)


def _remarks(row: ScoreRow, ranked: Sequence[PublishedMetric]) -> Iterator[str]:
    """Qualify the comparison of an own value with published ones."""
    if row.value < 0 and row.score in SIGNED:
        yield f"The {row.score} is negative: the distance goes the wrong way, and falls where people see distortion."
    if ranked and row.low is None:
        yield "The value has no interval, so the uncertainty of its rank is unknown."
    for caveat, count in Counter(metric.caveat for metric in ranked if metric.caveat).items():
        yield f"{count} of the published values: {caveat}."
