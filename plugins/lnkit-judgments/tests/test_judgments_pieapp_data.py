"""The data of `pieapp`: every fault named, and fetched with their terms."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from file_server import Behavior, serving
from test_unpack import make_zip

import lnkit
from lnkit import DataError, UsageError
from lnkit.data.fetch.datasets import ensure_dataset
from lnkit.progress import SilentProgress

pytest.importorskip("lnkit_judgments.pieapp")

from pieappdata import PIXEL, SIDE, Made, evaluated, mirror, scores_of

from lnkit.datasets.pieapp import read_pieapp
from lnkit_judgments.pieapp import PIEAPP, PIEAPP_DATASET
from lnkit_judgments.pieapp.protocol import VARIANTS


@pytest.fixture
def made(tmp_path: Path) -> Made:
    (tmp_path / "PieAPP").mkdir()
    return Made(tmp_path / "PieAPP")


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
