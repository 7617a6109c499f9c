"""Proxies: rank correlation, regret and verdict against scipy, closed forms and the published scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from test_analysis_correlations import FEW, frame_of

from lnkit.analysis import gather
from lnkit.analysis.proxy import proxies, regret, verdict
from lnkit.errors import UsageError


def test_regret_is_what_the_choice_lacks_of_the_best() -> None:
    target = np.array([0.0, 5.0, 10.0, 8.0])
    assert regret(target, target, 1) == 0
    assert regret(-target, target, 1) == 1
    assert regret(np.array([3.0, 4.0, 1.0, 2.0]), target, 1) == 0.5
    assert regret(np.array([3.0, 4.0, 1.0, 2.0]), target, 3) == pytest.approx(0.2)
    assert regret(np.array([1.0, 1.0, 1.0, 0.0]), target, 1) == 1  # the worst of equals
    assert np.isnan(regret(target, np.ones(4), 1))


def test_verdicts_follow_the_interval() -> None:
    assert verdict(0.7, 0.9) == "usable"
    assert verdict(0.69, 0.9) == verdict(0.3, 0.4) == "weak"
    assert verdict(0.29, 0.69) == verdict(-0.9, -0.5) == "no"
    assert verdict(0.29, 0.7) == verdict(np.nan, np.nan) == "cannot tell"


def test_published_benchmarks_are_judged_by_their_mean_ranks() -> None:
    frame = gather(origin="published").frame()
    table = proxies(frame, sampling=FEW).set_index(["proxy_benchmark", "target_benchmark"])
    assert len(table) == 4 * 3
    ranks = frame.assign(rank=frame.groupby("score").value.rank(ascending=False))
    means = ranks.pivot_table(index="loss_network", columns="benchmark", values="rank", aggfunc="mean")
    for (proxy, target), row in table.iterrows():
        expected = stats.spearmanr(means[proxy], means[target]).statistic
        assert row.spearman == pytest.approx(expected)
        best = means[target][means[proxy] == means[proxy].min()].max()
        assert row.regret_1 == pytest.approx((best - means[target].min()) / np.ptp(means[target]))
    assert table.loc[("bapps", "superres"), "verdict"] == "no"
    assert (table.spearman - table.spearman.swaplevel().reindex(table.index)).abs().max() < 1e-12
    doubtful = table.caveat != ""
    assert set(doubtful[~doubtful].index) == {("bapps", "superres"), ("superres", "bapps")}
    summed = table.caveat.str.contains("running sum")
    assert summed[summed].index.map(lambda pair: "delineation" in pair).all()
    assert summed.sum() == 6
    assert table.loc[("autoencoder", "delineation"), "caveat"].count("training mode") == 1


def test_backbones_are_judged_by_table_iii() -> None:
    frame = gather(origin="published").frame()
    table = proxies(frame, unit="backbones", sampling=FEW).set_index(["proxy_benchmark", "target_benchmark"])
    from lnkit.analysis import mean_ranks

    expected = stats.spearmanr(*(mean_ranks(frame)[name] for name in ("bapps", "autoencoder"))).statistic
    assert table.loc[("bapps", "autoencoder"), "spearman"] == pytest.approx(expected)
    assert (table.n == 14).all()


def test_scores_are_judged_one_by_one_and_in_their_direction() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(8, 3))
    good = frame_of(values)
    same = frame_of(-values, setting="other", benchmark="mine", score="error", higher_is_better=False)
    table = proxies(pd.concat([good, same], ignore_index=True), level="scores", sampling=FEW)
    assert table.spearman.tolist() == pytest.approx([1, 1])
    assert table.verdict.tolist() == ["usable", "usable"]
    assert (table[["regret_1", "regret_3"]] == 0).all(axis=None)


def test_a_loss_network_that_lacks_a_score_has_no_mean_rank() -> None:
    rng = np.random.default_rng(1)
    published = gather(origin="published").frame()
    frame = published[published.benchmark.isin(["bapps", "autoencoder"])]
    lacking = frame[
        ~((frame.score == "jnd_map") & (frame.loss_network.isin(rng.choice(frame.loss_network.unique(), 5))))
    ]
    assert len(lacking) < len(frame)
    table = proxies(lacking, sampling=FEW)
    assert set(table.n) == {56 - (len(frame) - len(lacking))}


def test_too_little_to_tell_is_said() -> None:
    few = frame_of(np.array([[0.1, 0.2]]))
    other = frame_of(np.array([[0.3, 0.1]]), setting="other", benchmark="mine", score="x")
    table = proxies(pd.concat([few, other], ignore_index=True), sampling=FEW)
    assert set(table.verdict) == {"cannot tell"}
    assert set(table.note) == {"fewer than 3 pairs"}
    constant = frame_of(np.ones((6, 2)), setting="other", benchmark="mine", score="x")
    varied = frame_of(np.random.default_rng(0).normal(size=(6, 2)))
    table = proxies(pd.concat([varied, constant], ignore_index=True), sampling=FEW)
    assert set(table.note) == {"constant"}
    assert table.regret_1.isna().tolist() == [True, False]
    alone = frame_of(np.eye(3), setting="other", benchmark="mine").assign(loss_network="nobody")
    assert proxies(pd.concat([few, alone.head(1)], ignore_index=True), sampling=FEW).empty
    with pytest.raises(UsageError, match="Expected benchmarks or scores as the level of proxies, got 'families'"):
        proxies(few, level="families")
