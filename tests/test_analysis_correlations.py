"""Correlations, their intervals and corrections: against scipy on the same numbers, and closed forms."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lnkit.analysis import gather
from lnkit.analysis.correlations import (
    BACKBONES,
    LOSS_NETWORKS,
    attribute_correlations,
    corrected,
    score_columns,
    score_correlations,
)
from lnkit.analysis.score_rows import ScoreRow, to_frame
from lnkit.errors import UsageError
from lnkit.stats import Sampling, resampled_pearson
from lnkit.stats.coefficients import MOST_ROWS, correlate
from lnkit.stats.rank_correlation import METHODS, drawn_counts, resampled

SCIPY = {"pearson": stats.pearsonr, "spearman": stats.spearmanr, "kendall": stats.kendalltau}
FEW = Sampling(resamples=200)


def measurement(backbone: str, point: str, value: float, **changes: object) -> ScoreRow:
    fields = {
        "setting": "bapps/paper@000000", "origin": "own", "source": "run", "benchmark": "bapps", "variant": "paper",
        "score": "2afc", "backbone": backbone, "point": point, "loss_network": f"{backbone}:{point}", "family": "Net",
        "weights": "w", "value": value, "low": None, "high": None, "n": 10, "unit": "fraction",
        "higher_is_better": True, "primary": True, "comparable": True, "collapsed": False, "sample": False, "seed": 0,
        "signature": "", "caveat": "",
    }  # fmt: skip
    return ScoreRow(**{**fields, **changes})  # type: ignore[arg-type]


def frame_of(values: np.ndarray, **changes: object) -> pd.DataFrame:
    """Loss networks (backbones, points) with these values."""
    return to_frame(
        measurement(f"net{b}", f"p{p}", float(value), **changes) for (b, p), value in np.ndenumerate(values)
    )


def attributes_of(frame: pd.DataFrame, **columns: object) -> pd.DataFrame:
    return pd.DataFrame(columns, index=pd.Index(frame.loss_network.unique(), name="loss_network"), dtype="float64")


def repeated(values: np.ndarray, owners: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """A sample written out: each row as often as its cluster was drawn."""
    return np.repeat(values, counts[owners].astype(int))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("digits", [8, 0])  # without and with ties
def test_samples_have_the_coefficients_that_scipy_finds_in_them(method: str, digits: int) -> None:
    rng = np.random.default_rng(3)
    x, y = np.round(rng.normal(scale=2, size=(2, 24)), digits)
    owners, counts = np.arange(24) // 3, drawn_counts(8, FEW.resamples, np.random.default_rng(FEW.seed))
    found = resampled(method, x, y, owners, counts)
    expected = [SCIPY[method](repeated(x, owners, c), repeated(y, owners, c)).statistic for c in counts]
    np.testing.assert_allclose(found, expected, atol=1e-10)


@pytest.mark.parametrize("method", METHODS)
def test_a_sample_without_spread_has_no_coefficient(method: str) -> None:
    x, y, owners = np.array([0.1, 0.1, 5.0]), np.array([1.0, 2.0, 3.0]), np.arange(3)
    found = resampled(method, x, y, owners, np.array([[2.0, 1.0, 0.0], [1.0, 1.0, 1.0]]))
    assert np.isnan(found[0])
    assert found[1] == pytest.approx(SCIPY[method](x, y).statistic)


@pytest.mark.parametrize("method", METHODS)
def test_samples_of_few_values_have_the_coefficients_that_scipy_finds_in_them(method: str) -> None:
    """Many ties, falling relations and samples without spread: their mean is no multiple of .1 in binary."""
    rng = np.random.default_rng(1)
    for case in range(60):
        owners = np.arange(12) // 4
        x = [rng.integers(0, 3, 12) / 10, rng.integers(0, 2, 12) * 0.1 + 0.1, 0.1 * (owners + 1)][case % 3]
        y = [rng.integers(0, 3, 12) * 0.3, -x, -x][case % 3]
        counts = drawn_counts(3, 8, rng)
        weights, samples = counts[:, owners], [np.repeat(np.arange(12), c[owners].astype(int)) for c in counts]
        vary = [np.ptp(x[items]) > 0 and np.ptp(y[items]) > 0 for items in samples]
        expected = [
            SCIPY[method](x[items], y[items]).statistic if varies else np.nan
            for items, varies in zip(samples, vary, strict=True)
        ]
        np.testing.assert_allclose(resampled(method, x, y, owners, counts), expected, atol=1e-10)
        if method == "pearson":
            np.testing.assert_allclose(resampled_pearson(x, y, weights), expected, atol=1e-10)


def test_counts_are_drawn_with_replacement_and_repeat_with_their_seed() -> None:
    counts, again, other = (drawn_counts(6, 500, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert counts.shape == (500, 6)
    assert set(counts.sum(axis=1)) == {6}
    assert counts.mean() == 1
    assert np.array_equal(counts, again)
    assert not np.array_equal(counts, other)


@pytest.mark.parametrize("method", METHODS)
def test_coefficients_and_p_values_are_scipys_where_rows_are_independent(method: str) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=30)
    y = x + rng.normal(size=30)
    found, expected = correlate(method, x, y, np.arange(30).astype(str), FEW), SCIPY[method](x, y)
    assert (found.coefficient, found.p, found.p_independent) == pytest.approx(
        (expected.statistic, expected.pvalue, expected.pvalue)
    )
    assert found.low < found.coefficient < found.high
    assert (found.n, found.clusters, found.interval_by, found.note) == (30, 30, "bootstrap", "")


def test_the_interval_has_scipys_standard_error() -> None:
    rng = np.random.default_rng(1)
    x = rng.normal(size=60)
    y = x + rng.normal(size=60)
    found = correlate("spearman", x, y, np.arange(60).astype(str), Sampling(4000))
    expected = stats.bootstrap(
        (x, y), lambda a, b: stats.spearmanr(a, b).statistic, paired=True, vectorized=False, n_resamples=2000,
        method="percentile", rng=np.random.default_rng(0),
    )  # fmt: skip
    half = stats.t.ppf(0.975, 58) * expected.standard_error * np.sqrt(60 / 59)
    assert (found.low, found.high) == pytest.approx((found.coefficient - half, found.coefficient + half), abs=0.01)


def test_rows_that_repeat_their_backbone_make_nothing_surer() -> None:
    rng = np.random.default_rng(2)
    x, y = rng.normal(size=(2, 14))
    y += x
    single = correlate("pearson", x, y, np.arange(14).astype(str), Sampling())
    four = np.repeat(np.arange(14), 4)
    clustered = correlate("pearson", x[four], y[four], four.astype(str), Sampling())
    assert clustered.low == pytest.approx(single.low, abs=0.05)
    assert clustered.high == pytest.approx(single.high, abs=0.05)
    assert clustered.p_independent < single.p / 10
    assert single.p / 20 < clustered.p < single.p * 20


@pytest.mark.parametrize("method", METHODS)
def test_p_values_of_clustered_rows_are_students(method: str) -> None:
    rng = np.random.default_rng(6)
    owners = np.arange(24) % 6
    x, y = rng.normal(size=(2, 24))
    found = correlate(method, x, y, owners.astype(str), FEW)
    samples = [
        SCIPY[method](repeated(x, owners, c), repeated(y, owners, c)).statistic
        for c in drawn_counts(6, FEW.resamples, np.random.default_rng(FEW.seed))
    ]
    value = SCIPY[method](x, y).statistic
    if method == "pearson":  # after Fisher's transform
        value, samples = np.arctanh(value), np.arctanh(samples)
    error = np.std(samples, ddof=1) * np.sqrt(6 / 5)
    low, high = value + stats.t.ppf(0.975, 4) * np.array([-error, error])
    low, high = np.tanh([low, high]) if method == "pearson" else np.clip([low, high], -1, 1)
    assert found.p == pytest.approx(2 * stats.t.sf(abs(value / error), 4))
    assert (found.low, found.high) == pytest.approx((low, high))
    assert found.note == "6 independent groups: the interval may miss in more than 5 % of the cases"


def test_p_values_of_clustered_rows_are_uniform_where_nothing_correlates() -> None:
    rng = np.random.default_rng(4)
    owners = np.repeat(np.arange(14), 4)
    p = np.array(
        [correlate("pearson", *(rng.normal(size=(2, 14))[:, owners]), owners.astype(str), FEW)[4:6] for _ in range(200)]
    )
    assert np.mean(p[:, 0] < 0.05) < 0.12  # about as often as it should be
    assert np.mean(p[:, 1] < 0.05) > 0.3  # as though there were 56 independent cases


@pytest.mark.parametrize("method", METHODS)
def test_of_many_rows_the_interval_is_the_normal_one(method: str) -> None:
    n = MOST_ROWS + 1
    rng = np.random.default_rng(5)
    x = rng.normal(size=n)
    found = correlate(method, x, x + rng.normal(size=n), np.arange(n).astype(str), FEW)
    variance = {
        "pearson": 1 / (n - 3),
        "spearman": (1 + found.coefficient**2 / 2) / (n - 3),
        "kendall": 0.437 / (n - 4),
    }
    half = 1.959964 * np.sqrt(variance[method])
    assert found.interval_by == "normal"
    assert np.arctanh([found.low, found.high]) == pytest.approx(np.arctanh(found.coefficient) + np.array([-half, half]))


def test_what_is_not_defined_is_missing_and_says_why() -> None:
    names, ramp = np.arange(6).astype(str), np.arange(6.0)
    assert correlate("pearson", np.ones(6), ramp, names, FEW).note == "constant"
    assert np.isnan(correlate("kendall", ramp, np.ones(6), names, FEW).coefficient)
    assert correlate("pearson", ramp[:2], ramp[:2], names[:2], FEW).note == "fewer than 3 pairs"
    assert correlate("pearson", ramp[:0], ramp[:0], names[:0], FEW).n == 0
    one = correlate("spearman", ramp, ramp, np.full(6, "a"), FEW)
    assert one.coefficient == 1
    assert np.isnan([one.low, one.high, one.p]).all()
    assert one.note == "1 independent group: too few for an interval"


def test_corrections_are_those_of_holm_and_of_benjamini_and_hochberg() -> None:
    holm, bh = corrected(np.array([0.01, 0.04, np.nan, 0.03, 0.005]))
    np.testing.assert_allclose(holm, [0.03, 0.06, np.nan, 0.06, 0.02])  # 3, 1, -, 2 and 4 times, never decreasing
    np.testing.assert_allclose(bh, [0.02, 0.04, np.nan, 0.04, 0.02])  # 4/2, 4/4, -, 4/3 and 4/1 times
    assert np.isnan(corrected(np.full(2, np.nan))).all()


def test_better_is_larger_whatever_the_direction_of_the_score() -> None:
    values = np.random.default_rng(0).normal(size=(6, 2))
    attribute = {"depth": values.ravel()}
    for higher, expected in ((True, 1.0), (False, -1.0)):
        frame = frame_of(values, higher_is_better=higher)
        table = attribute_correlations(frame, attributes_of(frame, **attribute), sampling=FEW)
        assert set(table.coefficient.round(12)) == {expected}


def test_backbones_count_by_their_best_point_and_its_attributes() -> None:
    values = np.array([[0.1, 0.5], [0.7, 0.2], [0.3, 0.9], [0.4, 0.4], [0.6, 0.1]])
    frame = frame_of(values)
    attributes = attributes_of(frame, point_depth=np.arange(10.0))
    (column,) = score_columns(frame, BACKBONES)
    assert dict(column.cases.loss_network) == {
        "net0": "net0:p1", "net1": "net1:p0", "net2": "net2:p1", "net3": "net3:p0", "net4": "net4:p0"
    }  # fmt: skip
    table = attribute_correlations(frame, attributes, unit=BACKBONES, methods=("pearson",), sampling=FEW)
    expected = stats.pearsonr([0.5, 0.7, 0.9, 0.4, 0.6], [1, 2, 5, 6, 8])
    assert table.coefficient.item() == pytest.approx(expected.statistic)
    assert table.p.item() == pytest.approx(expected.pvalue)
    lowest = frame_of(values, higher_is_better=False)
    assert score_columns(lowest, BACKBONES)[0].cases.goodness.tolist() == [-0.1, -0.2, -0.3, -0.4, -0.1]


def test_published_scores_correlate_as_scipy_says() -> None:
    found = gather(origin="published")
    frame, attributes = found.frame(), found.attributes()
    table = attribute_correlations(frame, attributes, sampling=FEW).set_index(["score", "attribute", "method"])
    assert len(table) == 19 * 16 * 3
    assert (table.n == 56).all()
    assert (table.clusters == 14).all()
    score = frame[frame.score == "2afc"].set_index("loss_network").value
    for method, function in SCIPY.items():
        for name in ("imagenet_top1", "skip_connections", "point_macs"):
            expected = function(score, attributes[name].reindex(score.index))
            row = table.loc["2afc", name, method]
            assert (row.coefficient, row.p_independent) == pytest.approx((expected.statistic, expected.pvalue))
    one = table.xs("kendall", level="method")
    np.testing.assert_allclose(one.p_bh, stats.false_discovery_control(one.p))
    assert table.loc["quality"].caveat.str.contains("running sum").all()
    assert (table.loc["2afc"].caveat == "").all()


def test_scores_correlate_among_each_other_across_settings_on_shared_loss_networks() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(6, 3))
    other = values + rng.normal(size=(6, 3))
    a = frame_of(values)
    b = frame_of(other, setting="superres/paper@1", benchmark="superres", score="psnr", higher_is_better=False)
    c = to_frame([measurement("elsewhere", "p0", 1.0, score="alone", setting="x")])
    both = pd.concat([a, b.iloc[2:], c], ignore_index=True)
    table = score_correlations(both, methods=("spearman",), sampling=FEW)
    (row,) = table.itertuples()
    expected = stats.spearmanr(values.ravel()[2:], -other.ravel()[2:])
    assert row.coefficient == pytest.approx(expected.statistic)
    assert (row.score, row.other_score, row.other_setting, row.n) == ("2afc", "psnr", "superres/paper@1", 16)


def test_one_loss_network_and_missing_scores_and_attributes_are_said_not_raised() -> None:
    frame = frame_of(np.array([[0.5]]))
    table = attribute_correlations(frame, attributes_of(frame, depth=[3.0]), sampling=FEW)
    assert set(table.note) == {"fewer than 3 pairs"}
    assert table[["coefficient", "p", "p_holm", "p_bh"]].isna().all(axis=None)
    values = np.full((4, 2), np.nan)
    values[:, 0] = [1, 2, 3, 4]
    frame = frame_of(values)
    attributes = attributes_of(frame, depth=[1, 1, 2, 2, np.nan, 3, 4, 4], parameters=np.ones(8))
    table = attribute_correlations(frame, attributes, methods=("pearson",), sampling=FEW).set_index("attribute")
    assert table.n.to_dict() == {"depth": 3, "parameters": 4}
    assert table.note["parameters"] == "constant"
    assert score_correlations(frame, sampling=FEW).empty


def test_the_order_of_the_rows_does_not_matter() -> None:
    found = gather(origin="published")
    frame, attributes = found.frame(), found.attributes()[["depth", "point_macs"]]
    frame = frame[frame.score == "2afc"]
    first = attribute_correlations(frame, attributes, sampling=FEW)
    second = attribute_correlations(frame.iloc[::-1], attributes, sampling=FEW)
    pd.testing.assert_frame_equal(first, second)


def test_units_and_methods_that_are_not_there_are_refused() -> None:
    frame = frame_of(np.eye(3))
    with pytest.raises(UsageError, match=f"one of {LOSS_NETWORKS}, {BACKBONES} as the unit of analysis, got 'points'"):
        score_columns(frame, "points")
    with pytest.raises(UsageError, match="Expected one of pearson, spearman, kendall as the correlation, got 'somers'"):
        attribute_correlations(frame, attributes_of(frame, depth=np.ones(9)), methods=("somers",))
