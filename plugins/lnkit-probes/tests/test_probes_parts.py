"""The parts of `perceptual_probes`, against closed forms and other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import stats

from lnkit import DataError
from lnkit.datasets.tid2013 import open_tid2013
from lnkit.evaluation.shards import GROUP, reference_groups
from lnkit.progress import SilentProgress
from lnkit.stats.rank_correlation import drawn_counts, kendall, resampled_spearman, spearman
from lnkit_probes.features import channel_entropy, entropy
from lnkit_probes.lowpass import NearestClassMean, first_of_each, low_pass
from lnkit_probes.measurements import LAYER, MAIN, NATIVE, Measurements
from lnkit_probes.protocol import POOLINGS, ProbesProtocol
from lnkit_probes.scores import normalized, resampled_rows, score_all

Array = np.ndarray[Any, Any]
SIDE = 32


def wave(periods_down: int, periods_across: int) -> Array:
    """An image of one frequency."""
    down, across = np.meshgrid(np.arange(SIDE) / SIDE, np.arange(SIDE) / SIDE, indexing="ij")
    values = 128 + 100 * np.cos(2 * np.pi * (periods_down * down + periods_across * across))
    return np.repeat(values.round().astype(np.uint8)[..., None], 3, axis=-1)


@pytest.mark.parametrize(
    ("down", "across", "share"), [(0, 3, 1), (3, 3, 1), (4, 0, 0.5), (3, 4, 0.5), (4, 4, 0.25), (5, 0, 0), (2, 5, 0)]
)
def test_frequencies_pass_in_a_square(down: int, across: int, share: float) -> None:
    """Of side 8: from -4 to 4, the edges by half."""
    image = wave(down, across) / 255
    (found,) = low_pass(wave(down, across)[None], side=8)
    np.testing.assert_allclose(found, image.mean() + share * (image - image.mean()), atol=0.01)


@pytest.mark.parametrize("side", [1, 7, 15])
def test_an_odd_side_is_that_square_of_the_shifted_spectrum(side: int) -> None:
    image = np.random.default_rng(7).integers(100, 156, (SIDE, SIDE, 3)).astype(np.uint8)  # far from 0 and 255
    (found,) = low_pass(image[None], side)
    kept = slice(SIDE // 2 - side // 2, SIDE // 2 + side // 2 + 1)
    for channel in range(3):
        shifted = np.fft.fftshift(np.fft.fft2(image[..., channel] / 255))
        square = np.zeros_like(shifted)
        square[kept, kept] = shifted[kept, kept]
        np.testing.assert_allclose(found[..., channel], np.fft.ifft2(np.fft.ifftshift(square)).real, atol=1e-12)


def test_every_side_lets_more_pass_than_the_one_before() -> None:
    """So that a slope between neighbors, as in Kumar2022, App. F, is never 0 by construction."""
    image = np.random.default_rng(8).integers(100, 156, (1, SIDE, SIDE, 3)).astype(np.uint8)
    spread = [float(low_pass(image, side).std()) for side in range(1, SIDE + 1)]
    assert (np.diff(spread) > 0).all()


def test_a_square_of_all_frequencies_changes_nothing_and_values_stay_in_range() -> None:
    images = np.random.default_rng(0).choice(np.array([0, 255], np.uint8), (2, SIDE, SIDE, 3))
    np.testing.assert_allclose(low_pass(images, SIDE), images / 255, atol=1e-12)
    filtered = low_pass(images, 20)
    assert (filtered.min(), filtered.max()) == (0, 1)


def test_the_nearest_class_mean_is_found_as_by_looking_at_all() -> None:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 60) * 2  # 0, 2, 4
    features = rng.normal(size=(60, 5)) * [1, 100, 1, 0, 1] + labels[:, None] * [1, 50, 0, 0, 0]
    classifier = NearestClassMean(features, labels)
    seen = rng.normal(size=(20, 5)) * [4, 200, 1, 0, 1] + [2, 100, 0, 0, 0]
    spread = np.where(features.std(0) > 0, features.std(0), 1)
    means = {label: (features[labels == label] / spread).mean(0) for label in (0, 2, 4)}
    expected = [min(means, key=lambda label, x=x: float(np.sum((x / spread - means[label]) ** 2))) for x in seen]
    np.testing.assert_array_equal(classifier.predict(seen), expected)
    assert len(set(expected)) == 3


def test_the_first_images_of_each_class_are_taken() -> None:
    np.testing.assert_array_equal(first_of_each(np.array([2, 0, 2, 2, 0, 5]), 2), [0, 1, 2, 4, 5])


def test_entropy_is_scipys_of_one_distribution_over_a_whole_map() -> None:
    features = torch.randn(2, 7, 3, 4, generator=torch.Generator().manual_seed(0)) * 3
    chances = np.exp(features.double().numpy())
    expected = [stats.entropy(one.ravel()) / np.log(7 * 3 * 4) for one in chances]
    np.testing.assert_allclose(entropy(features).numpy(), expected, rtol=1e-5)
    by_position = stats.entropy(chances, axis=1, base=7).mean((1, 2))
    np.testing.assert_allclose(channel_entropy(features).numpy(), by_position, rtol=1e-5)
    assert abs(by_position - expected).min() > 0.01, "the two readings differ here"


def test_entropy_is_that_of_one_peak_or_of_none() -> None:
    peak = torch.zeros(1, 5, 2, 2)
    peak[0, 3, 1, 0] = 100
    assert entropy(peak).item() == pytest.approx(0, abs=1e-6), "one value has all of the probability"
    assert channel_entropy(peak).item() == pytest.approx(3 / 4), "at one of four positions"
    for statistic in (entropy, channel_entropy):
        assert statistic(torch.zeros(1, 5, 2, 2)).item() == pytest.approx(1)
        assert statistic(torch.zeros(1, 1, 1, 1)).isnan().all()
    assert channel_entropy(torch.zeros(1, 1, 2, 2)).isnan().all()


def test_rank_correlations_of_samples_are_those_of_the_drawn_items() -> None:
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=12), rng.integers(0, 4, 12).astype(float)
    owners = np.repeat(np.arange(4), 3)
    drawn = drawn_counts(4, 5, np.random.default_rng(9))[:, owners]
    for value, times in zip(resampled_spearman(x, y, drawn), drawn, strict=True):
        rows = np.repeat(np.arange(12), times.astype(int))
        assert value == pytest.approx(stats.spearmanr(x[rows], y[rows]).statistic)
    assert np.isnan(spearman(x, np.zeros(12)))
    assert np.isnan(kendall(np.zeros(1), np.zeros(1)))


def test_samples_of_rows_have_the_spread_of_means() -> None:
    hits = (np.random.default_rng(4).random((200, 2)) < [0.3, 0.8]).astype(float)
    found = resampled_rows(hits, 4000, np.random.default_rng(5))
    np.testing.assert_allclose(found.mean(0), hits.mean(0), atol=0.005)
    np.testing.assert_allclose(found.std(0), hits.std(0) / np.sqrt(200), rtol=0.1)
    np.testing.assert_allclose(np.cov(found.T)[0, 1], np.cov(hits.T)[0, 1] / 200, atol=2e-4)
    assert np.isnan(normalized(np.zeros(3))).all()


def test_groups_share_a_reference() -> None:
    owners = np.array([0, 1, 0, 0, 0, 0, 0, 1])
    groups = reference_groups(owners)
    np.testing.assert_array_equal(groups, [[0, 2, 3, 4, 5], [6] * GROUP, [1, 7, 7, 7, 7]])


def measured() -> Measurements:
    """Three triplets of one family and two of another, with distances whose scores are easily counted."""
    judge = {"one": np.array([1.0, 0.0, 0.8]), "two": np.array([0.0, 0.5])}
    near_p1, near_p0 = [3.0, 1.0], [1.0, 4.0]
    right = {"one": np.array([near_p1, near_p0, near_p1]), "two": np.array([near_p0, near_p0])}
    wrong = {family: d[:, ::-1] for family, d in right.items()}
    distances = {MAIN: right, NATIVE: wrong, f"{LAYER}features.0": right} | dict.fromkeys(POOLINGS, wrong)
    #                sides 7  8 15 16 31 32 47 48 64
    hits = np.array([[0, 0, 0, 1, 1, 0, 1, 1, 1],
                     [0, 0, 0, 0, 0, 1, 0, 1, 1],
                     [0, 0, 1, 1, 1, 1, 1, 1, 1],
                     [0, 0, 0, 0, 0, 0, 0, 0, 0]], dtype=float)  # fmt: skip
    tid2013 = (np.array([0, 0, 1, 1]), np.array([4.0, 3.0, 2.0, 1.0]), np.array([0.1, 0.3, 0.2, 0.4]))
    return Measurements(judge, distances, {"features.0": np.array([0.2, 0.4])}, hits, 10, False, tid2013, 224)


def test_scores_are_what_can_be_counted_by_hand() -> None:
    outcome = score_all(measured(), ProbesProtocol(resamples=50), seed=0)
    values = {name: score.value for name, score in outcome.scores.items()}
    assert values["ps/one"] == pytest.approx(100 * 2.8 / 3)
    assert values["ps/two"] == pytest.approx(75)
    assert values["ps"] == pytest.approx((100 * 2.8 / 3 + 75) / 2)
    assert values["ps_layer/features.0"] == values["ps"]
    assert values["ps_style"] == values["ps_native"] == pytest.approx((100 * 0.2 / 3 + 25) / 2)
    assert outcome.scores["ps_native"].aggregation == "mean of 2 families at 224 px"
    assert values["distortion_sensitivity"] == pytest.approx(((2 + 3) / 2 + 3) / 2), "unanimous triplets alone"
    assert values["distance_farther"] == pytest.approx(((3 + 4) / 2 + 4) / 2)
    assert values["distance_nearer"] == pytest.approx(1)
    assert values["entropy"] == values["entropy/features.0"] == pytest.approx(0.3)
    assert values["accuracy"] == 0.75
    assert [values[f"lowpass/{side}"] for side in (8, 16, 32, 48)] == pytest.approx([0, 2 / 3, 2 / 3, 1])
    slopes = [values[f"lowpass_slope/{side}"] for side in (8, 16, 32, 48)]
    assert slopes == pytest.approx([0, 1 / 3, 0, 1 / 3]), "side r minus side r - 1 (Kumar2022, App. F)"
    assert outcome.scores["lowpass_slope/16"].aggregation == "difference of ratios, nearest class mean"
    assert values["tid2013_spearman"] == pytest.approx(0.8)
    assert values["tid2013_kendall"] == pytest.approx(2 / 3)
    assert values["margin_spearman/one"] == pytest.approx(stats.spearmanr([2, -3, 2], [1, 0, 0.8]).statistic)
    assert outcome.scores["ps"].ceilings == {"best possible": pytest.approx((100 * 2.8 / 3 + 75) / 2)}
    assert outcome.scores["accuracy"].baselines == {"chance": 0.1}
    assert "margin_spearman" not in values, "the margins of the second family are all alike"
    assert outcome.notes == ("undefined on these data: margin_spearman, margin_kendall, margin_spearman/two",)


def test_kept_arrays_give_the_same_scores_again() -> None:
    protocol = ProbesProtocol(resamples=50)
    first = score_all(measured(), protocol, seed=3)
    again = score_all(Measurements.from_arrays(first.arrays), protocol, seed=3)
    assert again.scores == first.scores
    assert again.notes == first.notes


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [
        ("lowpass_sides", "8+x", "whole numbers joined with +"),
        ("lowpass_sides", "64", "from 2 to below the resolution"),
        ("lowpass_sides", "1+8", "from 2 to below the resolution"),
        ("entropy_over", "space", "one of map, channels"),
        ("classifier", "mine", "one of auto, class_means"),
        ("distance", "spatial+lin", "one set of layers"),
        ("normalization", "mine", "one of backbone"),
        ("entropy_images", 0, "1 or more"),
        ("per_family", -1, "0 or more"),
        ("probes", "ps+depth", "expected one of all, ps, layers"),
    ],
)
def test_what_no_run_could_honor_is_refused(field: str, value: object, named: str) -> None:
    with pytest.raises(ValueError, match=named.replace("+", r"\+")):
        ProbesProtocol(**{field: value})  # type: ignore[arg-type]


def make_tid2013(root: Path) -> Path:
    (root / "reference_images").mkdir(parents=True)
    (root / "distorted_images").mkdir()
    rng, lines = np.random.default_rng(0), []
    for number in (2, 1):
        pixels = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(root / "reference_images" / f"I{number:02d}.BMP")
        for level in (1, 2):
            name = f"i{number:02d}_07_{level}.bmp"
            Image.fromarray(pixels // (level + 1)).save(root / "distorted_images" / name)
            lines.append(f"{2 * number + level}.5 {name.upper() if level == 1 else name}\r\n")
    (root / "mos_with_names.txt").write_text("".join(lines))
    return root


def test_tid2013_is_read_as_it_is_published(tmp_path: Path) -> None:
    opened = open_tid2013(make_tid2013(tmp_path / "tid2013"), tmp_path / "cache", SilentProgress())
    np.testing.assert_array_equal(opened.opinions, [3.5, 4.5, 5.5, 6.5])
    np.testing.assert_array_equal(opened.owners, [0, 0, 1, 1])
    for row, level in enumerate((1, 2, 1, 2)):
        np.testing.assert_array_equal(opened.distorted[row], opened.references[opened.owners[row]] // (level + 1))


def test_other_opinions_are_other_data(tmp_path: Path) -> None:
    root = make_tid2013(tmp_path / "tid2013")
    first = open_tid2013(root, tmp_path / "cache", SilentProgress()).sha256
    listed = root / "mos_with_names.txt"
    listed.write_text(listed.read_text().replace("3.5", "3.6"))
    assert open_tid2013(root, tmp_path / "cache", SilentProgress()).sha256 != first


@pytest.mark.parametrize(
    ("file", "content", "named"),
    [
        ("mos_with_names.txt", "", "lists no image"),
        ("mos_with_names.txt", "5.5\n", "line 1: expected a mean opinion and a file name"),
        ("mos_with_names.txt", "nan i01_07_1.bmp\n", "line 1: expected a number"),
        ("mos_with_names.txt", "5 ../i01_07_1.bmp\n", "expected the name of an image .* got '../i01_07_1.bmp'"),
        ("mos_with_names.txt", "5 i01_07_1.bmp\n6 I01_07_1.BMP\n", "twice"),
        ("mos_with_names.txt", "5 i01_08_1.bmp\n", "has no i01_08_1.bmp"),
        ("mos_with_names.txt", "5 i03_07_1.bmp\n", "has no i03_07_1.bmp"),
        ("distorted_images/i01_07_1.bmp", "no image", "not a readable image"),
    ],
)
def test_faults_of_tid2013_are_named(tmp_path: Path, file: str, content: str, named: str) -> None:
    root = make_tid2013(tmp_path / "tid2013")
    (root / file).write_text(content)
    with pytest.raises(DataError, match=named):
        open_tid2013(root, tmp_path / "cache", SilentProgress())


def test_images_of_tid2013_have_one_size(tmp_path: Path) -> None:
    root = make_tid2013(tmp_path / "tid2013")
    Image.new("RGB", (8, 8)).save(root / "distorted_images" / "i02_07_2.bmp")
    with pytest.raises(DataError, match=r"a row of shape .* got \(8, 8, 3\) from .*i02_07_2\.bmp"):
        open_tid2013(root, tmp_path / "cache", SilentProgress())
