"""The position of a loss network among the published ones: its rank, better and worse neighbors, and their cost.

Plain Python. Published values are those of Tables V to XI of Pihlgren2023.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from lnkit.analysis.attributes import attributes_by_network, plain_name
from lnkit.analysis.collect import ScoreSet
from lnkit.analysis.published.caveats import is_confound
from lnkit.analysis.published.metric_rules import METRIC_SETS
from lnkit.analysis.score_rows import PUBLISHED, ScoreRow
from lnkit.errors import UsageError, did_you_mean, near_names
from lnkit.results.records import RunRecord
from lnkit.results.seeds import ONE_TRAINING, listed, means_over_seeds

DIGITS = 9  # of a difference: beyond are binary fractions, which would tell equal differences apart
SHORTEST_HASH = 6  # digits of a record's hash that identify it
REFERENCE = "reference"  # the protocol variant that follows the reference code of Pihlgren2023


class Neighbor(NamedTuple):
    """A published loss network, compared with the positioned one."""

    loss_network: str
    value: float
    difference: float  # by how much the positioned one is better, in the unit of the score; negative if it is worse
    within_interval: bool  # the published value lies in the 95 % interval: which of the two is better is open
    macs_ratio: float | None  # macs of the positioned one over macs of this one; up to the points, at 224 x 224


class Position(NamedTuple):
    """The position of a loss network among the published ones in one score."""

    loss_network: str
    weights: str  # "IMAGENET1K_V1@1a2b3c4d"
    setting: str
    source: str  # id of the record, several ids for a mean, or the table of the study
    benchmark: str
    score: str
    value: float
    low: float | None  # 95 % interval
    high: float | None
    n: int | None  # items
    macs: float | None  # multiply-adds up to the point, at 224 x 224
    rank: float | None  # among the published ones and itself, ties averaged; None if it is not comparable
    best_rank: int | None  # within the interval; without an interval the rank, rounded down
    worst_rank: int | None
    of: int  # number of ranked loss networks
    study: str  # the source of the published values: "Pihlgren et al. 2023"
    above: tuple[Neighbor, ...]  # with a better value, the nearest first
    equal: tuple[Neighbor, ...]
    below: tuple[Neighbor, ...]
    counterpart: Neighbor | None  # the published value of the same loss network, for an own one
    refusal: str  # why the values are not comparable with published ones; "" if they are
    remarks: tuple[str, ...]  # sentences that qualify the comparison

    @property
    def better_and_cheaper(self) -> list[Neighbor]:
        """Published loss networks with a better value at fewer macs, the nearest first."""
        return [near for near in self.above if near.macs_ratio is not None and near.macs_ratio > 1]

    @property
    def worse_and_costlier(self) -> list[Neighbor]:
        """Published loss networks with a worse value at more macs, the nearest first."""
        return [near for near in self.below if near.macs_ratio is not None and near.macs_ratio < 1]


def positions(scores: ScoreSet, name: str, *, anyway: bool = False) -> list[Position]:
    """Find the positions of a loss network, or of all loss networks of a backbone, in every score that was published.

    Args:
        scores: own records and the published study.
        name: ``vgg16:late``, a backbone, or the id of a record, its hash or the start of its hash. Own results come
            before published ones of the same name.
        anyway: also rank values that are not comparable with published ones (sample data, cut-down protocols, other
            data, deviations); ``refusal`` still says so.

    Raises:
        UsageError: there is no such loss network, or none of its scores was published.
    """
    chosen = rows_of(scores, name)
    study: dict[tuple[str, str], list[ScoreRow]] = {}
    for row in scores.rows:
        if row.origin == PUBLISHED:
            study.setdefault((row.benchmark, row.score), []).append(row)
    shared = [row for row in chosen if (row.benchmark, row.score) in study]
    if not shared:
        raise UsageError(_nothing_shared(name, chosen, study))
    attributes = attributes_by_network(scores.rows, scores.records)
    macs = {network: known.get("point_macs") for network, known in attributes.items()}
    reasons = refusals(scores.records)
    return [_position(row, study[row.benchmark, row.score], macs, reasons, anyway=anyway) for row in shared]


def rows_of(scores: ScoreSet, name: str) -> list[ScoreRow]:
    """Find the rows of a loss network, a backbone or a record.

    Raises:
        UsageError: there are none.
    """
    own = [row for row in scores.rows if row.origin != PUBLISHED]
    for mean in means_over_seeds(record for record in scores.records if record.trained):
        if mean.runs and _is_id(mean.id, name):
            name = next(iter(mean.runs))  # a row of the mean names its runs
    for rows in (own, scores.rows):  # a published loss network only if no own one has its name
        for fits in (_has_source, _has_name, _has_plain_name):
            if chosen := [row for row in rows if fits(row, name)]:
                return chosen
    known = list(dict.fromkeys(text for row in (*own, *scores.rows) for text in (row.loss_network, row.backbone)))
    raise UsageError(
        f"There are no scores of {name!r}.{did_you_mean(near_names(name, known))} `lnkit results list` lists the "
        "results, and `lnkit eval --backbone NAME --point all --bench bapps` makes new ones."
    )


def _has_source(row: ScoreRow, name: str) -> bool:
    sources = row.source.split() if row.origin != PUBLISHED else []
    return any(_is_id(id_, name) for id_ in sources)


def _is_id(id_: str, name: str) -> bool:
    """Whether ``name`` is the id of a record, or the start of the hash in it."""
    return name == id_ or (len(name) >= SHORTEST_HASH and id_.rpartition("_")[2].startswith(name))


def _has_name(row: ScoreRow, name: str) -> bool:
    return name in (row.loss_network, row.backbone)


def _has_plain_name(row: ScoreRow, name: str) -> bool:
    return name in (plain_name(row.loss_network), plain_name(row.backbone))


def refusals(records: Iterable[RunRecord]) -> dict[str, str]:
    """Map the id of each record that is not comparable with published values to the reason, half a sentence."""
    return {record.id: record.incomparable for record in records if not record.comparable}


def _nothing_shared(name: str, chosen: Sequence[ScoreRow], study: Iterable[tuple[str, str]]) -> str:
    own = ", ".join(dict.fromkeys(f"{row.benchmark} {row.score}" for row in chosen))
    names: dict[str, list[str]] = {}
    for benchmark, score in study:
        names.setdefault(benchmark, []).append(score)
    published = "; ".join(f"{benchmark} ({', '.join(scores)})" for benchmark, scores in names.items())
    return (
        f"No score of {name} ({own}) is in the published study, which has {published or 'no such benchmark'}, or among "
        f"the published values of metrics, which are of {', '.join(METRIC_SETS)}. `lnkit eval` measures more."
    )


def _position(
    row: ScoreRow,
    published: Sequence[ScoreRow],
    macs: dict[str, float | None],
    reasons: dict[str, str],
    *,
    anyway: bool,
) -> Position:
    others = [other for other in published if other is not row]
    refusal = "; ".join(dict.fromkeys(reason for id_ in row.source.split() if (reason := reasons.get(id_, ""))))
    neighbors = [_neighbor(row, other, macs) for other in others]
    near = sorted(neighbors, key=lambda n: (abs(n.difference), n.loss_network)) if anyway or not refusal else []
    above = tuple(n for n in near if n.difference < 0)
    equal = tuple(n for n in near if n.difference == 0)
    below = tuple(n for n in near if n.difference > 0)

    return Position(
        *(row.loss_network, row.weights, row.setting, row.source, row.benchmark, row.score),
        *(row.value, row.low, row.high, row.n),
        macs=macs.get(row.loss_network),
        rank=len(above) + len(equal) / 2 + 1 if near else None,
        best_rank=sum(not n.within_interval for n in above) + 1 if near else None,
        worst_rank=len(above) + sum(n.within_interval for n in (*equal, *below)) + 1 if near else None,
        of=len(others) + 1,
        study=others[0].source.rpartition(",")[0],
        above=above,
        equal=equal,
        below=below,
        counterpart=next((n for n in neighbors if n.loss_network == plain_name(row.loss_network)), None),
        refusal=refusal,
        remarks=tuple(_remarks(row, others)),
    )


def _neighbor(row: ScoreRow, other: ScoreRow, macs: dict[str, float | None]) -> Neighbor:
    mine, theirs = macs.get(row.loss_network), macs.get(other.loss_network)
    ratio = mine / theirs if mine is not None and theirs else None
    inside = row.low is not None and row.high is not None and row.low <= other.value <= row.high
    sign = 1 if row.higher_is_better else -1
    return Neighbor(other.loss_network, other.value, round(sign * (row.value - other.value), DIGITS), inside, ratio)


def _remarks(row: ScoreRow, published: Sequence[ScoreRow]) -> Iterator[str]:
    """Qualify the comparison of a value with published ones."""
    if row.origin != PUBLISHED:
        yield from _own_remarks(row)
    for caveat in dict.fromkeys(other.caveat for other in published if other.caveat):
        if is_confound(caveat):
            yield f"On the published values: {caveat}."
        else:
            yield f"A rank among these published values means little: {caveat}."


def _own_remarks(row: ScoreRow) -> Iterator[str]:
    if row.variant == REFERENCE:
        yield f"The protocol {REFERENCE!r} follows the reference code, which made the published values."
    else:
        yield (
            f"The protocol is {row.variant!r}; the reference code, which made the published values, is followed by "
            f"{REFERENCE!r}. Part of a difference may be due to the protocol."
        )
    runs = len(row.source.split())
    if row.spread:
        yield (
            f"{row.score} is the mean over the seeds {listed(row.spread.seeds)}, with a standard deviation of "
            f"{row.spread.sd:.2g}; {'it has no interval' if row.low is None else 'the interval includes that spread'}."
        )
    elif runs > 1:
        yield f"The value is the mean of {runs} runs and has no interval."
    elif row.trained:
        yield f"{ONE_TRAINING[0].upper()}{ONE_TRAINING[1:]}."
    elif row.low is None:
        yield "The value has no interval, so the uncertainty of its rank is unknown."
    if row.collapsed:
        yield "The training collapsed; the value is that of the best network before."
