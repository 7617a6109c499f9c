"""`pieapp`: both layouts read alike, scored as plain formulas say, and every fault named."""

from __future__ import annotations

import csv
import shutil
import signal
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import Behavior, serving
from PIL import Image
from scipy import stats
from test_unpack import make_zip

import lnkit
from lnkit import DataError, UsageError
from lnkit.data.fetch.datasets import ensure_dataset
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress
from lnkit.results.rescore import rescore

pytest.importorskip("lnkit_judgments.pieapp")

from lnkit.datasets.pieapp import PieappPair, PieappSet, read_pieapp
from lnkit_judgments.pieapp import PIEAPP, PIEAPP_DATASET, run as run_module
from lnkit_judgments.pieapp.data import choose
from lnkit_judgments.pieapp.protocol import VARIANTS, PieappProtocol
from lnkit_judgments.pieapp.scores import Distances, score_all

SIDE = 16
REFERENCES = {"train": 1, "val": 1, "test": 4}
PIXEL = {"backbone": "pixel", "bench": "pieapp", "engine": "eager", "device": "cpu"}
META = [
    *("ref_img_path", "dist_imgA_path", "dist_imgB_path", "raw preference for A", "processed preference for A"),
    *("per_img score for dist_imgB", "split"),
]

Rows = list[list[Any]]


class Made:
    """PieAPP in its published layout, and what was written into it."""

    def __init__(self, root: Path) -> None:
        self.draw = np.random.default_rng(7)
        self.root, self.images = root, dict[str, np.ndarray[Any, Any]]()
        self.pairs: dict[str, Rows] = {split: [] for split in REFERENCES}  # reference, a, b, raw, processed: as paths
        self.scores: dict[str, float] = {}  # path -> score
        number = 0
        for split, count in REFERENCES.items():
            names = [f"ref_{number + index}.png" for index in range(count)]
            (root / f"{split}_reference_list.txt").write_text("".join(f"{name}\r\n" for name in names))
            for name in names:
                self._add(split, name)
            number += count

    def _add(self, split: str, reference: str) -> None:
        stem = reference[:-4]
        base = self.draw.integers(40, 200, (SIDE, SIDE, 3))
        self._save(f"reference_images/{split}/{reference}", base)
        names = [f"distort_{stem[4:]}_noise_inter_{index}.png" for index in range(3)]
        for index, name in enumerate(names):
            change = self.draw.normal(0, 6 + 12 * ((index + int(stem[4:])) % 3), (SIDE, SIDE, 3))
            self._save(f"distorted_images/{split}/{stem}/{name}", base + change)
        test = split == "test"
        rows: Rows = []
        for a, b in combinations([*([reference] if test else []), *names], 2):
            raw = "" if split == "train" and b == names[2] else round(int(self.draw.integers(0, 41)) / 40, 3)
            raw = 0.6 if (a, b) == (names[0], names[1]) and test else raw
            processed = "" if split == "val" else 0.25
            rows.append([reference, a, b, raw, *([] if test else [processed])])
            path = {reference: f"reference_images/{split}/{reference}"}
            path |= {name: f"distorted_images/{split}/{stem}/{name}" for name in names}
            self.pairs[split].append([path[reference], path[a], path[b], raw, "" if test else processed])
        columns = [" preference for A"] if test else [" raw preference for A", " processed preference for A"]
        self.write(
            f"labels/{split}/{stem}_pairwise_labels.csv", ["ref. image", " distorted image A", *B, *columns], rows
        )
        if test:
            scores = {name: round(float(self.draw.uniform(0, 3)), 4) for name in names}
            self.scores |= {f"distorted_images/{split}/{stem}/{name}": score for name, score in scores.items()}
            header = ["ref. image", " distorted image", " score for distorted image"]
            self.write(
                f"labels/{split}/{stem}_per_image_score.csv",
                header,
                [[reference, reference, 0.0], *([reference, name, score] for name, score in scores.items())],
            )

    def _save(self, name: str, pixels: np.ndarray[Any, Any]) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self.images[name] = pixels.round().clip(0, 255).astype(np.uint8)
        Image.fromarray(self.images[name]).save(path)

    def write(self, name: str, header: Sequence[Any], rows: Rows) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([header, *rows])

    def distance(self, a: str, b: str) -> float:
        one, other = (self.images[name].astype(np.float64) for name in (a, b))
        return float(((one - other) ** 2).mean())


B = [" distorted image B"]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    (tmp_path / "PieAPP").mkdir()
    return Made(tmp_path / "PieAPP")


def mirror(made: Made, root: Path) -> Path:
    """The same data as the mirror has them: all labels in one table, the scores of second images only."""
    folder = root / "PieAPP_dataset_CVPR_2018"
    root.mkdir()
    shutil.copytree(made.root, folder)
    shutil.rmtree(folder / "labels")
    rows: Rows = []
    for number, (split, pairs) in enumerate(made.pairs.items()):
        for reference, a, b, raw, processed in pairs:
            share = raw if raw != "" else "nan"  # as pandas writes an empty cell
            rows.append([reference, a, b, share, processed, made.scores[b] if split == "test" else "", number])
    with (root / "meta_info_PieAPPDataset.csv").open("w", newline="") as file:
        csv.writer(file).writerows([META, *rows])
    return root


def evaluated(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> lnkit.FinishedRun:
    changes = {"resolution": str(SIDE), "resamples": "50"} | (overrides or {})
    (finished,) = lnkit.evaluate(**PIXEL | {"data": root, "overrides": changes} | options)
    return finished


def scores_of(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    return dict(evaluated(root, overrides, **options).record.scores)


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


def change(name: str, before: str, after: str) -> Callable[[Made], object]:
    def spoil(made: Made) -> None:
        text = (made.root / name).read_text()
        assert before in text
        (made.root / name).write_text(text.replace(before, after, 1))

    return spoil


PAIRS, SCORED = "labels/test/ref_2_pairwise_labels.csv", "labels/test/ref_2_per_image_score.csv"
IMAGE = "distorted_images/test/ref_2/distort_2_noise_inter_1.png"
FAULTS: dict[str, tuple[Callable[[Made], object], str]] = {
    "missing image": (
        lambda made: (made.root / IMAGE).unlink(),
        r"has no 'distorted_images/test/ref_2/distort_2_noise_inter_1\.png', which .*pairwise_labels\.csv, line 3 ",
    ),
    "missing folder": (
        lambda made: shutil.rmtree((made.root / IMAGE).parent),
        r"ref_2 is not a folder\. Unpack it again",
    ),
    "two files for one name": (
        lambda made: [
            (made.root / IMAGE).rename((made.root / IMAGE).with_suffix(".PNG")),
            shutil.copy(made.root / (IMAGE[:-5] + "2.png"), (made.root / IMAGE).with_suffix(".Png")),
        ],
        r"Expected .*inter_1\.png, got .*\.PNG and .*\.Png\. Remove one",
    ),
    "broken image": (lambda made: (made.root / IMAGE).write_bytes(b"no"), r"inter_1\.png is not a readable image"),
    "share above 1": (
        change(PAIRS, "inter_1.png,0.6", "inter_1.png,1.6"),
        r"in \[0, 1\] as preference for A, got 1\.6",
    ),
    "percent": (change(PAIRS, "inter_1.png,0.6", "inter_1.png,60 of"), r"expected a number, got '60 of"),
    "no column": (change(PAIRS, " preference for A", " pref"), r"has no column preference for A\. Expected"),
    "pair twice": (
        lambda made: (made.root / PAIRS).write_text(
            (made.root / PAIRS).read_text() + "ref_2.png,distort_2_noise_inter_1.png,distort_2_noise_inter_0.png,0.4\n"
        ),
        r"have the pair .*inter_1\.png and .*inter_0\.png twice",
    ),
    "with itself": (
        change(
            PAIRS,
            "ref_2.png,distort_2_noise_inter_0.png,distort_2_noise_inter_1.png,",
            "ref_2.png,distort_2_noise_inter_1.png,distort_2_noise_inter_1.png,",
        ),
        r"compares .*inter_1\.png with itself",
    ),
    "score twice": (
        lambda made: (made.root / SCORED).write_text(
            (made.root / SCORED).read_text() + "ref_2.png,distort_2_noise_inter_1.png,0.4\n"
        ),
        r"line 6: .*inter_1\.png has a score already",
    ),
    "no score file": (lambda made: (made.root / SCORED).unlink(), r"ref_2_per_image_score\.csv is missing"),
    "another reference": (
        change(PAIRS, "\nref_2.png,distort_2", "\nref_3.png,distort_2"),
        r"expected ref_2\.png as ref\.",
    ),
    "no pair": (
        lambda made: (made.root / PAIRS).write_text((made.root / PAIRS).read_text().splitlines()[0]),
        r"ref_2_pairwise_labels\.csv has no pair below its header",
    ),
    "empty list": (lambda made: (made.root / "test_reference_list.txt").write_text("\n"), r"list\.txt is empty"),
    "a reference twice": (
        lambda made: (made.root / "test_reference_list.txt").write_text("ref_2.png\nref_2.png\n"),
        r"names a reference image twice",
    ),
    "no labels": (lambda made: shutil.rmtree(made.root / "labels"), r"has neither labels nor meta_info_PieAPPDataset"),
    "leads out": (change(PAIRS, "distort_2_noise_inter_0.png", "../x.png"), r"expected a file in this folder as disto"),
    "other data": (
        lambda made: shutil.rmtree(made.root / "reference_images"),
        r"has no reference_images in it\. Expected",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_sentences(made: Made, name: str) -> None:
    spoil, sentence = FAULTS[name]
    spoil(made)
    with pytest.raises(DataError, match=sentence):
        scores_of(made.root)


MIRROR_FAULTS = {
    "split": (",2\n", ",3\n", r"expected 0, 1 or 2 as split, got '3'"),
    "share": ("inter_1.png,0.6,", "inter_1.png,-0.6,", r"in \[0, 1\] as raw preference for A, got -0\.6"),
    "column": ("dist_imgB_path", "imgB", r"has no column dist_imgB_path"),
    "no score": ("", "", r"column per_img score for dist_imgB: expected a number, got ''"),
    "two scores": ("", "", r"inter_1\.png has the score 9 here and"),
}


@pytest.mark.parametrize("name", MIRROR_FAULTS)
def test_faults_of_the_mirror_are_sentences(made: Made, tmp_path: Path, name: str) -> None:
    root = mirror(made, tmp_path / "mirror")
    before, after, sentence = MIRROR_FAULTS[name]
    path = root / "meta_info_PieAPPDataset.csv"
    text = path.read_bytes().decode().replace("\r\n", "\n")
    lines = text.splitlines(keepends=True)
    which = max(index for index, line in enumerate(lines) if "inter_0.png,distorted" in line and "inter_1.png" in line)
    cells = lines[which].split(",")
    if name in ("no score", "two scores"):
        lines[which] = ",".join([*cells[:-2], "" if name == "no score" else "9", cells[-1]])
        text = "".join(lines)
    else:
        assert before in text
        text = text.replace(before, after, 1)
    path.write_text(text)
    with pytest.raises(DataError, match=sentence):
        read_pieapp(root)


def test_data_twice_in_one_folder(made: Made) -> None:
    shutil.copytree(made.root, made.root.parent / "copy")
    with pytest.raises(DataError, match=r"has PieAPP twice, in .*PieAPP and in .*copy"):
        read_pieapp(made.root.parent)


def test_nothing_is_left(made: Made) -> None:
    with pytest.raises(DataError, match=r"24 pairs, and none with pairs=all and margin=0\.5"):
        scores_of(made.root, {"margin": "0.5"})


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("split", "dev", "expected one of train, val, test, got 'dev'"),
        ("pairs", "some", "expected one of all, distorted, got 'some'"),
        ("margin", "0.7", "expected 0 to 0.5, got 0.7"),
        ("resolution", "0", "expected 1 or more, got 0"),
        ("references", "-1", "expected 0 or more, got -1"),
    ],
)
def test_values_that_cannot_be_honored_are_refused(made: Made, field: str, value: str, expected: str) -> None:
    with pytest.raises(UsageError, match=f"{field!r}: {expected}"):
        scores_of(made.root, {field: value})


def test_a_part_is_called_partial(made: Made) -> None:
    record = evaluated(made.root).record
    assert "partial: 12 scored images and 24 pairs, and the official test split has 600 and 4,200" in record.notes
    assert "|test,all pairs|mean of pairs|" in record.scores["2afc"].signature
    assert set(VARIANTS) == {"paper", "unisim", "quick"}


def archive_of(made: Made, path: Path) -> bytes:
    files = {
        f"data/{file.relative_to(made.root).as_posix()}": file.read_bytes()
        for file in made.root.rglob("*")
        if file.is_file()
    }
    return make_zip(path, files).read_bytes()


def test_data_are_fetched_with_their_terms(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from dataclasses import replace

    said: list[str] = []
    progress = SilentProgress()
    monkeypatch.setattr(progress, "say", said.append, raising=False)
    content = archive_of(made, tmp_path / "pieapp.zip")
    with serving(Behavior(content), "pieapp.zip") as server:
        spec = replace(PIEAPP_DATASET, files=(lnkit.RemoteFile(server.url, size=len(content)),), contents={})
        folder = ensure_dataset(spec, tmp_path / "cache", progress)
    assert len(read_pieapp(folder).pairs) == 24
    assert "non-commercial and educational use only" in said[0]
    with serving(Behavior(content[: len(content) // 2]), "pieapp.zip") as server:
        spec = replace(PIEAPP_DATASET, files=(lnkit.RemoteFile(server.url, size=len(content)),), contents={})
        with pytest.raises(DataError, match=r"damaged|may be damaged"):
            ensure_dataset(spec, tmp_path / "other", SilentProgress())


def test_the_mirror_in_the_cache_is_used(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    (tmp_path / "cache" / "datasets").mkdir(parents=True)
    mirror(made, tmp_path / "cache" / "datasets" / "pieapp-mirror")
    (finished,) = lnkit.evaluate(**PIXEL | {"overrides": {"resolution": str(SIDE), "resamples": "20"}})
    assert finished.record.scores["2afc"].n == 24
    assert [spec.name for spec in PIEAPP.datasets] == ["pieapp", "pieapp-mirror"]
