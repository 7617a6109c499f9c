"""The regressions, errors and directions of opinion scores, each beside an independent computation."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import curve_fit
from scipy.special import expit

from lnkit import DataError, UsageError
from lnkit.datasets.opinions import Opinion, OpinionSet

pytest.importorskip("lnkit_judgments")

from pathlib import Path

from lnkit_judgments.opinions import logistic
from lnkit_judgments.opinions.data import choose
from lnkit_judgments.opinions.logistic import FIVE, fit_logistic4, fit_logistic5
from lnkit_judgments.opinions.protocol import (
    KADID_VARIANTS,
    LIVE_VARIANTS,
    PIPAL_VARIANTS,
    VARIANTS,
    KadidProtocol,
    LiveMdProtocol,
    LiveProtocol,
    OpinionsProtocol,
    PipalProtocol,
)
from lnkit_judgments.opinions.scores import Distances, score_all

PARTS = {"part1": "blurjpeg", "part2": "blurnoise"}  # of LIVE-MD

Array = np.ndarray[Any, np.dtype[np.float64]]


@pytest.fixture
def few_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches that find nothing would take all their steps, 20,000 from each start."""
    for who, search in FIVE.items():
        monkeypatch.setitem(cast("dict[str, Any]", FIVE), who, replace(search, steps=200))


def five(x: Array, b1: float, b2: float, b3: float, b4: float, b5: float) -> Array:
    """Sheikh et al. 2006, as they write it."""
    result: Array = b1 * (0.5 - expit(-b2 * (x - b3))) + b4 * x + b5
    return result


def four(x: Array, b1: float, b2: float, b3: float, b4: float) -> Array:
    """VQEG, as they write it."""
    result: Array = (b1 - b2) * expit((x - b3) / abs(b4)) + b2
    return result


def saturating(seed: int = 0, count: int = 400) -> tuple[Array, Array]:
    """Nearness and opinions that saturate at both ends."""
    rng = np.random.default_rng(seed)
    opinion = rng.uniform(0, 9, count)
    return -0.3 * expit(-(opinion - 4) / 1.2) + 0.01 * rng.normal(size=count), opinion


def measured(distance: Array, opinion: Array, references: int = 8) -> Distances:
    """Distances of images that belong to references in turn."""
    owners = np.arange(len(distance)) % references
    names = np.array([f"i{owner:02d}" for owner in owners])
    return Distances(distance, opinion, np.arange(len(distance)).astype(str), names, np.full(len(distance), "blur"))


@pytest.mark.parametrize("who", ["pyiqa", "dbcnn"])
def test_one_start_is_that_of_its_authors(who: str) -> None:
    """Scipy's curve_fit from their start, on the values as they are: 10, 0, the mean of y or of x, .1, .1."""
    x, y = saturating()
    start = [10, 0, {"pyiqa": y.mean(), "dbcnn": x.mean()}[who], 0.1, 0.1]
    parameters, _ = curve_fit(five, x, y, start, maxfev=20_000)
    fitted = fit_logistic5(x, y, who).predicted
    expected = five(x, *parameters)
    assert stats.pearsonr(fitted, y).statistic == pytest.approx(stats.pearsonr(expected, y).statistic, abs=1e-4)


def test_fomos_starts_keep_the_least_error() -> None:
    x, y = saturating(3)
    z, p, m = (x - x.mean()) / x.std(), np.ptp(y), y.mean()
    middle = float(np.median(z))
    starts = [[p, 1, 0, 0.1, m], [p, 0.1, middle, 0, m], [-p, 1, 0, -0.1, m], [p, 5, 0, 0, m], [p, 0.5, 0, 0, m]]
    errors = []
    for start in starts:
        parameters, _ = curve_fit(five, z, y, start, maxfev=40_000)
        errors.append(float(((five(z, *parameters) - y) ** 2).sum()))
    found = float(((fit_logistic5(x, y, "fomo").predicted - y) ** 2).sum())
    assert found == pytest.approx(min(errors), rel=1e-6)


def test_jlds_starts_keep_the_largest_correlation() -> None:
    x, y = saturating(4)
    z, p, m = (x - x.mean()) / x.std(), np.ptp(y), y.mean()
    found = []
    for height in (p, -p):
        for slope in (0.5, 1, 2, 4):
            parameters, _ = curve_fit(five, z, y, [height, slope, 0, 0, m], maxfev=20_000)
            found.append(abs(stats.pearsonr(five(z, *parameters), y).statistic))
    fitted = fit_logistic5(x, y, "jld").predicted
    assert stats.pearsonr(fitted, y).statistic == pytest.approx(max(found), abs=1e-6)


@pytest.mark.parametrize("who", ["lnkit", "jld"])
def test_the_straight_line_is_the_floor(who: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search that ends where it began is worse than the line that the values lie on."""
    monkeypatch.setitem(cast("dict[str, Any]", FIVE), who, replace(FIVE[who], steps=1))
    monkeypatch.setattr(logistic, "FOUR", replace(logistic.FOUR, steps=1))
    x = np.linspace(0, 1, 30)
    for y in (2 + 3 * x, 2 - 3 * x):
        for fit in (fit_logistic5(x, y, who), fit_logistic4(x, y)):
            np.testing.assert_allclose(fit.predicted, y, atol=1e-6)
            assert fit.rises == (y[-1] > y[0])


def test_four_parameters_are_fitted_as_scipy_does() -> None:
    x, y = saturating(5)
    parameters, _ = curve_fit(four, x, y, [y.max(), y.min(), x.mean(), x.std() / 4], maxfev=20_000)  # pyiqa's start
    assert np.allclose(fit_logistic4(x, y).predicted, four(x, *parameters), atol=1e-3)


def test_errors_are_on_the_scale_of_the_labels() -> None:
    x, y = saturating(6)
    scores = score_all(measured(-x, y), OpinionsProtocol(resamples=50), seed=0).scores
    larger = score_all(measured(-x, 10 * y + 3), OpinionsProtocol(resamples=50), seed=0).scores
    parameters, _ = curve_fit(four, x, y, [y.max(), y.min(), x.mean(), x.std() / 4], maxfev=20_000)
    expected = np.sqrt(((four(x, *parameters) - y) ** 2).mean())
    assert scores["rmse_logistic4"].value == pytest.approx(expected, rel=1e-4)
    for name in ("rmse_logistic4", "rmse_logistic5"):
        assert larger[name].value == pytest.approx(10 * scores[name].value, rel=1e-3)
        low, high = scores[name].interval or (0, 0)
        assert low < scores[name].value < high
    assert scores["rmse_logistic5"].value <= scores["rmse_logistic4"].value + 1e-3
    for name in ("plcc_logistic4", "plcc_logistic5"):
        assert larger[name].value == pytest.approx(scores[name].value, abs=1e-4)


def test_errors_are_resampled_by_reference() -> None:
    from lnkit.stats import drawn_counts

    x, y = saturating(7, 64)
    score = score_all(measured(-x, y), OpinionsProtocol(resamples=40), seed=5).scores["rmse_logistic5"]
    squares = (fit_logistic5(x, y).predicted - y) ** 2
    owners, samples = np.arange(64) % 8, []
    for counts in drawn_counts(8, 40, np.random.default_rng(5)):
        items = np.repeat(np.arange(64), counts[owners].astype(int))
        samples.append(np.sqrt(squares[items].mean()))
    half = stats.t.ppf(0.975, 6) * np.std(samples, ddof=1) * np.sqrt(8 / 7)
    assert score.interval == pytest.approx((score.value - half, score.value + half))


def test_the_mean_of_references_has_equal_weights() -> None:
    rng = np.random.default_rng(8)
    distance, opinion = rng.random(60), rng.random(60)
    sizes = [5, 10, 15, 30]
    names = np.repeat(["a", "b", "c", "d"], sizes)
    data = Distances(distance, opinion, np.arange(60).astype(str), names, np.full(60, "blur"))
    score = score_all(data, OpinionsProtocol(resamples=5), seed=0).scores["srcc_by_reference"]
    each = [stats.spearmanr(-distance[names == name], opinion[names == name]).statistic for name in "abcd"]
    assert score.value == pytest.approx(np.mean(each))
    assert (score.n, score.cases) == (60, 4)
    opinion[names == "a"] = 1.0  # no correlation within it
    score = score_all(data, OpinionsProtocol(resamples=5), seed=0).scores["srcc_by_reference"]
    assert score.value == pytest.approx(np.mean(each[1:]))
    assert (score.n, score.cases) == (55, 3)


def test_a_metric_that_goes_the_wrong_way_shows_it() -> None:
    x, y = saturating(9)
    right, wrong = (score_all(measured(sign * x, y), OpinionsProtocol(resamples=20), seed=0) for sign in (-1, 1))
    for name in ("srcc", "krcc", "plcc", "plcc_logistic4", "plcc_logistic5", "srcc_by_reference", "srcc/blur"):
        assert right.scores[name].value > 0.9 - 0.2 * (name == "krcc")
        assert wrong.scores[name].value == pytest.approx(-right.scores[name].value, abs=2e-3), name
        low, high = wrong.scores[name].interval or (0, 0)
        assert low < wrong.scores[name].value < high < 0
    assert right.notes == ()
    assert wrong.notes == (
        "wrong direction: srcc is below 0, so images that people find worse are nearer to their references",
    )


@pytest.mark.parametrize("who", FIVE)
def test_every_search_ends_without_warning(who: str, few_steps: None) -> None:
    rising, same = np.arange(12.0), np.zeros(12)
    for x, y in ((same, rising), (rising, same), (rising * 1e-9, np.eye(12)[0])):
        assert np.isfinite(fit_logistic5(x, y, who).predicted).all()


def opinions(names: list[str], labels: list[float], *, higher: bool = True) -> OpinionSet:
    """A set without files."""
    made = [
        Opinion(name, Path(name), name.partition("_")[0], Path("r"), PARTS.get(name.partition("/")[0], "blur"), label)
        for name, label in zip(names, labels, strict=True)
    ]
    return OpinionSet(Path("set"), tuple(made), "dmos.txt", higher)


def test_labels_of_which_lower_is_better_are_turned() -> None:
    names, distance = [f"i01_{n:02d}" for n in range(40)], np.arange(40.0)
    worse = distance + np.random.default_rng(2).normal(0, 4, 40)
    published = {higher: opinions(names, list(worse), higher=higher) for higher in (False, True)}
    dmos, mos = (
        score_all(Distances.of(published[higher], distance), OpinionsProtocol(resamples=5), 0).scores
        for higher in (False, True)
    )
    assert dmos["srcc"].value == pytest.approx(stats.spearmanr(distance, worse).statistic)
    assert mos["srcc"].value == pytest.approx(-dmos["srcc"].value)
    assert mos["plcc_logistic5"].value == pytest.approx(-dmos["plcc_logistic5"].value, abs=1e-4)
    assert mos["rmse_logistic5"].value == pytest.approx(dmos["rmse_logistic5"].value, rel=1e-3)


def test_kadids_split_is_that_of_the_published_table() -> None:
    """iqa.md 1.3: 16 references for development, 65 to test on, 8,125 images."""
    names = [f"i{r:02d}_{t:02d}_{level:02d}" for r in range(1, 82) for t in range(1, 26) for level in range(1, 6)]
    whole = opinions(names, [3.0] * len(names))
    parts = {split: choose(whole, KadidProtocol(split=split)) for split in KadidProtocol.SPLITS}
    assert {split: len(part.opinions) for split, part in parts.items()} == {
        "all": 10_125,
        "jld_test": 8125,
        "jld_development": 2000,
    }
    kept = {opinion.reference_name for opinion in parts["jld_test"].opinions}
    assert {"i01", "i04", "i81"} <= kept
    assert not {"i02", "i78", "i43"} & kept
    with pytest.raises(DataError, match="no image of the split jld_development"):
        choose(opinions(["i01_01_01"], [3.0]), KadidProtocol(split="jld_development"))


def test_live_mds_parts_are_told_by_name() -> None:
    whole = opinions(["part1/a_blur1", "part2/a_blur1"], [20.0, 25.0], higher=False)
    (one,) = choose(whole, LiveMdProtocol(split="part2")).opinions
    assert one.score == 25
    assert len(choose(whole, LiveMdProtocol()).opinions) == 2


def test_variants_are_what_each_table_does() -> None:
    """iqa.md 2.2 and 2.4; PIPAL means train or val (1.7)."""
    assert list(VARIANTS) == ["native", "jld", "fomo", "pyiqa", "dists256", "quick"]
    assert [p.resolution for p in VARIANTS.values()] == [0, 0, 0, 0, 256, 0]
    assert [p.crop_multiple for p in VARIANTS.values()] == [0, 14, 0, 0, 0, 0]
    assert [p.starts for p in VARIANTS.values()] == ["lnkit", "jld", "fomo", "pyiqa", "lnkit", "lnkit"]
    assert [p.split for p in PIPAL_VARIANTS.values()] == ["train", "val", "val", "train", "train", "train"]
    assert [p.split for p in KADID_VARIANTS.values()] == ["all", "jld_test", "all", "all", "all", "all"]
    assert {p.labels for p in LIVE_VARIANTS.values()} == {"realigned"}
    signatures = [protocol.signature() for protocol in VARIANTS.values()]
    assert len(set(signatures)) == len(signatures)
    assert "shorter side at most 256px,bicubic,antialiased" in signatures[4]
    assert "cropped to multiples of 14" in signatures[1]
    assert LiveProtocol(labels="original").signature().endswith("|labels original")


@pytest.mark.parametrize(
    ("protocol", "field", "value"),
    [(PipalProtocol, "split", "all"), (OpinionsProtocol, "split", "val"), (LiveProtocol, "labels", "mos"),
     (OpinionsProtocol, "unequal_sizes", "pad"), (OpinionsProtocol, "crop_multiple", -1)],
)  # fmt: skip
def test_what_a_set_does_not_have_is_refused(protocol: Any, field: str, value: Any) -> None:
    with pytest.raises((ValueError, UsageError), match=f"'{field}': expected"):
        protocol(**{field: value})
