"""Intervals against scipy's, published formulas solved in another way, and closed forms."""

from __future__ import annotations

from math import nan

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from lnkit import Score, ScoreSpec
from lnkit.evaluation.record import _within, few_items
from lnkit.stats import (
    FISHER,
    LOGIT,
    SHARE,
    Estimate,
    average_precision,
    estimate_mean,
    estimate_resampled,
    mean_interval,
    resampled_precisions,
    weighted_mean,
)

SKEWED = np.random.default_rng(0).gamma(2.0, 3.0, 60)
EVEN = np.concatenate([SKEWED, -SKEWED])  # without skewness


def test_of_values_without_skewness_it_is_students() -> None:
    expected = stats.t.interval(0.95, len(EVEN) - 1, EVEN.mean(), stats.sem(EVEN))
    assert mean_interval(EVEN) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("sign", [1, -1])
def test_of_skewed_values_it_solves_the_published_equation(sign: int) -> None:
    """Hall 1992: t + s t^2 / 3 + s^2 t^3 / 27 + s / 6 has Student's quantiles; s is the skewness over the root of n."""
    values = sign * SKEWED
    s = stats.skew(values) * (1 - 1 / 60) ** 1.5 / np.sqrt(60)  # over the sample's standard deviation
    mean, error, quantile = values.mean(), stats.sem(values), stats.t.ppf(0.975, 59)

    def off(bound: float, target: float) -> float:
        t = (mean - bound) / error
        return float(t + s * t**2 / 3 + s**2 * t**3 / 27 + s / 6 - target)

    expected = [brentq(off, mean - 9 * error, mean + 9 * error, args=(q,), xtol=1e-12) for q in (quantile, -quantile)]
    assert mean_interval(values) == pytest.approx(expected, rel=1e-9)


def test_it_is_near_a_studentized_bootstrap() -> None:
    rng = np.random.default_rng(1)
    drawn = SKEWED[rng.integers(60, size=(20_000, 60))]
    t = (drawn.mean(axis=1) - SKEWED.mean()) / stats.sem(drawn, axis=1)
    high, low = SKEWED.mean() - stats.sem(SKEWED) * np.percentile(t, [2.5, 97.5])
    assert mean_interval(SKEWED) == pytest.approx((low, high), abs=0.04 * (high - low))


@pytest.mark.parametrize(("right", "n"), [(0, 20), (14, 20), (19, 20), (20, 20), (700, 1000)])
def test_of_items_that_are_0_or_1_it_is_wilsons(right: int, n: int) -> None:
    """Wilson's interval with Student's quantile instead of the normal one."""
    values = np.arange(n) < right
    level = 2 * stats.norm.cdf(stats.t.ppf(0.975, n - 1)) - 1
    expected = stats.binomtest(right, n).proportion_ci(level, method="wilson")
    found = estimate_mean(values.astype(float), scale=SHARE).interval()
    assert found == pytest.approx(tuple(expected), abs=1e-9)
    percent = estimate_mean(100.0 * values, scale=SHARE, whole=100).interval()
    assert percent == pytest.approx(tuple(100 * np.array(expected)), abs=1e-7)


def test_votes_count_as_more_items_than_right_and_wrong() -> None:
    """The mean lies q standard errors from each bound p, with the ratio of the variance to p (1 - p) of the mean."""
    values = np.random.default_rng(2).binomial(5, 0.7, 40) / 5
    mean, q = values.mean(), stats.t.ppf(0.975, 39)
    ratio = values.var(ddof=1) / (mean * (1 - mean))
    bounds = estimate_mean(values, scale=SHARE).interval()
    assert bounds is not None
    for p in bounds:
        assert abs(mean - p) == pytest.approx(q * np.sqrt(ratio * p * (1 - p) / 40), rel=1e-9)


def test_families_all_right_are_bounded_as_all_their_items() -> None:
    families = [estimate_mean(np.ones(n), scale=SHARE) for n in (10, 10, 10)]
    found = weighted_mean(families, [1 / 3] * 3).interval()
    q = stats.t.ppf(0.975, 27)
    assert found == pytest.approx((30 / (30 + q**2), 1.0))


def test_degrees_of_freedom_are_welchs() -> None:
    """The mean with the weights 1 and -1 is a difference of two means, which scipy tests after Welch."""
    first, second = EVEN[:], 3 * np.array([-2.0, -1.0, 0.0, 1.0, 2.0]) + 1
    found = weighted_mean([estimate_mean(first), estimate_mean(second)], [1, -1])
    expected = stats.ttest_ind(first, second, equal_var=False)
    assert found.freedom == pytest.approx(expected.df)
    assert found.interval() == pytest.approx(tuple(expected.confidence_interval()), rel=1e-9)


def test_skewness_of_families_adds_up() -> None:
    """A family is the mean of its halves of equal size, up to the variance between them."""
    halves = [estimate_mean(SKEWED[::2]), estimate_mean(SKEWED[1::2])]
    both = weighted_mean(halves, [0.5, 0.5])
    thirds = [stats.moment(half, 3) / 30**2 for half in (SKEWED[::2], SKEWED[1::2])]
    assert both.third == pytest.approx(sum(thirds) / 8)
    assert both.value == pytest.approx(SKEWED.mean())


def test_a_resampled_mean_has_the_standard_error_of_a_mean() -> None:
    rng = np.random.default_rng(3)
    samples = SKEWED[rng.integers(60, size=(20_000, 60))].mean(axis=1)
    found = estimate_resampled(SKEWED.mean(), samples, 60)
    assert np.sqrt(found.variance) == pytest.approx(stats.sem(SKEWED), rel=0.02)
    assert found.freedom == 58


def test_correlations_are_transformed() -> None:
    samples = np.array([0.7, 0.8, 0.9])
    found = estimate_resampled(0.8, samples, 10, scale=FISHER).interval()
    half = stats.t.ppf(0.975, 8) * np.arctanh(samples).std(ddof=1) * np.sqrt(10 / 9)
    assert found == pytest.approx(np.tanh([np.arctanh(0.8) - half, np.arctanh(0.8) + half]))
    for perfect in (1.0, -1.0):
        low, high = estimate_resampled(perfect, samples, 10, scale=FISHER).interval() or (0, 0)
        assert -1 <= low <= high <= 1


def test_average_precision_is_near_bca() -> None:
    rng = np.random.default_rng(4)
    difference = rng.normal(size=300)
    distance, same = difference + rng.normal(size=300), rng.binomial(3, 1 / (1 + np.exp(difference))) / 3
    drawn = resampled_precisions(distance, same, 1000, rng)
    low, high = estimate_resampled(average_precision(distance, same), drawn, 300, scale=LOGIT).interval() or (0, 0)
    expected = stats.bootstrap(
        (distance, same), average_precision, paired=True, vectorized=False, n_resamples=1000, method="BCa", rng=rng
    ).confidence_interval
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=0.15 * (high - low))
    assert low < average_precision(distance, same) < high


def test_a_logit_interval_stays_within_its_bounds() -> None:
    for samples in ([75.0, 95.0, 99.0], [95.0, 99.0, 100.0]):  # corrected for the bias, the first would be above 100
        found = estimate_resampled(95.0, np.array(samples), 30, scale=LOGIT, whole=100).interval()
        assert found is not None
        assert 0 < found[0] < 95 < found[1] < 100
    assert Estimate(1.0, 0.01, 30, scale=LOGIT).interval() is None


def test_there_is_none_where_the_spread_is_unknown() -> None:
    assert mean_interval(SKEWED[:1]) is None
    assert mean_interval(np.full(20, 0.1)) is None, "although the mean is 0.1 but for rounding"
    assert estimate_mean(np.full(20, 0.5), scale=SHARE).interval() is None, "all ties"
    assert weighted_mean([estimate_mean(SKEWED), estimate_mean(SKEWED[:1])], [0.5, 0.5]).interval() is None
    assert estimate_resampled(0.5, np.empty(0), 20).interval() is None, "no samples were drawn"
    assert estimate_resampled(0.5, np.array([0.4, nan, nan, nan]), 20).interval() is None
    assert estimate_resampled(0.5, np.array([0.4, 0.6]), 2).interval() is None
    assert estimate_resampled(nan, np.array([0.4, 0.6]), 20).interval() is None


def test_a_record_names_the_intervals_of_few_items() -> None:
    few, enough, alone = Score(25.0, 5, (20.0, 30.0)), Score(25.0, 14, (20.0, 30.0)), Score(25.0, 5)
    (note,) = few_items({"set5": few, "set14": enough, "alone": alone, "srcc": Score(0.9, 3000, (0.8, 0.95), cases=3)})
    assert note.endswith("in more than 5 % of the cases: set5 (5), srcc (3)")
    assert few_items({"set14": enough, "alone": alone}) == ()
    assert few_items({str(i): few for i in range(9)})[0].endswith("5 (5) and 3 more")


def test_an_interval_ends_where_the_score_does() -> None:
    spec = ScoreSpec("quality", "", unit="percent", upper=100)
    assert _within((97.0, 104.0), spec) == (97.0, 100)
    assert _within((-1.0, 50.0), spec) == (0, 50.0)
    assert _within(None, spec) is None
