"""Audit of the published tables: recomputes their figures from each other and from the networks.

No result is hard-coded: each finding is computed from the figures in the package, so a corrected table would pass. Only
the finding on the training mode rests on reading the reference code; its evidence is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lnkit.analysis.published import frames as published
from lnkit.analysis.published.audit_finding import AGREES, DIFFERS, SUSPECT, AuditFinding
from lnkit.analysis.published.audit_metrics import METRIC_CHECKS, matching_errors
from lnkit.analysis.published.caveats import AGREEING, CONTRADICTING, TRAINED
from lnkit.analysis.rankings import best_points, mean_ranks
from lnkit.analysis.score_rows import from_published, to_frame

ROUNDED = 0.005  # Table III is printed with two decimals
TIES = 0.25  # ties of rounded scores move a mean rank over two scores by up to half a rank in one of them
STRAIGHT = 0.99  # R squared of sorted values above which they form a straight line
NETWORKS = 56


@dataclass(frozen=True)
class PublishedTables:
    """The tables to audit."""

    scores: pd.DataFrame  # as of to_frame
    rankings: pd.DataFrame
    best: pd.DataFrame
    attributes: pd.DataFrame
    computed: pd.DataFrame
    early_stopping: pd.DataFrame
    metrics: pd.DataFrame
    models: pd.DataFrame

    @classmethod
    def shipped(cls) -> PublishedTables:
        """Read the tables of the package."""
        return cls(
            to_frame(from_published()),
            published.average_rankings(),
            published.best_points(),
            published.attributes(),
            published.computed_attributes(),
            published.early_stopping_scores(),
            published.iqa_tables(),
            published.psychophysics_models(),
        )


def audit(tables: PublishedTables | None = None) -> list[AuditFinding]:
    """Check the published tables against each other and against the networks.

    Args:
        tables: those of the package if None.

    Returns:
        One finding for each check: completeness, mean ranks (Table III), best points (Table IV), the running sum
        (Table X), batch norm and the training mode (Tables X and XI), attributes and macs (Table I) of Pihlgren2023;
        Table 1 of Kumar2022 against its text; then the sources of the table of metrics against each other, and the
        scores of Cai2025 against its curves.
    """
    tables = tables or PublishedTables.shipped()
    of_metrics = [check(tables.metrics) for check in METRIC_CHECKS]
    return [*(check(tables) for check in _CHECKS), *of_metrics, matching_errors(tables.models)]


def _completeness(tables: PublishedTables) -> AuditFinding:
    counts = tables.scores.groupby(["benchmark", "score"], sort=False).loss_network.nunique()
    missing = counts[counts != NETWORKS]
    rows = [(" ".join(map(str, index)), str(count)) for index, count in zip(missing.index, missing, strict=True)]
    summary = f"{len(counts)} scores, {len(tables.scores):,} values; each of {NETWORKS} loss networks has " + (
        "every score." if missing.empty else f"not every score: {len(missing)} have gaps."
    )

    return AuditFinding(
        "completeness",
        "Tables V to XI: complete",
        ("performance_scores",),
        AGREES if missing.empty else DIFFERS,
        summary,
        ("score", "loss networks"),
        tuple(rows),
    )


def _mean_ranks(tables: PublishedTables) -> AuditFinding:
    ours = mean_ranks(tables.scores)
    printed = tables.rankings.set_index("backbone")[list(ours.columns)].loc[ours.index]
    off = (ours - printed).abs()
    rows = [
        (name, f"{off[name].max():.3f}", str(off[name].idxmax()), str(int((off[name] > ROUNDED).sum())))
        for name in ours.columns
    ]
    exact = [name for name in ours.columns if off[name].max() <= ROUNDED]

    summary = (
        f"Recomputed from Tables V to XI. Equal within rounding: {', '.join(exact) or 'none'}; the others differ by at "
        f"most {off.max().max():.3f}, and ties between rounded scores can move them by {TIES}."
    )
    return AuditFinding(
        "mean-ranks",
        "Table III against Tables V to XI",
        ("average_rankings", "performance_scores"),
        AGREES if off.max().max() <= TIES + ROUNDED else DIFFERS,
        summary,
        ("column", "largest difference", "backbone", "cells off"),
        tuple(rows),
    )


def _best_points(tables: PublishedTables) -> AuditFinding:
    best = best_points(tables.scores)
    ties = dict(zip(zip(best["score"], best["backbone"], strict=True), best["ties"], strict=True))
    printed = tables.best.set_index("backbone").drop(columns=["source", "caveat"], errors="ignore")
    delineation = list(tables.scores.loc[tables.scores.benchmark == "delineation", "score"].unique())
    rows = []
    for column in printed.columns:
        for score in delineation if column == "delineation_all" else [column]:
            for backbone, point in printed[column].items():
                if point not in ties[str(score), str(backbone)]:
                    best_of = " or ".join(ties[str(score), str(backbone)])
                    rows.append((str(column), str(backbone), str(point), str(score), best_of))
    cells = {row[:2] for row in rows}
    count = printed.size
    return AuditFinding(
        "best-point-mismatch",
        "Table IV against Tables V to XI",
        ("best_points", "performance_scores"),
        DIFFERS if rows else AGREES,
        f"{count - len(cells)} of {count} cells name a point that has the best value in Tables V to XI.",
        ("column", "backbone", "Table IV", "score", "best in the tables"),
        tuple(rows),
    )


def _running_sum(tables: PublishedTables) -> AuditFinding:
    """Test whether the values of a score are what a running sum over a file listing would give."""
    groups = tables.scores.groupby(["benchmark", "score"], sort=False).value
    statistics = {(str(benchmark), str(score)): _line(values) for (benchmark, score), values in groups}
    fits = [key for key, line in statistics.items() if _is_running_sum(line)]
    rows = [
        (
            f"{b} {s}",
            f"{line.r_squared:.4f}",
            f"{line.intercept_by_slope:.1f}",
            f"{line.ratio:.3f}",
            "yes" if (b, s) in fits else "no",
        )
        for (b, s), line in statistics.items()
    ]
    summary = (
        "In a running sum, the p-th of 56 loss networks in the order of a listing gets about 3 s (56 + p), where s is "
        f"a mean score: sorted values lie on a straight line, with intercept / slope {NETWORKS} and largest / smallest "
        f"{2 * NETWORKS / (NETWORKS + 1):.3f}. "
    )
    if fits:
        benchmarks = sorted({benchmark for benchmark, _ in fits})
        same = _longest_common_order(tables.scores, fits)
        summary += (
            f"{len(fits)} of {len(statistics)} scores fit, all of {', '.join(benchmarks)}, and {same} of {NETWORKS} "
            "loss networks have the same order in all of them. This is consistent with a running sum, but no proof."
        )
    else:
        summary += "No score fits."
    return AuditFinding(
        "running-sum",
        "Table X: a running sum?",
        ("performance_scores", "average_rankings", "best_points"),
        SUSPECT if fits else AGREES,
        summary,
        ("score", "R squared", "intercept / slope", "largest / smallest", "fits"),
        tuple(rows),
    )


@dataclass(frozen=True, slots=True)
class _LineFit:
    """A straight line through sorted values over their positions, 1 to 56."""

    r_squared: float
    intercept_by_slope: float
    ratio: float


def _line(values: pd.Series) -> _LineFit:
    ordered = np.sort(values.to_numpy(float))
    position = np.arange(1, len(ordered) + 1)
    slope, intercept = np.polyfit(position, ordered, 1)
    r = np.corrcoef(position, ordered)[0, 1]
    return _LineFit(r**2, intercept / slope if slope else np.inf, ordered[-1] / ordered[0])


def _is_running_sum(line: _LineFit) -> bool:
    """Test for a straight line whose intercept is 56 slopes, within a tenth."""
    return line.r_squared > STRAIGHT and abs(line.intercept_by_slope / NETWORKS - 1) < 0.1


def _longest_common_order(scores: pd.DataFrame, keys: Sequence[tuple[str, str]]) -> int:
    """Count the most loss networks that have the same order in all of these scores; equal values fit any order."""
    pairs = pd.MultiIndex.from_frame(scores[["benchmark", "score"]])
    wide = scores[pairs.isin(keys)].pivot(index="loss_network", columns=["benchmark", "score"], values="value")
    values = wide.sort_values(list(wide.columns)).to_numpy(float)
    longest = np.ones(len(values), dtype=int)  # of the chains that end at each loss network
    for end in range(1, len(values)):
        before = (values[:end] <= values[end]).all(axis=1)
        longest[end] += longest[:end][before].max(initial=0)
    return int(longest.max())


def _training_mode(tables: PublishedTables) -> AuditFinding:
    """Compare the ranks of backbones with and without batch norm, by the mode of the loss network in each benchmark."""
    ranks = mean_ranks(tables.scores).drop(columns="all", errors="ignore")
    flags = tables.attributes.set_index("backbone").batch_norm.reindex(ranks.index).astype(bool)
    means = {has_norm: ranks[flags == has_norm].mean() for has_norm in (True, False)}
    rows = [
        (
            str(name),
            "training" if name in TRAINED else "evaluation",
            f"{means[True][name]:.2f}",
            f"{means[False][name]:.2f}",
        )
        for name in ranks.columns
    ]
    affected = [name for name in ranks.columns if name in TRAINED] if flags.any() else []
    return AuditFinding(
        "training-mode",
        "Tables X and XI: batch norm, or the mode of the loss network?",
        ("performance_scores", "average_rankings"),
        SUSPECT if affected else AGREES,
        f"In {' and '.join(affected) or 'no benchmark'}, the reference code leaves the loss network in training mode, "
        f"as part of what it trains. This changes the loss of the {int(flags.sum())} backbones with batch norm and of "
        "no other, so the tables cannot tell batch norm from the mode. `--protocol reference` does the same, and "
        "`--set loss_mode=eval` does not.",
        ("benchmark", "mode", "mean rank with batch norm", "without"),
        tuple(rows),
    )


def _flags(tables: PublishedTables) -> AuditFinding:
    columns = ["imagenet_top1", "depth", "skip_connections", "branches", "conv_1x1", "batch_norm"]
    both = tables.attributes.merge(tables.computed, on="backbone", suffixes=("", "_computed"))
    rows = [
        (str(row["backbone"]), column, _shown(row[column]), _shown(row[f"{column}_computed"]))
        for _, row in both.iterrows()
        for column in columns
        if row[column] != row[f"{column}_computed"]
    ]
    cells = len(both) * len(columns)
    summary = (
        f"{cells - len(rows)} of {cells} cells agree with the network itself. Depth is computed as the study defines "
        "it: a projection of EfficientNet and the expansion after it have no non-linearity in between and count once."
    )
    return AuditFinding(
        "attributes",
        "Table I against the networks",
        ("attributes", "computed_attributes"),
        DIFFERS if rows else AGREES,
        summary,
        ("backbone", "attribute", "Table I", "computed"),
        tuple(rows),
    )


def _macs(tables: PublishedTables) -> AuditFinding:
    both = tables.attributes.merge(tables.computed, on="backbone", suffixes=("", "_computed"))
    below = 100 * (1 - both.macs / (1e6 * both.mflops_224.astype(float)))
    rows = [
        (str(name), f"{printed:,}", f"{macs / 1e6:,.0f}", f"{percent:.1f}")
        for name, printed, macs, percent in zip(both.backbone, both.mflops_224, both.macs, below, strict=True)
    ]
    summary = (
        f"Multiply-adds of convolutions and matrix products are {below.min():.1f} to {below.max():.1f} % below the "
        "table's values, which presumably include activations and normalization."
    )
    return AuditFinding(
        "macs",
        "Table I: millions of macs",
        ("attributes", "computed_attributes"),
        DIFFERS,
        summary,
        ("backbone", "Table I", "computed", "percent below"),
        tuple(rows),
    )


def _early_stopping(tables: PublishedTables) -> AuditFinding:
    """Compare the scores of Kumar2022, Table 1, with each other and with the text."""
    rows = tables.early_stopping[tables.early_stopping.distance == "spatial"]
    scores = rows.set_index(["network", "setting"]).perceptual_score
    printed = rows.dropna(subset="printed_difference")
    evidence = []
    for network, setting, difference in zip(printed.network, printed.setting, printed.printed_difference, strict=True):
        total = round(scores[network, "default"] + difference, 1)
        if scores[network, setting] != total:
            evidence.append((network, setting, f"{scores[network, setting]:.1f}", f"{total:.1f}", "Table 1"))
    for network in rows.network[rows.setting == "best"]:
        best, largest = scores[network, "best"], max(scores[network].drop("best"))
        if best != largest:
            evidence.append((network, "best", f"{best:.1f}", f"{largest:.1f}", "Table 1"))
    statements = (*AGREEING, *CONTRADICTING)
    for said in statements:
        ours = scores[said.network, said.setting]
        if ours != said.score:
            evidence.append((said.network, said.setting, f"{ours:.1f}", f"{said.score}", f"section {said.section}"))
    summary = (
        f"{len(printed)} scores are not printed: the table prints their differences from the default, and both are "
        f"rounded to a tenth. The text says {len(statements)} scores that the table has too; {len(evidence)} cells and "
        "statements differ."
    )
    return AuditFinding(
        "table-1-and-text",
        "Kumar et al. 2022, Table 1, against itself and the text",
        ("early_stopping_scores",),
        DIFFERS if evidence else AGREES,
        summary,
        ("network", "setting", "table", "other", "where"),
        tuple(evidence),
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_CHECKS = (
    _completeness,
    _mean_ranks,
    _best_points,
    _running_sum,
    _training_mode,
    _flags,
    _macs,
    _early_stopping,
)
