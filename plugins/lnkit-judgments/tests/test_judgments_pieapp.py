"""`pieapp`: both layouts read alike, and are scored as plain formulas say."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from lnkit.plugins.load import default_registry
from lnkit.results.rescore import rescore

pytest.importorskip("lnkit_judgments.pieapp")

from pieappdata import REFERENCES, Made, evaluated, mirror, scores_of

from lnkit.datasets.pieapp import PieappPair, PieappSet, read_pieapp
from lnkit_judgments.pieapp import run as run_module
from lnkit_judgments.pieapp.data import choose
from lnkit_judgments.pieapp.protocol import PieappProtocol
from lnkit_judgments.pieapp.scores import Distances, score_all


@pytest.fixture
def made(tmp_path: Path) -> Made:
    (tmp_path / "PieAPP").mkdir()
    return Made(tmp_path / "PieAPP")


def test_scores_are_those_of_plain_formulas(made: Made) -> None:
    scores = scores_of(made.root)
    names = sorted(made.scores)
    assert len(names) == scores["srcc"].n == 12
    reference = {b: ref for ref, _, b, *_ in made.pairs["test"]}
    distance = [made.distance(reference[name], name) for name in names]
    people = [made.scores[name] for name in names]
    assert scores["srcc"].value == pytest.approx(stats.spearmanr(distance, people).statistic)
    assert scores["krcc"].value == pytest.approx(stats.kendalltau(distance, people).statistic)
    assert scores["plcc"].value == pytest.approx(np.corrcoef(distance, people)[0, 1], abs=1e-6)
    agreed, majority, parts = [], [], []
    for ref, a, b, share, _ in made.pairs["test"]:
        da, db = made.distance(ref, a), made.distance(ref, b)
        agreed.append(share if da < db else 1 - share if db < da else 0.5)
        parts.append(a == ref)
        if share != 0.5:
            majority.append(float((da < db) == (share > 0.5)))
    assert len(agreed) == 24
    assert scores["2afc"].value == pytest.approx(np.mean(agreed))
    assert scores["2afc_majority"].value == pytest.approx(np.mean(majority))
    assert scores["2afc_majority"].n == len(majority)
    assert scores["2afc/with_reference"].value == pytest.approx(np.mean(np.array(agreed)[parts]))
    assert scores["2afc/distorted"].value == pytest.approx(np.mean(np.array(agreed)[np.logical_not(parts)]))
    shares = np.array([pair[3] for pair in made.pairs["test"]], float)
    assert scores["2afc"].ceilings["best possible"] == pytest.approx(np.mean(np.maximum(shares, 1 - shares)))
    assert any("srcc (4)" in note and "2afc (4)" in note for note in evaluated(made.root).record.notes)


def test_both_layouts_are_the_same(made: Made, tmp_path: Path) -> None:
    copied = mirror(made, tmp_path / "mirror")
    for split in REFERENCES:
        ours, theirs = read_pieapp(made.root, split), read_pieapp(copied, split)
        assert (ours.pairs, ours.scores, ours.unseen) == (theirs.pairs, theirs.scores, theirs.unseen)
    assert len(read_pieapp(copied).scores) == 12  # each once, however many pairs repeat it
    one, other = evaluated(made.root).record, evaluated(copied).record
    assert one.key.data == other.key.data
    assert {n: s.value for n, s in one.scores.items()} == {n: s.value for n, s in other.scores.items()}


def test_training_pairs_have_completed_shares_and_validation_pairs_those_that_were_judged(made: Made) -> None:
    train, val = read_pieapp(made.root, "train"), read_pieapp(made.root, "val")
    assert [pair.share for pair in train.pairs] == [0.25] * 3
    assert [pair.share for pair in val.pairs] == [row[3] for row in made.pairs["val"]]
    assert train.scores == val.scores == ()
    scores = scores_of(made.root, {"split": "val"})
    assert set(scores) == {"2afc", "2afc_majority", "2afc/distorted"}


def test_pairs_that_nobody_judged_are_left_out_and_counted(made: Made, tmp_path: Path) -> None:
    labels = made.root / "labels" / "train" / "ref_0_pairwise_labels.csv"
    labels.write_text(labels.read_text().replace(",,0.25", ",,"))
    assert (len(read_pieapp(made.root, "train").pairs), read_pieapp(made.root, "train").unseen) == (1, 2)
    assert "2 pairs without a judgment are left out" in evaluated(made.root, {"split": "train"}).record.notes
    copied = mirror(made, tmp_path / "mirror")
    table = copied / "meta_info_PieAPPDataset.csv"
    table.write_text(table.read_text().replace(",nan,0.25,", ",nan,,"))
    assert (len(read_pieapp(copied, "train").pairs), read_pieapp(copied, "train").unseen) == (1, 2)


def test_unisim_leaves_out_the_reference_and_shares_near_one_half(made: Made) -> None:
    kept = [row for row in made.pairs["test"] if row[0] != row[1] and not 0.4 <= row[3] <= 0.6]
    assert any(row[3] == 0.6 for row in made.pairs["test"])
    scores = scores_of(made.root, variant="unisim")
    assert scores["2afc"].n == scores["2afc/distorted"].n == len(kept) < 12
    assert "2afc/with_reference" not in scores
    assert scores["srcc"].n == 12


def test_a_margin_takes_its_ends_along() -> None:
    shares = (0.3, 0.35, 0.4, 0.5, 0.6, 0.65, 0.7)  # 0.65 - 0.5 is more than 0.15, but for rounding
    pairs = tuple(PieappPair("r", f"a{share}", "b", share) for share in shares)
    chosen = choose(PieappSet(Path(), pairs, (), 0), PieappProtocol(margin=0.15))
    assert [pair.share for pair in chosen.pairs] == [0.3, 0.7]


def test_a_metric_that_goes_the_wrong_way_has_a_negative_score() -> None:
    score = np.arange(12.0)
    names = np.array([f"{index}.png" for index in range(12)])
    owners = np.array([f"ref_{index % 4}" for index in range(12)])
    for sign, expected in ((1, 1.0), (-1, -1.0)):
        near, far = np.full(4, 1.0), np.full(4, 2.0)
        pairs = (near, far) if sign > 0 else (far, near)  # people prefer the first one
        distances = Distances(
            20 + sign * score, score, owners, names, *pairs, np.full(4, 0.9), owners[:4], np.zeros(4, bool)
        )
        scores = score_all(distances, PieappProtocol(resamples=20), 0).scores
        assert [scores[name].value for name in ("srcc", "krcc", "plcc")] == pytest.approx([expected] * 3)
        assert scores["2afc"].value == pytest.approx(0.9 if sign > 0 else 0.1)
        assert scores["2afc_majority"].value == (1.0 if sign > 0 else 0.0)


def test_ties_are_left_out_of_the_majority_and_counted() -> None:
    owners = np.array(["r0", "r1", "r2", "r3"])
    share, a, b = np.array([0.5, 0.9, 0.9, 0.1]), np.array([1.0, 1.0, 2.0, 1.0]), np.array([2.0, 1.0, 1.0, 2.0])
    distances = Distances(a, b, owners, owners, a, b, share, owners, np.zeros(4, bool))
    outcome = score_all(distances, PieappProtocol(resamples=20), 0)
    assert outcome.scores["2afc_majority"].value == (0.5 + 0 + 0) / 3  # equal distances count one half
    assert outcome.scores["2afc"].value == pytest.approx((0.5 + 0.5 + 0.1 + 0.1) / 4)
    assert outcome.notes == ("2afc_majority leaves out 1 pairs on which people were split in halves",)


def test_an_interval_takes_references_as_cases(made: Made) -> None:
    """The bootstrap draws references: with copies of one reference's pairs nothing varies between them."""
    score = np.tile(np.arange(3.0), 30)
    owners = np.repeat([f"ref_{index:02d}" for index in range(30)], 3)
    values = np.tile([0.9, 0.2, 0.6], 30)
    near = np.ones(90)
    distances = Distances(score, score, owners, owners, near, 2 * near, values, owners, np.zeros(90, bool))
    low, high = score_all(distances, PieappProtocol(resamples=200), 0).scores["2afc"].interval or (0.5667, 0.5667)
    assert high - low < 1e-6


def test_nothing_hangs_on_batches_and_shards(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    network = {"backbone": "squeezenet1_1", "weights": "random", "points": "early", "overrides": {"resolution": "32"}}
    whole = evaluated(made.root, **network)
    monkeypatch.setattr(run_module, "SHARD", 1)
    again = evaluated(made.root, batch_size=3, force=True, **network)
    for name, score in whole.record.scores.items():
        assert again.record.scores[name].value == pytest.approx(score.value, abs=0 if "2afc" in name else 1e-6)


def test_an_interrupted_run_goes_on(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lnkit.distances.comparer import ImageComparer

    monkeypatch.setattr(run_module, "SHARD", 1)
    whole = scores_of(made.root, results=tmp_path / "whole")
    compared: list[int] = []
    compare = ImageComparer.compare

    def stop_at_the_third(self: ImageComparer, *images: Any, **options: Any) -> Any:
        compared.append(len(images[0]))
        if len(compared) == 3:
            signal.raise_signal(signal.SIGINT)  # as a person's Ctrl-C does
        return compare(self, *images, **options)

    monkeypatch.setattr(ImageComparer, "compare", stop_at_the_third)
    with pytest.raises(KeyboardInterrupt):
        scores_of(made.root, results=tmp_path / "broken")
    assert scores_of(made.root, results=tmp_path / "broken") == whole
    assert len(compared) == 3 + 2  # of four references, two were measured before


def test_close_pairs_are_decided_together(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where rounding could decide, the two images are compared with the reference in one item."""
    reference, _, name, *_ = made.pairs["test"][0]
    for other in (made.root / Path(name).parent).iterdir():  # all distorted images of one reference become the same
        Image.fromarray(made.images[name]).save(other)
    before = scores_of(made.root)
    measure = run_module._measure

    def with_rounding(*arguments: Any) -> Any:
        distances = measure(*arguments)
        return distances * (1 + 1e-6 * np.arange(len(distances)))[:, None]

    monkeypatch.setattr(run_module, "_measure", with_rounding)
    finished = evaluated(made.root, force=True)
    assert finished.record.scores["2afc"].value == before["2afc"].value
    arrays = np.load(finished.folder / "distances.npz")
    same = (arrays["pair_reference"] == reference) & ~arrays["with_reference"]
    assert same.sum() == 3
    np.testing.assert_array_equal(arrays["a"][same], arrays["b"][same])


def test_scores_come_from_stored_distances_too(made: Made) -> None:
    finished = evaluated(made.root)
    again = rescore(finished.record, np.load(finished.folder / "distances.npz"), default_registry())
    assert again == {name: score.value for name, score in finished.record.scores.items()}


def test_other_judgments_are_other_data(made: Made) -> None:
    before = evaluated(made.root).record.key.data
    labels = made.root / "labels" / "test" / "ref_2_per_image_score.csv"
    labels.write_text(labels.read_text().replace("inter_1.png,", "inter_1.png,1"))
    after = evaluated(made.root).record.key.data
    assert after["images"] == before["images"]
    assert after["judgments"] != before["judgments"]


def test_quick_takes_three_references(made: Made) -> None:
    assert scores_of(made.root, variant="quick")["srcc"].n == 9
