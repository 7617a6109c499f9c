"""The statistics of lnkit-judgments: scipy's values, for each bootstrap sample too, and closed forms of the fits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import curve_fit
from scipy.special import expit

from lnkit.stats import FISHER, estimate_resampled, rank_correlation as correlations

pytest.importorskip("lnkit_judgments")

from lnkit_judgments.matrix.protocol import MatrixProtocol
from lnkit_judgments.matrix.scores import score_all as score_matrix
from lnkit_judgments.opinions.logistic import fit_logistic4, fit_logistic5, logistic4, logistic5
from lnkit_judgments.opinions.protocol import OpinionsProtocol
from lnkit_judgments.opinions.scores import Distances, score_all

Array = np.ndarray[Any, np.dtype[np.float64]]

CLUSTERS, ITEMS = 6, 60
FITS = {"logistic5": fit_logistic5, "logistic4": fit_logistic4}


@pytest.fixture(params=["distinct", "tied"])
def measured(request: pytest.FixtureRequest) -> tuple[Array, Array, Any]:
    """Two related columns and the clusters of their items, in no order."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=ITEMS)
    y = x + rng.normal(size=ITEMS)
    if request.param == "tied":
        x, y = np.round(x), np.round(y, 1)
    return x, y, rng.integers(0, CLUSTERS, ITEMS)


def drawn(counts: Array, owners: Any) -> Any:
    """The items of a sample, each as often as its cluster was drawn."""
    return np.repeat(np.arange(len(owners)), counts[owners].astype(int))


def test_values_are_scipys(measured: tuple[Array, Array, Any]) -> None:
    x, y, _ = measured
    assert correlations.spearman(x, y) == stats.spearmanr(x, y).statistic
    assert correlations.kendall(x, y) == stats.kendalltau(x, y).statistic
    assert correlations.pearson(x, y) == stats.pearsonr(x, y).statistic


def test_samples_have_scipys_values(measured: tuple[Array, Array, Any]) -> None:
    x, y, owners = measured
    counts = correlations.drawn_counts(CLUSTERS, 20, np.random.default_rng(1))
    weights = counts[:, owners]
    assert (counts.sum(axis=1) == CLUSTERS).all()
    expected = []
    for sample in counts:
        items = drawn(sample, owners)
        expected.append([f(x[items], y[items]).statistic for f in (stats.pearsonr, stats.spearmanr, stats.kendalltau)])
    plcc, srcc, krcc = np.array(expected).T
    np.testing.assert_allclose(correlations.resampled_pearson(x, y, weights), plcc, rtol=1e-9)
    np.testing.assert_allclose(correlations.resampled_spearman(x, y, weights), srcc, rtol=1e-9)
    np.testing.assert_allclose(correlations.resampled_kendall(x, y, owners, counts), krcc, rtol=1e-9)


def test_parts_of_the_samples_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    x, y, weights = rng.random(30), rng.random(30), rng.integers(0, 3, (50, 30)).astype(float)
    whole = correlations.resampled_spearman(x, y, weights)
    monkeypatch.setattr(correlations, "CHUNK", 40)
    np.testing.assert_allclose(correlations.resampled_spearman(x, y, weights), whole, rtol=1e-12)


@pytest.mark.filterwarnings("error")
def test_what_does_not_vary_has_no_correlation() -> None:
    same, rising = np.ones(4), np.arange(4.0)
    for correlation in (correlations.pearson, correlations.spearman, correlations.kendall):
        assert np.isnan(correlation(same, rising))
        assert np.isnan(correlation(rising, same))
        assert np.isnan(correlation(rising[:1], rising[:1]))
    one_item = np.array([[0.0, 3, 0, 0], [0, 0, 0, 0]])
    assert np.isnan(correlations.resampled_pearson(rising, rising, one_item)).all()
    assert np.isnan(correlations.resampled_spearman(rising, rising, one_item)).all()
    assert np.isnan(correlations.resampled_kendall(rising, rising, np.arange(4), one_item)).all()


def test_intervals_of_independent_items_are_as_wide_as_theory_has_it() -> None:
    """Fisher: artanh(r) of normal pairs has the standard error 1 / sqrt(n - 3)."""
    rng = np.random.default_rng(5)
    x = rng.normal(size=400)
    y = 0.6 * x + 0.8 * rng.normal(size=400)
    counts = correlations.drawn_counts(400, 4000, rng)
    samples = correlations.resampled_pearson(x, y, counts)
    low, high = estimate_resampled(correlations.pearson(x, y), samples, 400, scale=FISHER).interval() or (0, 0)
    assert np.arctanh(high) - np.arctanh(low) == pytest.approx(2 * 1.96 / np.sqrt(397), rel=0.1)


@pytest.mark.parametrize("fit", ["logistic5", "logistic4"])
def test_a_logistic_relation_is_found_exactly(fit: str) -> None:
    x = np.random.default_rng(0).uniform(-3, 8, 200)
    true = {"logistic5": (logistic5, [6.0, 1.5, 2.0, 0.1, 4.0]), "logistic4": (logistic4, [8.0, 1.0, 2.0, 2.0])}
    function, parameters = true[fit]
    y = function(np.array(parameters), x)
    assert stats.pearsonr(FITS[fit](x, y).predicted, y).statistic == pytest.approx(1, abs=1e-9)
    assert stats.pearsonr(x, y).statistic < 0.97


def test_the_functions_are_the_published_ones() -> None:
    x = np.linspace(-2, 5, 7)
    a, b, c, d, e = 3.0, 0.8, 1.0, 0.2, 5.0
    np.testing.assert_allclose(
        logistic5(np.array([a, b, c, d, e]), x), a * (1 / 2 - 1 / (1 + np.exp(b * (x - c)))) + d * x + e
    )
    np.testing.assert_allclose(logistic4(np.array([a, b, c, d]), x), (a - b) / (1 + np.exp(-(x - c) * d)) + b)


def test_a_straight_line_is_never_lost() -> None:
    rng = np.random.default_rng(3)
    for scale in (1e-6, 1.0, 1e6):
        y = rng.uniform(0, 9, 100)
        x = -scale * (9 - y + rng.normal(size=100))
        assert stats.pearsonr(fit_logistic5(x, y).predicted, y).statistic >= stats.pearsonr(x, y).statistic - 1e-9


def test_the_fit_is_as_good_as_the_usual_search() -> None:
    """The search that published evaluations make: scipy's curve_fit from their starting point."""
    rng = np.random.default_rng(4)
    y = rng.uniform(0, 9, 500)
    x = -(np.exp(-y / 3) + 0.05 * rng.normal(size=500))
    start = [np.ptp(y), 1 / x.std(), x.mean(), -1, y.mean()]
    parameters, _ = curve_fit(lambda x, *b: logistic5(np.array(b), x), x, y, start, maxfev=20_000)
    usual = stats.pearsonr(logistic5(parameters, x), y).statistic
    assert stats.pearsonr(fit_logistic5(x, y).predicted, y).statistic == pytest.approx(usual, abs=1e-6)


def best_on_a_grid(x: Array, y: Array) -> float:
    """The best correlation after logistic5 by another way: for a given place and slope the rest is linear."""
    x = (x - x.mean()) / x.std()
    best = 0.0
    for place in np.linspace(-2, 2, 41):
        for slope in np.geomspace(0.3, 300, 31):
            columns = np.stack([expit(slope * (x - place)), x, np.ones_like(x)], axis=1)
            predicted = columns @ np.linalg.lstsq(columns, y, rcond=None)[0]
            best = max(best, float(stats.pearsonr(predicted, y).statistic))
    return best


def test_one_start_would_not_do() -> None:
    """Opinions that rise in two steps have two good places for one logistic step."""
    x = np.random.default_rng(0).uniform(0, 10, 400)
    for y in ((x > 5) * 1.0 + (x > 9), (x > 1) + (x > 5) * 1.0, np.tanh(30 * (x - 9))):
        assert stats.pearsonr(fit_logistic5(x, y).predicted, y).statistic > best_on_a_grid(x, y) - 1e-3


def students(value: float, samples: list[float], clusters: int, fisher: bool = False) -> tuple[float, float]:
    """Student's interval with the standard error of the samples; of Pearson's coefficient after Fisher's transform."""
    there, back = (np.arctanh, np.tanh) if fisher else (np.array, np.array)
    error = np.std(there(samples), ddof=1) * np.sqrt(clusters / (clusters - 1))
    low, high = back(there(value) + stats.t.ppf(0.975, clusters - 2) * error * np.array([-1, 1]))
    return low, high


def test_images_are_resampled_by_reference() -> None:
    """All images of a reference are drawn together, or none; the fit is kept."""
    rng = np.random.default_rng(7)
    distance, opinion = rng.random(40), rng.random(40)
    owners = np.repeat(np.arange(5), 8)
    names = np.array([f"i{owner}" for owner in owners])
    kinds = np.array(["blur", "noise"] * 20)
    measured = Distances(distance, opinion, np.arange(40).astype(str), names, kinds)
    scores = score_all(measured, OpinionsProtocol(resamples=25), seed=3).scores
    predicted = fit_logistic5(-distance, opinion).predicted
    expected: dict[str, list[float]] = {}
    for counts in correlations.drawn_counts(5, 25, np.random.default_rng(3)):
        items = drawn(counts, owners)
        blurred = items[kinds[items] == "blur"]
        for name, correlation in (("srcc", stats.spearmanr), ("krcc", stats.kendalltau), ("plcc", stats.pearsonr)):
            for key, some in ((name, items), (f"{name}/blur", blurred)):
                expected.setdefault(key, []).append(correlation(-distance[some], opinion[some]).statistic)
        expected.setdefault("plcc_logistic5", []).append(stats.pearsonr(predicted[items], opinion[items]).statistic)
    for name, values in expected.items():
        assert scores[name].cases == 5
        assert scores[name].interval == pytest.approx(students(scores[name].value, values, 5, name.startswith("plcc")))


def test_pairs_of_a_matrix_are_resampled_by_image() -> None:
    """Each sample of images has scipy's correlation of the pairs of different images drawn."""
    rng = np.random.default_rng(6)
    images, resamples = 7, 30
    pairs = np.triu_indices(images, 1)
    distance, dissimilarity = rng.random(21), rng.integers(0, 5, 21).astype(float)
    score = score_matrix(distance, dissimilarity, MatrixProtocol(resamples=resamples), seed=9).scores["spearman"]
    square = np.zeros((2, images, images))
    square[0][pairs], square[1][pairs] = distance, dissimilarity
    square += square.transpose(0, 2, 1)
    expected = []
    for counts in correlations.drawn_counts(images, resamples, np.random.default_rng(9)):
        chosen = np.repeat(np.arange(images), counts.astype(int))
        a, b = np.triu_indices(len(chosen), 1)
        apart = chosen[a] != chosen[b]
        x, y = (matrix[chosen[a], chosen[b]][apart] for matrix in square)
        expected.append(stats.spearmanr(x, y).statistic)
    assert score.value == stats.spearmanr(distance, dissimilarity).statistic
    assert score.cases == images
    assert score.interval == pytest.approx(students(score.value, expected, images))
