"""Correlations of scores with attributes and with each other, with intervals and corrections for multiple tests.

Scores are oriented first: a positive coefficient means that *better* scores go with larger attributes or with better
other scores, whatever the direction of the score. The unit of analysis is the loss network, or the backbone by its best
point. The loss networks of one backbone are not independent cases, so the bootstrap draws backbones with all their
points (see :mod:`lnkit.stats.coefficients`).

``p_holm`` (Holm 1979) and ``p_bh`` (Benjamini and Hochberg 1995) correct ``p`` for the family of all tests of one
method in the same table: all settings, scores and attributes of the call. Rows filtered out before do not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from lnkit.analysis.attributes import ATTRIBUTES
from lnkit.analysis.rankings import SCORE, with_goodness
from lnkit.errors import UsageError
from lnkit.stats.bootstrap import Sampling
from lnkit.stats.coefficients import Coefficient, correlate
from lnkit.stats.rank_correlation import METHODS, Array

LOSS_NETWORKS, BACKBONES = "loss networks", "backbones"
UNITS = (LOSS_NETWORKS, BACKBONES)

_CORRECTED = ["p_holm", "p_bh"]
_NUMBERS = [name for name in Coefficient._fields if name not in ("note", "n", "clusters")]


@dataclass(frozen=True)
class ScoreColumn:
    """One score in one setting, for all cases that have it."""

    setting: str
    benchmark: str
    score: str
    caveat: str
    cases: pd.DataFrame  # indexed by loss network or backbone: goodness (larger is better), backbone, loss_network


def score_columns(frame: pd.DataFrame, unit: str = LOSS_NETWORKS) -> list[ScoreColumn]:
    """Split score rows into one column per score, oriented so that larger is better.

    Args:
        frame: see :func:`lnkit.analysis.score_rows.to_frame`.
        unit: "loss networks", or "backbones" by their best points, the first of equal ones.

    Raises:
        UsageError: there is no such unit.
    """
    if unit not in UNITS:
        raise UsageError(f"Expected one of {', '.join(UNITS)} as the unit of analysis, got {unit!r}.")
    known = with_goodness(frame).dropna(subset="goodness")
    if unit == BACKBONES:
        known = known.loc[known.groupby([*SCORE, "backbone"], sort=False).goodness.idxmax()]
    key = "loss_network" if unit == LOSS_NETWORKS else "backbone"
    return [_column(group, key) for _, group in known.groupby(SCORE, sort=False)]


def _column(group: pd.DataFrame, key: str) -> ScoreColumn:
    setting, benchmark, score = group[SCORE].iloc[0]
    cases = group[["goodness", "backbone", "loss_network"]].set_index(pd.Index(group[key], name="case"))
    return ScoreColumn(setting, benchmark, score, joined(group.caveat), cases)


def attribute_correlations(
    frame: pd.DataFrame,
    attributes: pd.DataFrame,
    *,
    unit: str = LOSS_NETWORKS,
    methods: Sequence[str] = METHODS,
    sampling: Sampling | None = None,
) -> pd.DataFrame:
    """Correlate every score with every attribute, within each setting.

    Args:
        frame: of score rows.
        attributes: see :func:`lnkit.analysis.attributes.attributes_frame`. With the unit "backbones", attributes of a
            point are those of the best point. An attribute of 0 and 1 gives the point-biserial coefficient.
        unit: "loss networks", or "backbones" by their best points.
        methods: "pearson", "spearman", "kendall".
        sampling: of the bootstrap.

    Returns:
        setting, benchmark, score, attribute, method, then coefficient, low, high, interval_by, p, p_independent, n,
        clusters, note (see :class:`lnkit.stats.coefficients.Coefficient`), p_holm, p_bh, caveat.
    """
    options = _Options(_known(methods), sampling or Sampling())
    pairs = product(score_columns(frame, unit), [name for name in ATTRIBUTES if name in attributes.columns])
    rows = (row for column, name in pairs for row in _with_attribute(column, attributes[name], options))
    return _table(rows, [*SCORE, "attribute"])


def score_correlations(
    frame: pd.DataFrame,
    *,
    unit: str = LOSS_NETWORKS,
    methods: Sequence[str] = METHODS,
    sampling: Sampling | None = None,
) -> pd.DataFrame:
    """Correlate every two scores over the loss networks or backbones that have both, also across settings.

    Args:
        frame: of score rows.
        unit: "loss networks", or "backbones" by their best points.
        methods: "pearson", "spearman", "kendall".
        sampling: of the bootstrap.

    Returns:
        setting, benchmark, score, other_setting, other_benchmark, other_score, method, then the columns of
        :func:`attribute_correlations`. Pairs without a common case are missing.
    """
    options = _Options(_known(methods), sampling or Sampling())
    pairs = combinations(score_columns(frame, unit), 2)
    rows = (row for a, b in pairs if shared(a, b) for row in _with_score(a, b, options))
    return _table(rows, [*SCORE, *(f"other_{name}" for name in SCORE)])


def shared(a: ScoreColumn, b: ScoreColumn) -> int:
    """Count the cases that two scores have in common."""
    return int((b.cases.index.get_indexer(a.cases.index) >= 0).sum())


def paired(a: ScoreColumn, b: ScoreColumn) -> pd.DataFrame:
    """Return the cases that two scores share: goodness, other, backbone."""
    positions = b.cases.index.get_indexer(a.cases.index)  # -1: missing
    return a.cases.assign(other=b.cases.goodness.to_numpy()[positions])[positions >= 0]


def corrected(p: Array) -> tuple[Array, Array]:
    """Correct p-values (N,) by Holm's and by Benjamini and Hochberg's method; NaN are no tests and stay NaN."""
    holm, bh = np.full((2, len(p)), np.nan)
    tested = np.isfinite(p)
    if tested.any():
        holm[tested] = _holm(p[tested])
        bh[tested] = stats.false_discovery_control(p[tested])
    return holm, bh


def _holm(p: Array) -> Array:
    """Multiply the k-th smallest of m p-values by m - k + 1, never below its predecessor."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    holm = np.empty_like(p)
    holm[order] = np.minimum(stepped, 1)
    return holm


def joined(caveats: Iterable[str]) -> str:
    """Join the distinct caveats; one that is a part of another is left out."""
    texts = list(dict.fromkeys(text for text in caveats if text))
    return "; ".join(text for text in texts if not any(text in other for other in texts if other != text))


def _known(methods: Sequence[str]) -> Sequence[str]:
    for method in methods:
        if method not in METHODS:
            raise UsageError(f"Expected one of {', '.join(METHODS)} as the correlation, got {method!r}.")
    return methods


def _labels(column: ScoreColumn) -> dict[str, Any]:
    return {"setting": column.setting, "benchmark": column.benchmark, "score": column.score}


@dataclass(frozen=True)
class _Options:
    methods: Sequence[str]
    sampling: Sampling


def _with_attribute(column: ScoreColumn, attribute: pd.Series, options: _Options) -> Iterator[dict[str, Any]]:
    values = attribute.reindex(column.cases.loss_network).to_numpy(dtype=np.float64)
    labels = _labels(column) | {"attribute": attribute.name, "caveat": column.caveat}
    for coefficient in _correlated(column.cases.goodness.to_numpy(), values, column.cases.backbone, options):
        yield labels | coefficient


def _with_score(a: ScoreColumn, b: ScoreColumn, options: _Options) -> Iterator[dict[str, Any]]:
    both = paired(a, b)
    labels = _labels(a) | {f"other_{name}": value for name, value in _labels(b).items()}
    labels |= {"caveat": joined([a.caveat, b.caveat])}
    for coefficient in _correlated(both.goodness.to_numpy(), both.other.to_numpy(), both.backbone, options):
        yield labels | coefficient


def _correlated(x: Array, y: Array, backbones: pd.Series, options: _Options) -> Iterator[dict[str, Any]]:
    known = np.isfinite(x) & np.isfinite(y)
    names = backbones.to_numpy(dtype=object)[known]
    for method in options.methods:
        yield {"method": method} | correlate(method, x[known], y[known], names, options.sampling)._asdict()


def _table(rows: Iterator[dict[str, Any]], labels: Sequence[str]) -> pd.DataFrame:
    columns = [*labels, "method", *Coefficient._fields]
    table = pd.DataFrame(list(rows), columns=[*columns, "caveat"])
    table = table.astype(dict.fromkeys([n for n in _NUMBERS if n != "interval_by"], "float64"))
    table = table.reindex(columns=[*columns, *_CORRECTED, "caveat"])
    for _, family in table.groupby("method"):
        table.loc[family.index, "p_holm"], table.loc[family.index, "p_bh"] = corrected(family.p.to_numpy())
    return table
