"""Best points and ranks, against the published Tables III and IV, pandas and scipy, and by hand."""

from __future__ import annotations

import pandas as pd
import pytest
from helpers import make_record
from scipy.stats import rankdata

from lnkit.analysis.published import frames as published
from lnkit.analysis.rankings import best_points, loss_network_ranks, mean_ranks, score_ranks
from lnkit.analysis.score_rows import from_published, from_records, to_frame
from lnkit.results.records import ScoreRecord


@pytest.fixture(scope="module")
def study() -> pd.DataFrame:
    return to_frame(from_published())


def scored(backbone: str, point: str, value: float, *, higher: bool = True, score: str = "srcc") -> pd.DataFrame:
    record = make_record(benchmark="tid2013", backbone=backbone, points={point: "x"})
    spec = ScoreRecord(value, "correlation", higher, True, "all", "signature")
    object.__setattr__(record, "scores", {score: spec})
    return to_frame(from_records([record]))


def test_table_3(study: pd.DataFrame) -> None:
    ours = mean_ranks(study)
    printed = published.average_rankings().set_index("backbone").loc[ours.index, list(ours.columns)]
    assert set(ours.columns) == {"bapps", "superres", "delineation", "autoencoder", "all"}
    difference = (ours - printed).abs()
    assert difference.delineation.max() < 0.005  # two decimals are printed
    assert difference.max().max() <= 0.25  # ties of the rounded scores
    assert difference.max().max() > 0.1  # and they are not simply the same numbers


def test_table_4(study: pd.DataFrame) -> None:
    ties = best_points(study).set_index(["score", "backbone"]).ties
    printed = published.best_points().set_index("backbone")
    scores = {name: [name] for name in printed.columns if name not in ("delineation_all", "source", "caveat")}
    scores["delineation_all"] = ["completeness", "correctness", "quality"]
    wrong = {
        (column, backbone)
        for column, names in scores.items()
        for backbone in printed.index
        if any(printed.loc[backbone, column] not in ties[name, backbone] for name in names)
    }
    assert wrong == {("delineation_all", "squeezenet1_1")}


def test_ranks_are_those_of_scipy(study: pd.DataFrame) -> None:
    ranks = loss_network_ranks(study)
    for _, group in ranks.groupby("score"):
        assert group["rank"].tolist() == rankdata(-group.value).tolist()


def test_smaller_can_be_better() -> None:
    frame = pd.concat([scored("a", "late", 0.1, higher=False), scored("b", "late", 0.2, higher=False)])
    assert score_ranks(frame).set_index("backbone")["rank"].to_dict() == {"a": 1.0, "b": 2.0}


def test_ties_share_their_rank_and_are_all_named() -> None:
    frame = pd.concat(
        [scored("a", "early", 0.5), scored("a", "late", 0.5), scored("b", "late", 0.5), scored("c", "mid", 0.1)]
    )
    best = best_points(frame).set_index("backbone")
    assert best.ties["a"] == ("early", "late")
    assert score_ranks(frame).set_index("backbone")["rank"].to_dict() == {"a": 1.5, "b": 1.5, "c": 3.0}


def test_settings_are_ranked_apart(study: pd.DataFrame) -> None:
    own = to_frame(from_records([make_record(0.99)]))
    both = pd.concat([study, own])
    pd.testing.assert_frame_equal(
        score_ranks(both)[lambda f: f.setting == "published"].reset_index(drop=True), score_ranks(study)
    )
    assert [name for name in mean_ranks(both).columns if name.startswith("bapps (bapps/paper@")]


def test_a_missing_score_leaves_the_mean_open(study: pd.DataFrame) -> None:
    lacking = study[(study.backbone != "vgg11") | (study.score != "x4_psnr_set5")]
    ranks = mean_ranks(lacking)
    assert pd.isna(ranks.loc["vgg11", "superres"])
    assert pd.isna(ranks.loc["vgg11", "all"])
    assert ranks.loc["vgg11", "autoencoder"] == 6
    assert ranks.index[-1] == "vgg11"


def test_values_that_are_no_numbers_get_no_rank() -> None:
    frame = pd.concat([scored("a", "late", 0.5), scored("b", "late", float("nan"))])
    assert list(score_ranks(frame).backbone) == ["a"]
