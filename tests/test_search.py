"""A search finds what was planted, says "none" where there is nothing, and counts as the benchmark counts."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize

from lnkit.search.choice import Combination, make_choice
from lnkit.search.confirmation import Judged, Part, confirm
from lnkit.search.judgments import Opinions, Triplets, read_judgments
from lnkit.search.logistic import fit_weights, slopes
from lnkit.search.split import fold_of_clusters, split_clusters

ITEMS, CANDIDATES = 400, 24


def _distances(rng, items=ITEMS, candidates=CANDIDATES):
    """Distances as those of the nodes of one network: neighbors are alike."""
    steps = rng.normal(size=(candidates, items, 2))
    walk = np.cumsum(steps, axis=0) / np.sqrt(np.arange(1, candidates + 1))[:, None, None]
    return np.exp(walk)


def _judged(distances, rng, *, by=None, votes=5, clusters=None):
    """Votes that follow the distances of one candidate, or nothing."""
    items = distances.shape[1]
    chance = (
        np.full(items, 0.5) if by is None else 1 / (1 + np.exp(-3 * np.log(distances[by, :, 0] / distances[by, :, 1])))
    )
    judge = rng.binomial(votes, chance) / votes
    owners = np.arange(items) if clusters is None else clusters
    return Triplets(judge, np.zeros(items, np.int64), owners)


def _search(  # noqa: PLR0913 - options by name
    distances,
    judgments,
    *,
    standards=(0, 6, 12, 18),
    most=1,
    weights="equal",
    seed=0,
    folds=0,
    resamples=20,
    allowed=None,
):
    if folds:
        fold = fold_of_clusters(judgments.clusters, folds, seed)
        parts = [Part(fold != f, fold == f) for f in range(folds)]
    else:
        mask = split_clusters(judgments.clusters, judgments.strata, 0.5, seed)
        parts = [Part(mask, ~mask)]

    def rule(tuning):
        mask = np.ones(len(distances), bool) if allowed is None else allowed
        return make_choice(judgments, distances, mask, most, weights, tuning)

    return confirm(Judged(judgments, distances), rule, parts, standards, resamples=resamples, seed=seed)


@pytest.mark.parametrize("by", [3, 9, 15])
def test_a_planted_node_is_found_or_cannot_be_told_from_the_choice(by):
    rng = np.random.default_rng(by)
    distances = _distances(rng, items=1200)
    found = _search(distances, _judged(distances, rng, by=by))
    assert by in found.not_told_apart
    assert found.chosen.combination.members[0] in range(by - 2, by + 3)
    assert found.better, "it lies between the standard points, and is better than each of them"


def test_noise_gives_none_in_ten_of_ten_quick_simulations():
    assert _found_in_noise(range(10)) == 0


@pytest.mark.exhaustive
def test_noise_gives_none_in_at_least_95_of_100_simulations():
    assert _found_in_noise(range(100)) <= 5
    assert _found_in_noise(range(100), most=3) <= 5
    assert _found_in_noise(range(100), most=3, weights="nonnegative") <= 5
    assert _found_in_noise(range(100), standards=(0,)) <= 5, "one standard point, as of a beginner's network"


def _found_in_noise(seeds, **options):
    found = 0
    for seed in seeds:
        rng = np.random.default_rng([7, seed])
        distances = _distances(rng)
        found += _search(distances, _judged(distances, rng), seed=seed, **options).better
    return found


@pytest.mark.exhaustive
def test_the_interval_of_the_best_of_many_holds_the_score_of_the_choice_on_new_items():
    held = naive = 0
    for seed in range(100):
        rng = np.random.default_rng([11, seed])
        distances = _distances(rng, items=4400)
        everything = _judged(distances, rng, votes=1)  # noise: each candidate's true score is .5
        few = Triplets(everything.judge[:400], everything.strata[:400], everything.clusters[:400])
        found = _search(distances[:, :400], few, resamples=100)
        low, high = found.selection.interval
        held += low <= 0.5 <= high
        naive += found.chosen.development - 1.96 * np.sqrt(0.25 / 200) <= 0.5
    assert held >= 90
    assert naive < held, "without the correction the best of many looks better than it is"


def test_scores_are_those_of_items_repeated_as_often_as_they_count():
    rng = np.random.default_rng(0)
    distances = _distances(rng, items=30, candidates=4)
    families = np.repeat([0, 1], [20, 10])
    triplets = Triplets(rng.random(30).round(1), families, np.arange(30))
    counts = rng.integers(0, 3, 30).astype(float)
    rows = np.repeat(np.arange(30), counts.astype(int))
    agreed = np.where(distances[:, :, 1] < distances[:, :, 0], triplets.judge, 1 - triplets.judge)
    expected = [np.mean([one[rows][families[rows] == f].mean() for f in (0, 1)]) for one in agreed]
    np.testing.assert_allclose(triplets.scores(triplets.qualities(distances), counts[None])[0], expected)

    opinions = Opinions(rng.random(30).round(1), np.arange(30) // 5, np.zeros(30, np.int64))
    expected = [stats.spearmanr(-one[rows, 0], opinions.opinion[rows]).statistic for one in distances]
    np.testing.assert_allclose(opinions.scores(opinions.qualities(distances), counts[None])[0], expected)


def test_a_split_keeps_references_together_and_takes_the_same_share_of_each_family():
    clusters = np.repeat(np.arange(60), 3)
    strata = (clusters >= 40).astype(np.int64)
    mask = split_clusters(clusters, strata, 0.5, seed=3)
    assert all(mask[clusters == c].all() or not mask[clusters == c].any() for c in range(60))
    assert len(set(clusters[mask & (strata == 0)])) == 20
    assert len(set(clusters[mask & (strata == 1)])) == 10
    np.testing.assert_array_equal(mask, split_clusters(clusters, strata, 0.5, seed=3))
    assert (mask != split_clusters(clusters, strata, 0.5, seed=4)).any()


def test_folds_are_whole_references_and_hold_each_item_once():
    clusters = np.repeat(np.arange(20), 4)
    fold = fold_of_clusters(clusters, 4, seed=0)
    assert all(len(set(fold[clusters == c])) == 1 for c in range(20))
    assert sorted(np.bincount(fold)) == [20, 20, 20, 20]


def test_learned_weights_are_the_most_likely_ones_that_are_not_negative():
    rng = np.random.default_rng(1)
    margins = rng.normal(size=(3, 4000))
    chance = 1 / (1 + np.exp(-(2.0 * margins[0] + 0.5 * margins[1] - 1.0 * margins[2])))
    share, counts = rng.binomial(1, chance).astype(float), rng.integers(0, 3, 4000).astype(float)
    weights = fit_weights(margins, share, counts, 1e-4)

    def negative_likelihood(w):  # written apart from the code, without its gradient
        p = 1 / (1 + np.exp(-np.abs(w) @ margins))
        return -(counts @ (share * np.log(p) + (1 - share) * np.log(1 - p))) / counts.sum() + 5e-5 * w @ w

    expected = np.abs(minimize(negative_likelihood, [1.0, 1.0, 0.1], method="Nelder-Mead", options={"maxiter": 2000}).x)
    np.testing.assert_allclose(weights, expected, atol=2e-3)
    assert weights[2] == 0, "the third speaks against people, and no weight may be negative"
    rises = slopes(margins, share, counts, weights[:1] @ margins[:1])
    assert rises[1] > 0 > rises[2]


def test_a_mixture_that_was_planted_beats_single_nodes():
    rng = np.random.default_rng(5)
    distances = np.exp(rng.normal(size=(6, 1500, 2)))
    mixed = 1.0 * distances[1] + 0.5 * distances[4]
    judge = rng.binomial(5, 1 / (1 + np.exp(-3 * (mixed[:, 0] - mixed[:, 1])))) / 5
    judgments = Triplets(judge, np.zeros(1500, np.int64), np.arange(1500))
    for weights in ("equal", "nonnegative"):
        found = _search(distances, judgments, standards=(1, 4), most=2, weights=weights)
        assert found.chosen.combination.members == (1, 4)
        assert found.better
    parts = dict(found.chosen.combination.parts)
    assert parts[1] == 1
    assert parts[4] == pytest.approx(0.5, abs=0.1)


def test_equal_scores_choose_the_cheapest():
    distances = np.repeat(_distances(np.random.default_rng(0), candidates=1), 3, axis=0)
    judgments = _judged(distances, np.random.default_rng(1), by=0)
    assert _search(distances, judgments, standards=(0,)).chosen.combination == Combination(((0, 1.0),))


def test_one_candidate_that_is_the_standard_point_is_no_find():
    distances = _distances(np.random.default_rng(0), candidates=1)
    found = _search(distances, _judged(distances, np.random.default_rng(1), by=0), standards=(0,))
    assert not found.better
    assert found.differences[0].value == 0


def test_nested_folds_confirm_on_items_that_no_choice_of_theirs_saw():
    rng = np.random.default_rng(2)
    distances = _distances(rng)
    found = _search(distances, _judged(distances, rng, by=9), folds=4)
    assert len(found.by_part) == 4
    noise = [_search(distances, _judged(distances, np.random.default_rng([3, s])), folds=4) for s in range(20)]
    assert np.mean([one.chosen.confirmation for one in noise]) == pytest.approx(0.5, abs=0.02)
    assert np.mean([one.chosen.development for one in noise]) > 0.51, "the best of 24 looks better where it was chosen"


def test_opinions_are_searched_too():
    rng = np.random.default_rng(4)
    nearness = rng.normal(size=(5, 200))
    shared = {
        "opinion": nearness[2] + rng.normal(size=200) * 0.3,
        "reference": np.repeat([f"r{i}" for i in range(20)], 10),
    }
    arrays = [{"distance": -one, **shared} for one in nearness]
    judgments, distances = read_judgments(arrays, "tid2013", {})
    for most, weights in ((1, "equal"), (2, "nonnegative")):
        assert 2 in _search(distances, judgments, standards=(0,), most=most, weights=weights).chosen.combination.members


@pytest.mark.parametrize(("most", "weights"), [(1, "equal"), (3, "equal"), (3, "nonnegative")])
def test_what_may_not_be_chosen_is_only_compared_with(most, weights):
    rng = np.random.default_rng(6)
    distances = _distances(rng)
    allowed = np.arange(CANDIDATES) >= 18
    found = _search(
        distances, _judged(distances, rng, by=9), standards=(9,), most=most, weights=weights, allowed=allowed
    )
    assert min(found.chosen.combination.members) >= 18
    assert found.standards[0].combination.members == (9,)


def test_no_interval_leaves_what_is_possible():
    distances = _distances(np.random.default_rng(0), items=40, candidates=2)
    judge = (distances[0, :, 1] < distances[0, :, 0]).astype(float)
    judge[:2] = 0.4  # nearly all agree with the first candidate
    found = _search(distances, Triplets(judge, np.zeros(40, np.int64), np.arange(40)), standards=(1,))
    assert found.chosen.interval is None or found.chosen.interval[1] <= 1
    assert found.selection.interval is None or found.selection.interval[1] <= 1
