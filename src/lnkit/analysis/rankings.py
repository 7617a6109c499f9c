"""Best points and ranks, as Pihlgren et al. 2023 compute their Tables III and IV.

All take the frame of :func:`lnkit.analysis.measurements.to_frame`; values are only ever ranked within one setting.
"""

from __future__ import annotations

import pandas as pd

from lnkit.analysis.published.tables import read_rows

SCORE = ["setting", "benchmark", "score"]


def best_points(frame: pd.DataFrame) -> pd.DataFrame:
    """The best extraction point of each backbone for each score (Table IV).

    Returns:
        setting, benchmark, score, backbone, point, value, and ``ties``: all points that reach the value, in the order
        of the frame; ``point`` is the first of them.
    """
    known = _goodness(frame).dropna(subset="goodness")
    best = known[known.goodness == known.groupby([*SCORE, "backbone"], sort=False).goodness.transform("max")]
    grouped = best.groupby([*SCORE, "backbone"], sort=False)
    found = grouped.agg(point=("point", "first"), value=("value", "first"), ties=("point", tuple))
    return found.reset_index()


def score_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """The rank of each backbone by its best point, for each score.

    Returns:
        setting, benchmark, score, backbone, point, value, rank: 1 is the best, equal values share their mean rank.
    """
    directions = frame.drop_duplicates(SCORE)[[*SCORE, "higher_is_better"]]
    best = best_points(frame).merge(directions, on=SCORE)
    return _ranked(best)[[*SCORE, "backbone", "point", "value", "rank"]]


def loss_network_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """The rank of each loss network for each score; columns as of :func:`score_ranks`, and ``loss_network``."""
    return _ranked(frame)[[*SCORE, "loss_network", "backbone", "point", "value", "rank"]]


def mean_ranks(frame: pd.DataFrame) -> pd.DataFrame:
    """The mean rank of each backbone for each benchmark (Table III).

    Of the published benchmarks the scores of Tables V to XI count, of others the primary ones. A benchmark that was run
    in several settings has a column for each: ``bapps (bapps/paper@3f2a9c)``.

    Returns:
        Backbones by column ``all``, the mean of the benchmarks, each with equal weight; it is missing for a backbone
        that lacks one. A benchmark is missing for a backbone that lacks one of its scores.
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
    """The rows whose scores make up a benchmark's rank."""
    published = {(row["benchmark"], row["score"]) for row in read_rows("performance_scores")}
    benchmarks = {benchmark for benchmark, _ in published}
    pairs = pd.Series(list(zip(frame.benchmark, frame.score, strict=True)), index=frame.index)
    return frame[pairs.isin(published) | (frame.primary & ~frame.benchmark.isin(benchmarks))]


def _goodness(frame: pd.DataFrame) -> pd.DataFrame:
    """With a column ``goodness`` that is larger for better values, whatever the direction of the score."""
    return frame.assign(goodness=frame.value.where(frame.higher_is_better.astype(bool), -frame.value))


def _ranked(frame: pd.DataFrame) -> pd.DataFrame:
    good = _goodness(frame)
    return good.assign(rank=good.groupby(SCORE, sort=False).goodness.rank(ascending=False, method="average"))
