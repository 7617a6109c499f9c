"""The scorer alone: closed forms, an independent library, and the real judgments of BAPPS."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
from realdata import RealData
from sklearn.metrics import precision_recall_curve

from lnkit.stats import average_precision, two_afc_agreement
from lnkit_bapps import scores as scoring
from lnkit_bapps.protocol import BappsProtocol
from lnkit_bapps.scores import OFFICIAL_FAMILIES, Distances, score_all, score_distances

# 2AFC of `alex_vanilla`, an AlexNet trained from scratch: logs/eval_alex_vanilla.out of abhijay9/ShiftTolerant-LPIPS.
PUBLISHED = {
    "traditional": 0.7748, "cnn": 0.8287, "superres": 0.7119, "deblur": 0.6104, "color": 0.6523, "frameinterp": 0.6243,
}  # fmt: skip
PUBLISHED_HUMAN = 0.739  # mean of families; Zhang2018 4.1, Kumar2022 3.2
VOTES = 5


def agreement_of_people(judge: np.ndarray) -> tuple[float, float, float]:
    """Mean agreement by counting pairs of votes: any two, two different ones, each vote with the majority."""
    sums = np.zeros(3)
    for p1, times in zip(*np.unique(np.rint(VOTES * judge).astype(int), return_counts=True), strict=True):
        votes = [1] * int(p1) + [0] * int(VOTES - p1)
        pairs = list(product(range(VOTES), repeat=2))
        any_two = np.mean([votes[i] == votes[j] for i, j in pairs])
        different = np.mean([votes[i] == votes[j] for i, j in pairs if i != j])
        majority = max(votes.count(0), votes.count(1)) / VOTES
        sums += times * np.array([any_two, different, majority])
    any_two, different, majority = sums / len(judge)
    return float(any_two), float(different), float(majority)


def real_distances(real_data: RealData, metric: str = "alex_vanilla") -> Distances:
    with np.load(real_data("judgments/bapps_val_2afc.npz")) as stored:
        columns = ("judge", f"{metric}/d0", f"{metric}/d1")
        return Distances(
            {f: tuple(stored[f"{f}/{c}"].astype(np.float64) for c in columns) for f in OFFICIAL_FAMILIES},  # type: ignore[misc]
        )


def test_agreement_has_three_cases() -> None:
    judge = np.array([0.8, 0.8, 0.8])
    found = two_afc_agreement(judge, np.array([2.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0]))
    assert found == pytest.approx([0.8, 0.2, 0.5])


def test_real_judgments_give_the_published_scores(real_data: RealData) -> None:
    distances = real_distances(real_data)
    scores = score_distances(distances)
    ceilings = []
    for family, value in PUBLISHED.items():
        score = scores[f"2afc/{family}"]
        assert score.value == pytest.approx(value, abs=5e-5)
        ceilings.append([score.ceilings[key] for key in ("human", "one rater", "best possible")])
        assert ceilings[-1] == pytest.approx(agreement_of_people(distances.two_afc[family][0]), abs=1e-6)
    assert scores["2afc"].value == pytest.approx(0.7004, abs=5e-5)
    assert scores["2afc_pooled"].value == pytest.approx(0.6966, abs=5e-5)
    assert scores["2afc"].n == 36_344
    means = [scores["2afc"].ceilings[key] for key in ("human", "one rater", "best possible")]
    assert means == pytest.approx(np.mean(ceilings, axis=0).tolist())
    assert means[0] == pytest.approx(PUBLISHED_HUMAN, abs=3e-3), "which the judgments give only nearly"
    assert means == pytest.approx([0.737, 0.672, 0.801], abs=6e-4), "as the READMEs state"


def test_mean_of_families_does_not_weigh_by_size() -> None:
    right, wrong = (np.ones(1), np.ones(1), np.zeros(1)), (np.zeros(9), np.ones(9), np.zeros(9))
    scores = score_distances(Distances({"small": right, "large": wrong}), resamples=0)
    assert scores["2afc"].value == pytest.approx(0.5)
    assert scores["2afc_pooled"].value == pytest.approx(0.1)


def test_the_majority_by_hand() -> None:
    judge = np.array([0.8, 0.6, 0.5, 0.0, 1.0, 0.4])
    d0, d1 = np.array([2.0, 1.0, 1.0, 1.0, 1.0, 1.0]), np.array([1.0, 2.0, 2.0, 2.0, 1.0, 0.5])
    score = score_distances(Distances({"mine": (judge, d0, d1)}))["2afc_majority"]
    assert score.value == pytest.approx((1 + 0 + 1 + 0.5 + 0) / 5), "the third triplet has no majority"
    assert score.n == 5
    assert score.ceilings == pytest.approx({"human": (0.8 + 0.6 + 1 + 1 + 0.6) / 5, "best possible": 1})


def test_the_majority_of_real_judgments(real_data: RealData) -> None:
    """Counted triplet by triplet: BAPPS has five votes, so there is always a majority."""
    distances = real_distances(real_data)
    score = score_distances(distances, resamples=0)["2afc_majority"]
    shares = []
    for judge, d0, d1 in distances.two_afc.values():
        votes = [round(VOTES * value) for value in judge.tolist()]
        pairs = zip(d0.tolist(), d1.tolist(), strict=True)
        right = [
            0.5 if zero == one else (one < zero) == (vote >= 3) for vote, (zero, one) in zip(votes, pairs, strict=True)
        ]
        shares.append(sum(right) / len(votes))
    assert score.n == 36_344
    assert score.value == pytest.approx(sum(shares) / 6, abs=1e-12)
    assert score.ceilings["human"] == pytest.approx(0.801, abs=6e-4)
    assert score.interval is not None
    assert score_distances(Distances.from_arrays(distances.arrays()), resamples=0)["2afc_majority"] == score


def test_triplets_without_a_majority_are_counted() -> None:
    judge, d0, d1 = np.array([0.5, 0.8, 0.5]), np.zeros(3), np.ones(3)
    outcome = score_all(Distances({"mine": (judge, d0, d1), "cnn": (judge, d0, d1)}), BappsProtocol(), 0)
    assert outcome.notes == ("2afc_majority leaves out 4 triplets on which people were split in halves",)
    assert score_all(Distances({"mine": (judge[1:2], d0[1:2], d1[1:2])}), BappsProtocol(), 0).notes == ()


def test_without_any_majority_there_is_no_such_score() -> None:
    split = np.full(3, 0.5)
    assert "2afc_majority" not in score_distances(Distances({"mine": (split, split, split)}))


def test_groups_need_all_their_families(real_data: RealData) -> None:
    full = real_distances(real_data)
    part = Distances({name: full.two_afc[name] for name in ("traditional", "superres")})
    assert {"2afc_distortion", "2afc_real"} <= set(score_distances(full, resamples=10))
    assert not {"2afc_distortion", "2afc_real"} & set(score_distances(part, resamples=10))


def test_votes_are_known_only_for_fifths_of_official_families() -> None:
    judge = np.array([0.2, 0.6])
    ceilings = {
        name: score_distances(Distances({name: (judge, judge, judge)}), resamples=0)[f"2afc/{name}"].ceilings
        for name in ("cnn", "mine")
    }
    assert "one rater" in ceilings["cnn"]
    assert "one rater" not in ceilings["mine"]
    assert scoring.votes_of(np.array([1 / 3])) is None


def test_average_precision_is_the_envelope_of_scikit_learns_curve() -> None:
    rng = np.random.default_rng(1)
    distance, same = rng.random(200), (rng.random(200) < 0.4).astype(float)
    precision, recall, _ = precision_recall_curve(same, -distance)
    envelope = np.maximum.accumulate(precision)  # scikit-learn lists from recall 1 down to 0
    expected = -np.sum(np.diff(recall) * envelope[:-1])
    assert average_precision(distance, same) == pytest.approx(expected, abs=1e-12)


def test_average_precision_by_hand_with_fractions() -> None:
    # Sorted by distance: same = 1, 0.5, 0; true = 1, 1.5, 1.5; precision = 1, 0.75, 0.5; recall = 2/3, 1, 1.
    found = average_precision(np.array([0.3, 0.1, 0.2]), np.array([0.0, 1.0, 0.5]))
    assert found == pytest.approx(2 / 3 * 1 + 1 / 3 * 0.75)


def test_average_precision_knows_no_file_order() -> None:
    distance, same = np.zeros(4), np.array([1.0, 0.0, 0.0, 1.0])
    for order in ([0, 1, 2, 3], [3, 0, 1, 2], [1, 2, 0, 3]):
        assert average_precision(distance, same[order]) == pytest.approx(0.5)


def test_average_precision_is_undefined_if_nothing_is_the_same() -> None:
    assert math.isnan(average_precision(np.array([0.1, 0.2]), np.zeros(2)))


def test_a_family_where_nothing_is_the_same_is_left_out_and_named() -> None:
    same = np.array([1.0, 0.0])
    distances = Distances(jnd={"blind": (np.zeros(2), np.ones(2)), "seeing": (same, 1 - same)})
    scores = score_distances(distances, resamples=10)
    assert set(scores) == {"jnd_map", "jnd_map_mean", "jnd_map/seeing"}
    assert all(math.isfinite(score.value) for score in scores.values())


def test_weights_of_the_bootstrap_count_pairs() -> None:
    rng = np.random.default_rng(2)
    distance, same, times = rng.random(50), rng.random(50), rng.integers(0, 4, size=50)
    repeated = average_precision(np.repeat(distance, times), np.repeat(same, times))
    assert average_precision(distance, same, times.astype(float)) == pytest.approx(repeated)


def test_intervals_cover_the_standard_errors_of_families() -> None:
    rng = np.random.default_rng(3)
    right = {name: (rng.random(n) < 0.7).astype(float) for name, n in (("small", 1000), ("large", 4000))}
    scores = score_distances(Distances({name: (x, np.ones_like(x), 0 * x) for name, x in right.items()}))
    errors = {name: x.std() / math.sqrt(len(x)) for name, x in right.items()}
    errors["mean"] = math.hypot(*errors.values()) / 2
    errors["pooled"] = np.concatenate(list(right.values())).std() / math.sqrt(5000)
    names = {"small": "2afc/small", "large": "2afc/large", "mean": "2afc", "pooled": "2afc_pooled"}
    for key, error in errors.items():
        low, high = scores[names[key]].interval or (0, 0)
        assert high - low == pytest.approx(2 * 1.96 * error, rel=0.02)
        assert low < scores[names[key]].value < high


def test_of_few_pairs_the_average_precision_has_no_interval() -> None:
    rng = np.random.default_rng(4)
    pairs = {name: (rng.integers(0, 4, n) / 3, rng.random(n)) for name, n in (("few", 99), ("many", 100))}
    scores = score_distances(Distances(jnd=pairs))
    assert scores["jnd_map/few"].interval is None
    assert scores["jnd_map_mean"].interval is None
    for name in ("jnd_map/many", "jnd_map"):
        low, high = scores[name].interval or (1, 0)
        assert 0 < low < scores[name].value < high < 1
    assert score_distances(Distances(jnd=pairs), seed=1)["jnd_map"].interval != scores["jnd_map"].interval


def test_intervals_do_not_depend_on_which_families_are_there(real_data: RealData) -> None:
    full = real_distances(real_data)
    alone = score_distances(Distances({"cnn": full.two_afc["cnn"]}))["2afc/cnn"]
    assert alone == score_distances(full)["2afc/cnn"]


def test_arrays_survive_the_way_to_disk_and_back(real_data: RealData) -> None:
    distances = real_distances(real_data)
    same = np.array([0.0, 1.0])
    distances.jnd["cnn"] = (same, same)
    again = Distances.from_arrays(distances.arrays())
    assert score_distances(again, resamples=20) == score_distances(distances, resamples=20)
