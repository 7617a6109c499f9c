"""The published values of metrics in one form: signs turned, sizes and fits named. Plain Python."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from lnkit.analysis.published.metric_rules import (
    ABSOLUTE,
    AS_SHOWN,
    FLOAT32,
    IQA,
    LIBRARIES,
    PSYCHOPHYSICS,
    RAW_SIGN,
    RAW_SIGNS,
    ROW_RULES,
    TOLERANCES,
    RowRule,
)
from lnkit.analysis.published.tables import CAI2025, DETECTION, MASKING, Row, read_rows


class PublishedMetric(NamedTuple):
    """A published value of a metric on a data set of human judgments."""

    table: str  # in the package
    study: str  # name of the source in prints: "JLD sizes" is the second table of JLD
    source: str  # as in the table
    metric: str
    trained_on: str
    dataset: str
    split: str
    score: str  # "srcc", "plcc"
    fit: str  # before plcc: "none", "logistic5"
    size: str  # at which images were compared
    value: float  # turned so that a higher value agrees with people, where it is a correlation
    absolute: bool  # the source prints no sign
    computed: bool  # from figures of the source by whoever collected the table
    tolerance: float  # of the same metric computed elsewhere
    reason: str  # why the size is this one, or is not settled; why the row compares with nothing
    never: bool  # compares with nothing
    note: str
    caveat: str


COPIED = ("source", "metric", "trained_on", "dataset", "split", "score", "note", "caveat")
MEANS = {"detection_spearman": DETECTION, "masking_spearman": MASKING}  # scores of lnkit's benchmark, in no paper


def published_metrics(table: str) -> list[PublishedMetric]:
    """Return the rows of a table, one for each score.

    Args:
        table: ``iqa_tables`` or ``psychophysics_models``.
    """
    return list(_rows(table))


@cache
def _rows(table: str) -> tuple[PublishedMetric, ...]:
    read = {IQA: lambda row: [_metric(row)], PSYCHOPHYSICS: _model}[table]
    return tuple(metric for row in read_rows(table) for metric in read(row))


def rule_of(row: Row) -> RowRule:
    """Return the rule that holds for a row of the table of metrics."""
    return next(rule for rule in ROW_RULES if _fits(rule, row))


def _fits(rule: RowRule, row: Row) -> bool:
    return (
        row["source"].startswith(rule.source)
        and rule.note in row["note"]
        and row["metric"] in (rule.metrics or (row["metric"],))
        and row["dataset"] in (rule.datasets or (row["dataset"],))
    )


def _metric(row: Row) -> PublishedMetric:
    rule = rule_of(row)
    sign = RAW_SIGNS[row["dataset"]] if row["sign_convention"] == RAW_SIGN else 1
    return PublishedMetric(
        table=IQA,
        study=rule.study,
        fit=rule.fit if row["score"] == "plcc" else "",
        size=rule.size,
        value=sign * float(row["value"]),
        absolute=row["sign_convention"] == ABSOLUTE,
        computed=row["computed"] == "1",
        tolerance=LIBRARIES,
        reason=rule.reason,
        never=rule.never,
        **{
            name: row[name]
            for name in ("source", "metric", "trained_on", "dataset", "split", "score", "note", "caveat")
        },
    )


def _model(row: Row) -> list[PublishedMetric]:
    """Return the scores of a model on the psychophysical tests, and the means of them that lnkit's benchmark has."""
    values = {name: float(row[name]) for name in (*DETECTION, *MASKING, "matching_rmse")}
    printed = set(values)
    for name, parts in MEANS.items():
        values[name] = sum(values[part] for part in parts) / len(parts)
    values["matching_rmse_pooled"] = float(row["matching_rmse_pooled_recomputed"])
    return [
        PublishedMetric(
            table=PSYCHOPHYSICS,
            study=CAI2025,
            source=row["source"],
            metric=" ".join(filter(None, (row["family"], row["architecture"]))),
            trained_on=row["training_data"],
            dataset=CAI2025,
            split="",
            score=score,
            fit="",
            size=AS_SHOWN,
            value=value,
            absolute=False,
            computed=score not in printed,
            tolerance=_tolerance(score),
            reason="",
            never=False,
            note="",
            caveat=row["caveat"] if score == "matching_rmse" else "",
        )
        for score, value in values.items()
    ]


def _tolerance(score: str) -> float:
    parts = MEANS.get(score, (score,))
    return sum(TOLERANCES.get(part, FLOAT32) for part in parts) / len(parts)
