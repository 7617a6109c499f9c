"""Proxies: how well one score or benchmark predicts the ranking by another, and what it costs to rely on it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import Any

import numpy as np
import pandas as pd

from lnkit.analysis.correlations import BACKBONES, LOSS_NETWORKS, ScoreColumn, joined, paired, score_columns, shared
from lnkit.analysis.rankings import counted, loss_network_ranks, score_ranks
from lnkit.errors import UsageError
from lnkit.stats.bootstrap import Sampling
from lnkit.stats.coefficients import TOO_FEW, correlate
from lnkit.stats.rank_correlation import KENDALL, SPEARMAN, Array

# The square of Spearman's coefficient is the share of the variance of ranks that two rankings have in common; for
# normal variables it also gives the share of pairs that both put in the same order, (1 + tau) / 2.
USABLE_FROM = 0.7  # half of the variance; three pairs in four
WEAK_FROM = 0.3  # a tenth of the variance; three pairs in five, where chance gives one in two
TOP = 3  # the number of loss networks that a user would try out

USABLE, WEAK, NO, CANNOT_TELL = "usable", "weak", "no", "cannot tell"
BENCHMARKS, SCORES = "benchmarks", "scores"
LEVELS = (BENCHMARKS, SCORES)

MEAN_RANK = "mean rank"


def proxies(
    frame: pd.DataFrame, *, level: str = BENCHMARKS, unit: str = LOSS_NETWORKS, sampling: Sampling | None = None
) -> pd.DataFrame:
    """Judge every score or benchmark as a proxy of every other that has loss networks in common with it.

    Args:
        frame: of score rows.
        level: "benchmarks" compares their mean ranks over their main scores, "scores" these scores one by one.
        unit: "loss networks", or "backbones" by their best points.
        sampling: of the bootstrap; it draws backbones with all their points.

    Returns:
        proxy_setting, proxy_benchmark, proxy, target_setting, target_benchmark, target; spearman with low and high
        (95 % interval), kendall with kendall_low and kendall_high; n, clusters; regret_1 and regret_3, the loss in
        the target from taking the proxy's best, or the best of its best three, as a fraction of the target's range
        (0 none, 1 all); verdict; note; caveat.

    Raises:
        UsageError: there is no such level or unit.
    """
    if level not in LEVELS:
        raise UsageError(f"Expected {' or '.join(LEVELS)} as the level of proxies, got {level!r}.")
    columns = score_columns(_of_benchmarks(frame, unit) if level == BENCHMARKS else counted(frame), unit)
    return pd.DataFrame(list(_judged(columns, sampling or Sampling())), columns=_COLUMNS)


def verdict(low: float, high: float) -> str:
    """Judge a proxy by the 95 % interval of Spearman's coefficient.

    Returns:
        "usable": the interval lies above :data:`USABLE_FROM`. "weak": it lies above :data:`WEAK_FROM`. "no": it lies
        below :data:`USABLE_FROM` and reaches below :data:`WEAK_FROM`. "cannot tell": it is too wide, or unknown.
    """
    if not (np.isfinite(low) and np.isfinite(high)):
        return CANNOT_TELL
    if low >= USABLE_FROM:
        return USABLE
    if low >= WEAK_FROM:
        return WEAK
    return NO if high < USABLE_FROM else CANNOT_TELL


def regret(proxy: Array, target: Array, top: int) -> float:
    """Compute the loss from taking the best of the ``top`` cases by the proxy, as a fraction of the target's range.

    Args:
        proxy: (N,), larger is better. Among equal values, those with the worse target come first.
        target: (N,), larger is better.
        top: number of cases that are tried out.

    Returns:
        In [0, 1]; NaN for a constant target.
    """
    span = np.ptp(target)
    chosen = np.lexsort((target, -proxy))[:top]
    return float((target.max() - target[chosen].max()) / span) if span > 0 else float("nan")


_SIDES = [f"{side}{part}" for side in ("proxy", "target") for part in ("_setting", "_benchmark", "")]
_VALUES = ["spearman", "low", "high", "kendall", "kendall_low", "kendall_high", "n", "clusters"]
_COLUMNS = [*_SIDES, *_VALUES, "regret_1", "regret_3", "verdict", "note", "caveat"]


def _of_benchmarks(frame: pd.DataFrame, unit: str) -> pd.DataFrame:
    """Return one row for each benchmark, setting and case: the mean of its ranks; lower is better.

    A case that lacks a score of its benchmark is left out, as in Table III of Pihlgren2023.
    """
    main, benchmark = counted(frame), ["setting", "benchmark"]
    ranks = (
        score_ranks(main).assign(loss_network=lambda r: r.backbone) if unit == BACKBONES else loss_network_ranks(main)
    )
    cases = ranks.groupby([*benchmark, "loss_network"], sort=False)
    means = cases.agg(backbone=("backbone", "first"), value=("rank", "mean"), scores=("rank", "size")).reset_index()
    complete = means.scores == means.groupby(benchmark).scores.transform("max")
    caveats = main.groupby(benchmark).caveat.agg(joined).rename("caveat")
    return means[complete].assign(score=MEAN_RANK, higher_is_better=False).join(caveats, on=benchmark)


def _judged(columns: list[ScoreColumn], sampling: Sampling) -> Iterator[dict[str, Any]]:
    for proxy, target in permutations(columns, 2):
        if not shared(proxy, target):
            continue
        names = (name for side in (proxy, target) for name in (side.setting, side.benchmark, side.score))
        labels = dict(zip(_SIDES, names, strict=True))
        yield labels | _judge(proxy, target, sampling) | {"caveat": joined([proxy.caveat, target.caveat])}


def _judge(proxy: ScoreColumn, target: ScoreColumn, sampling: Sampling) -> dict[str, Any]:
    both = paired(proxy, target)
    x, y, backbones = both.goodness.to_numpy(), both.other.to_numpy(), both.backbone.to_numpy(dtype=object)
    rho, tau = (correlate(method, x, y, backbones, sampling) for method in (SPEARMAN, KENDALL))
    defined = rho.note != TOO_FEW
    return {
        "spearman": rho.coefficient,
        "low": rho.low,
        "high": rho.high,
        "kendall": tau.coefficient,
        "kendall_low": tau.low,
        "kendall_high": tau.high,
        "n": rho.n,
        "clusters": rho.clusters,
        "regret_1": regret(x, y, 1) if defined else np.nan,
        "regret_3": regret(x, y, TOP) if defined else np.nan,
        "verdict": verdict(rho.low, rho.high),
        "note": rho.note,
    }
