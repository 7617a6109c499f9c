"""Best points and ranks, computed as in Tables III and IV of Pihlgren2023.

All functions take the frame of :func:`lnkit.analysis.score_rows.to_frame` and rank values within one setting only.
"""

from __future__ import annotations

import pandas as pd

from lnkit.analysis.published.tables import read_rows

SCORE = ["setting", "benchmark", "score"]


def best_points(frame: pd.DataFrame) -> pd.DataFrame:
    """Find the best extraction point of each backbone for each score (Table IV).

    Returns:
        setting, benchmark, score, backbone, point, value, and ``ties``: all points with that value, in the order of
        the frame; ``point`` is the first of them.
    """
    known = with_goodness(frame).dropna(subset="goodness")
    best = known[known.goodness == known.groupby([*SCORE, "backbone"], sort=False).goodness.transform("max")]
    grouped = best.groupby([*SCORE, "backbone"], sort=False)
    return grouped.agg(point=("point", "first"), value=("value", "first"), ties=("point", tuple)).reset_index()


def score_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """Rank the backbones by their best points, for each score.

    Returns:
        setting, benchmark, score, backbone, point, value, rank: 1 is the best, equal values share their mean
        rank.
    """
    best = best_points(frame).merge(frame.drop_duplicates(SCORE)[[*SCORE, "higher_is_better"]], on=SCORE)
    return _ranked(best)[[*SCORE, "backbone", "point", "value", "rank"]]


def loss_network_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """Rank the loss networks for each score: the columns of :func:`score_ranks`, and ``loss_network``."""
    return _ranked(frame)[[*SCORE, "loss_network", "backbone", "point", "value", "rank"]]


def mean_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """Compute the mean rank of each backbone for each benchmark (Table III).

    The scores of Tables V to XI count for the published benchmarks, the primary scores for others. A benchmark with
    several settings has a column for each: ``bapps (bapps/paper@3f2a9c)``.

    Returns:
        One row per backbone, sorted by the column ``all``, the mean over benchmarks with equal weights; it is missing
        for a backbone that lacks a benchmark. A benchmark is missing for a backbone that lacks one of its scores.
    """
    ranks = score_ranks(counted(frame))
    several = ranks.drop_duplicates(["benchmark", "setting"]).benchmark.value_counts()
    names = ranks.benchmark.where(ranks.benchmark.map(several) == 1, ranks.benchmark + " (" + ranks.setting + ")")
    table = ranks.assign(column=names).pivot_table(
        index="backbone", columns=["column", "score"], values="rank", sort=False
    )
    means = table.T.groupby(level="column", sort=False).agg(_mean_of_all).T
    means["all"] = means.mean(axis=1, skipna=False)
    return means.rename_axis(columns=None).sort_values("all", kind="stable")


def _mean_of_all(ranks: pd.Series) -> float:
    return float(ranks.mean(skipna=False))


def counted(frame: pd.DataFrame) -> pd.DataFrame:
    """Select the rows whose scores make up a benchmark's rank; see :func:`mean_ranks`."""
    published = {(row["benchmark"], row["score"]) for row in read_rows("performance_scores")}
    benchmarks = {benchmark for benchmark, _ in published}
    pairs = pd.Series(list(zip(frame.benchmark, frame.score, strict=True)), index=frame.index)
    return frame[pairs.isin(published) | (frame.primary & ~frame.benchmark.isin(benchmarks))]


def with_goodness(frame: pd.DataFrame) -> pd.DataFrame:
    """Add a column ``goodness``: the value, negated if lower is better."""
    return frame.assign(goodness=frame.value.where(frame.higher_is_better.astype(bool), -frame.value))


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    good = with_goodness(frame)
    return good.assign(rank=good.groupby(SCORE, sort=False).goodness.rank(ascending=False, method="average"))
