"""Computes again what can be computed from the published tables, and says where they hold together and where not.

Nothing is known here beforehand: each finding is computed from the figures in the package, so a mended table would be
found sound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from lnkit.analysis.measurements import from_published, to_frame
from lnkit.analysis.published import frames as published
from lnkit.analysis.rankings import best_points, mean_ranks

AGREES, DIFFERS, SUSPECT = "agrees", "differs", "suspect"

ROUNDED = 0.005  # of Table III, which is printed with two decimals
TIES = 0.25  # what equal rounded scores may move a mean rank of two scores: half a rank of one
STRAIGHT = 0.99  # R squared above which sorted values are taken for a straight line
NETWORKS = 56


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was computed again."""

    id: str  # which caveats name
    title: str
    tables: tuple[str, ...]  # names in the package
    verdict: str  # "agrees", "differs" or "suspect"
    summary: str  # sentences
    columns: tuple[str, ...]  # of the evidence
    rows: tuple[tuple[str, ...], ...]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Tables:
    """The published tables; a test hands over others."""

    scores: pd.DataFrame  # as of to_frame
    rankings: pd.DataFrame
    best: pd.DataFrame
    attributes: pd.DataFrame
    computed: pd.DataFrame

    @classmethod
    def shipped(cls) -> Tables:
        return cls(
            to_frame(from_published()),
            published.average_rankings(),
            published.best_points(),
            published.attributes(),
            published.computed_attributes(),
        )


def audit(tables: Tables | None = None) -> list[Finding]:
    """Compute everything again.

    Returns:
        Mean ranks (Table III), best points (Table IV), the running sum (Table X), attributes (Table I), in this order.
    """
    tables = tables or Tables.shipped()
    checks: Sequence[Callable[[Tables], Finding]] = (
        _completeness,
        _mean_ranks,
        _best_points,
        _running_sum,
        _flags,
        _macs,
    )
    return [check(tables) for check in checks]


def _completeness(tables: Tables) -> Finding:
    counts = tables.scores.groupby(["benchmark", "score"], sort=False).loss_network.nunique()
    missing = counts[counts != NETWORKS]
    rows = [(" ".join(map(str, index)), str(count)) for index, count in zip(missing.index, missing, strict=True)]
    summary = f"{len(counts)} scores, {len(tables.scores):,} values; each of {NETWORKS} loss networks has " + (
        "every score." if missing.empty else f"not all of them: {len(missing)} scores have gaps."
    )
    verdict = AGREES if missing.empty else DIFFERS
    return Finding(
        "completeness",
        "Tables V to XI: complete",
        ("performance_scores",),
        verdict,
        summary,
        ("score", "loss networks"),
        tuple(rows),
    )


def _mean_ranks(tables: Tables) -> Finding:
    ours = mean_ranks(tables.scores)
    printed = tables.rankings.set_index("backbone")[list(ours.columns)].loc[ours.index]
    off = (ours - printed).abs()
    rows = [
        (name, f"{off[name].max():.3f}", str(off[name].idxmax()), str(int((off[name] > ROUNDED).sum())))
        for name in ours.columns
    ]
    exact = [name for name in ours.columns if off[name].max() <= ROUNDED]
    verdict = AGREES if off.max().max() <= TIES + ROUNDED else DIFFERS
    summary = (
        f"Recomputed from Tables V to XI. Within rounding: {', '.join(exact) or 'none'}; the others by at most "
        f"{off.max().max():.3f}, as ties between rounded scores can move them by {TIES}."
    )
    return Finding(
        "mean-ranks",
        "Table III against Tables V to XI",
        ("average_rankings", "performance_scores"),
        verdict,
        summary,
        ("column", "largest difference", "backbone", "cells off"),
        tuple(rows),
    )


def _best_points(tables: Tables) -> Finding:
    best = best_points(tables.scores)
    ties = dict(zip(zip(best["score"], best["backbone"], strict=True), best["ties"], strict=True))
    printed = tables.best.set_index("backbone").drop(columns=["source", "caveat"], errors="ignore")
    delineation = list(tables.scores.loc[tables.scores.benchmark == "delineation", "score"].unique())
    rows = []
    for column in printed.columns:
        for score in delineation if column == "delineation_all" else [column]:
            for backbone, point in printed[column].items():
                if point not in ties[str(score), str(backbone)]:
                    rows.append(
                        (
                            str(column),
                            str(backbone),
                            str(point),
                            str(score),
                            " or ".join(ties[str(score), str(backbone)]),
                        )
                    )
    cells = {row[:2] for row in rows}
    count = printed.size
    summary = f"{count - len(cells)} of {count} cells name a point that has the best value in Tables V to XI."
    return Finding(
        "best-point-mismatch",
        "Table IV against Tables V to XI",
        ("best_points", "performance_scores"),
        DIFFERS if rows else AGREES,
        summary,
        ("column", "backbone", "Table IV", "score", "best in the tables"),
        tuple(rows),
    )


def _running_sum(tables: Tables) -> Finding:
    """Whether each score is what a sum over a growing list would give, with all others beside it for comparison."""
    groups = tables.scores.groupby(["benchmark", "score"], sort=False).value
    statistics = {(str(benchmark), str(score)): _line(values) for (benchmark, score), values in groups}
    fits = [key for key, one in statistics.items() if _is_running_sum(one)]
    rows = [
        (
            f"{b} {s}",
            f"{one.r_squared:.4f}",
            f"{one.intercept_by_slope:.1f}",
            f"{one.ratio:.3f}",
            "yes" if (b, s) in fits else "no",
        )
        for (b, s), one in statistics.items()
    ]
    model = (2 * NETWORKS) / (NETWORKS + 1)
    summary = (
        "The p-th of 56 loss networks in the order of a listing would get about 3 s (56 + p), s being a mean score: "
        f"sorted values on a straight line, with intercept / slope {NETWORKS} and largest / smallest {model:.3f}. "
    )
    if fits:
        benchmarks = sorted({benchmark for benchmark, _ in fits})
        same = _longest_common_order(tables.scores, fits)
        summary += (
            f"{len(fits)} of {len(statistics)} scores fit, all of {', '.join(benchmarks)}, and {same} of {NETWORKS} "
            "loss networks stand in one order under all of these. Consistent with a running sum, not proof of one."
        )
    else:
        summary += "No score fits."
    return Finding(
        "running-sum",
        "Table X: a running sum?",
        ("performance_scores", "average_rankings", "best_points"),
        SUSPECT if fits else AGREES,
        summary,
        ("score", "R squared", "intercept / slope", "largest / smallest", "fits"),
        tuple(rows),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """Sorted values against their position, 1 to 56."""

    r_squared: float
    intercept_by_slope: float
    ratio: float


def _line(values: pd.Series) -> _Line:
    ordered = np.sort(values.to_numpy(float))
    position = np.arange(1, len(ordered) + 1)
    slope, intercept = np.polyfit(position, ordered, 1)
    r = np.corrcoef(position, ordered)[0, 1]
    return _Line(r**2, intercept / slope if slope else np.inf, ordered[-1] / ordered[0])


def _is_running_sum(line: _Line) -> bool:
    """A straight line whose intercept is 56 slopes, within a tenth."""
    return line.r_squared > STRAIGHT and abs(line.intercept_by_slope / NETWORKS - 1) < 0.1


def _longest_common_order(scores: pd.DataFrame, keys: Sequence[tuple[str, str]]) -> int:
    """The most loss networks that stand in one order under all of these scores; equal values fit any order."""
    pairs = pd.MultiIndex.from_frame(scores[["benchmark", "score"]])
    wide = scores[pairs.isin(keys)].pivot(index="loss_network", columns=["benchmark", "score"], values="value")
    values = wide.sort_values(list(wide.columns)).to_numpy(float)
    longest = np.ones(len(values), dtype=int)  # of the chains that end at each
    for end in range(1, len(values)):
        before = (values[:end] <= values[end]).all(axis=1)
        longest[end] += longest[:end][before].max(initial=0)
    return int(longest.max())


def _flags(tables: Tables) -> Finding:
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
        f"{cells - len(rows)} of {cells} cells are what the network itself gives. "
        "Depth is computed as the study defines it: EfficientNet's projections and the expansions after them have no "
        "non-linearity in between and count once."
    )
    return Finding(
        "attributes",
        "Table I against the networks",
        ("attributes", "computed_attributes"),
        DIFFERS if rows else AGREES,
        summary,
        ("backbone", "attribute", "Table I", "computed"),
        tuple(rows),
    )


def _macs(tables: Tables) -> Finding:
    both = tables.attributes.merge(tables.computed, on="backbone", suffixes=("", "_computed"))
    below = 100 * (1 - both.macs / (1e6 * both.mflops_224.astype(float)))
    rows = [
        (str(name), f"{printed:,}", f"{macs / 1e6:,.0f}", f"{percent:.1f}")
        for name, printed, macs, percent in zip(both.backbone, both.mflops_224, both.macs, below, strict=True)
    ]
    summary = (
        f"Multiply-adds of convolutions and matrix products are {below.min():.1f} to {below.max():.1f} % below the "
        "table's, which presumably counts activations and normalization too."
    )
    return Finding(
        "macs",
        "Table I: millions of macs",
        ("attributes", "computed_attributes"),
        DIFFERS,
        summary,
        ("backbone", "Table I", "computed", "percent below"),
        tuple(rows),
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
