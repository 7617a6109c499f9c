"""Own and published scores of loss networks as rows of one form.

pandas is imported only for :func:`to_frame`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lnkit.analysis.published.tables import read_rows
from lnkit.results.comparability import DISTANCE, protocol_facts
from lnkit.results.records import RunRecord, ScoreRecord, SeedSpread
from lnkit.results.spread import ScoreEstimate
from lnkit.specs import loss_network_label

if TYPE_CHECKING:
    import pandas as pd

OWN, PUBLISHED = "own", "published"

_PUBLISHED_UNITS = {"superres": "dB", "delineation": "percent"}  # the others, and SSIM, are fractions


class ScoreRow(NamedTuple):
    """One score of one loss network."""

    setting: str  # only values of one setting are ranked together: "bapps/paper@3f2a9c", or "published"
    origin: str  # "own" or "published"
    source: str  # id of the record, or "Pihlgren et al. 2023, Table V"
    benchmark: str  # "bapps"
    variant: str  # "paper"; "published" of published values, made by the reference code
    score: str  # "2afc"
    backbone: str  # "vgg16"; "vgg16@1a2b3c4d" where several sets of weights were measured
    point: str  # "late", "early+mid"
    loss_network: str  # "vgg16:late"
    family: str  # "VGG"
    weights: str  # "IMAGENET1K_V1@1a2b3c4d"
    value: float
    low: float | None = None  # 95 % interval over items; of a mean over seeds also over seeds
    high: float | None = None
    n: int | None = None  # items
    unit: str = "fraction"
    higher_is_better: bool = True
    primary: bool = True
    comparable: bool = True  # with published scores: full protocol, official data
    collapsed: bool = False
    sample: bool = False
    seed: int | None = None
    signature: str = ""
    caveat: str = ""  # on a doubtful published figure; "" for most
    trained: bool = False  # an own score that depends on the seed of a training
    spread: SeedSpread | None = None  # of a mean over seeds

    @property
    def goodness(self) -> float:
        """The value, negated if lower is better: larger is always better."""
        return self.value if self.higher_is_better else -self.value

    @property
    def estimate(self) -> ScoreEstimate:
        """The value with its uncertainty, which is unknown for a single training."""
        interval = None if self.low is None or self.high is None else (self.low, self.high)
        return ScoreEstimate(self.value, None if self.trained and self.spread is None else interval, self.spread)


def from_records(records: Sequence[RunRecord]) -> list[ScoreRow]:
    """Return every score of every record, in the order of the records.

    The setting is a hash of the facts that :mod:`lnkit.results.comparability` compares: protocol, data, precision, but
    not seed, weights or machine. A backbone with a distance of its own joins the setting of the other backbones if
    exactly one fits.
    """
    labeled = zip(records, _settings(records), _backbone_labels(records), strict=True)
    return [row for record, setting, label in labeled for row in _own(record, setting, label)]


def from_published() -> list[ScoreRow]:
    """Return Tables V to XI of Pihlgren2023: 19 scores of 56 loss networks."""
    families = {row["backbone"]: row["family"] for row in read_rows("attributes")}
    return [_published(row, families[row["backbone"]]) for row in read_rows("performance_scores")]


def merge_repeats(rows: Iterable[ScoreRow]) -> tuple[list[ScoreRow], list[str]]:
    """Replace repeated runs of one loss network in one setting by their mean.

    Repeats differ in versions or machine, or in the seed of what is not trained; trainings that differ only in their
    seed are one record already. Their mean has no interval: the intervals of the runs are over items.

    Returns:
        Rows whose setting, score and loss network are unique, and a sentence for each loss network with several runs.
    """
    groups: dict[tuple[str, str, str], list[ScoreRow]] = {}
    for row in rows:
        groups.setdefault((row.setting, row.score, row.loss_network), []).append(row)
    return [group[0] if len(group) == 1 else _mean(group) for group in groups.values()], _say_repeats(groups)


def to_frame(rows: Iterable[ScoreRow]) -> pd.DataFrame:
    """Return the rows as a DataFrame with the fields of :class:`ScoreRow` as columns.

    Instead of ``spread`` there are ``seeds``, the number of seeds of an own score, and ``sd``, the standard deviation
    over them.
    """
    import pandas as pd  # noqa: PLC0415 - slow to import

    rows = list(rows)
    frame = pd.DataFrame(rows, columns=list(ScoreRow._fields)).drop(columns="spread")
    frame["seeds"] = [len(row.spread.seeds) if row.spread else 1 if row.origin == OWN else pd.NA for row in rows]
    frame["sd"] = [row.spread.sd if row.spread else float("nan") for row in rows]
    numbers = dict.fromkeys(("value", "low", "high", "sd"), "float64")
    return frame.astype(numbers | dict.fromkeys(("n", "seed", "seeds"), "Int64"))


def _own(record: RunRecord, setting: str, backbone: str) -> list[ScoreRow]:
    key = record.key
    point = "+".join(key.points)
    shared: dict[str, Any] = {
        "setting": setting,
        "origin": OWN,
        "source": " ".join(record.runs) or record.id,
        "benchmark": key.benchmark,
        "variant": key.variant,
        "backbone": backbone,
        "point": point,
        "loss_network": loss_network_label(backbone, key.points),
        "family": record.family,
        "weights": f"{record.weights or 'weights'}@{_weights_digest(record)}",
        "comparable": record.comparable,
        "collapsed": bool(record.collapsed),
        "sample": record.sample,
        "seed": key.seed,
        "trained": record.trained,
    }
    return [_own_score(name, score, shared) for name, score in record.scores.items()]


def _own_score(name: str, score: ScoreRecord, shared: Mapping[str, Any]) -> ScoreRow:
    low, high = score.interval or (None, None)
    return ScoreRow(
        score=name,
        value=score.value,
        low=low,
        high=high,
        n=score.n,
        unit=score.unit,
        higher_is_better=score.higher_is_better,
        primary=score.primary,
        signature=score.signature,
        spread=score.spread,
        **shared,
    )


def _published(row: Mapping[str, str], family: str) -> ScoreRow:
    return ScoreRow(
        setting=PUBLISHED,
        origin=PUBLISHED,
        source=row["source"],
        benchmark=row["benchmark"],
        variant=PUBLISHED,
        score=row["score"],
        backbone=row["backbone"],
        point=row["point"],
        loss_network=f"{row['backbone']}:{row['point']}",
        family=family,
        weights="IMAGENET1K_V1",
        value=float(row["value"]),
        unit="fraction" if "ssim" in row["score"] else _PUBLISHED_UNITS.get(row["benchmark"], "fraction"),
        caveat=row["caveat"],
    )


def _settings(records: Sequence[RunRecord]) -> list[str]:
    """Return the setting of each record."""
    facts = [protocol_facts(record) for record in records]
    distances: dict[str, set[str]] = {}  # of all records that agree in everything else
    for record, known in zip(records, facts, strict=True):
        if not record.own_distance:
            distances.setdefault(_without_distance(known), set()).add(str(known.get(DISTANCE)))
    return [_setting(record, known, distances) for record, known in zip(records, facts, strict=True)]


def _setting(record: RunRecord, facts: Mapping[str, object], distances: Mapping[str, set[str]]) -> str:
    others = _without_distance(facts)
    candidates = distances.get(others, set()) if record.own_distance else {str(facts.get(DISTANCE))}
    distance = next(iter(candidates)) if len(candidates) == 1 else "own"
    digest = hashlib.sha256(f"{others}\n{distance}".encode()).hexdigest()
    return f"{record.key.benchmark}/{record.key.variant}@{digest[:6]}"


def _without_distance(facts: Mapping[str, object]) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(facts.items()) if name != DISTANCE)


def _backbone_labels(records: Sequence[RunRecord]) -> list[str]:
    """Name the backbone of each record, with the hash of its weights where records have several."""
    weights: dict[str, set[str]] = {}
    names = [(record.key.backbone, _weights_digest(record)) for record in records]
    for name, digest in names:
        weights.setdefault(name, set()).add(digest)
    return [f"{name}@{digest}" if len(weights[name]) > 1 else name for name, digest in names]


def _weights_digest(record: RunRecord) -> str:
    """Hash the weights of a loss network, those of its backbone and of a learned distance, to eight digits."""
    facts = record.key
    if not facts.extra:
        return facts.weights_sha256[:8]
    return hashlib.sha256(f"{facts.weights_sha256} {sorted(facts.extra.items())}".encode()).hexdigest()[:8]


def _mean(group: Sequence[ScoreRow]) -> ScoreRow:
    first = group[0]

    return first._replace(
        value=sum(row.value for row in group) / len(group),
        low=None,
        high=None,
        seed=None,
        spread=None,
        source=" ".join(row.source for row in group),
        signature=f"mean of {len(group)} runs|{first.signature}",
        collapsed=any(row.collapsed for row in group),
        comparable=all(row.comparable for row in group),
    )


def _say_repeats(groups: Mapping[tuple[str, str, str], Sequence[ScoreRow]]) -> list[str]:
    runs = {(setting, network): len(group) for (setting, _, network), group in groups.items() if len(group) > 1}
    return [
        f"{network} was run {count} times in {setting}: its scores are means over the runs."
        for (setting, network), count in runs.items()
    ]
