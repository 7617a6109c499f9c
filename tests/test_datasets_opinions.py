"""The readers of mean opinions: made sets in the exact published layouts, original and mirrored, and wrong data."""

from __future__ import annotations

import pickle
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_iqa import Item, make_csiq, make_kadid10k, make_live, make_live_md, make_pipal, make_tid, write_workbook
from PIL import Image
from scipy.io import savemat
from scipy.stats import spearmanr

from lnkit import DataError
from lnkit.datasets import kadid10k, tid2013
from lnkit.datasets.csiq import CSIQ, read_csiq
from lnkit.datasets.kadid10k import JLD_DEVELOPMENT, KADID10K, read_kadid10k
from lnkit.datasets.live import LIVE, ORIGINAL, read_live
from lnkit.datasets.live_md import LIVE_MD, read_live_md
from lnkit.datasets.opinions import OpinionSet, Scale
from lnkit.datasets.pipal import CLASSES, PIPAL_TRAIN, PIPAL_VAL, read_pipal
from lnkit.datasets.tid2013 import TID2008, TID2013, read_tid2008, read_tid2013

Make = Callable[..., Any]
Read = Callable[[Path], OpinionSet]


def make_train(root: Path, layout: str, references: int) -> list[Item]:
    items: list[Item] = make_pipal(root, layout, references)[0]
    return items


def make_val(root: Path, layout: str, references: int) -> list[Item]:
    items: list[Item] = make_pipal(root, layout, references)[1]
    return items


SETS: dict[str, tuple[Make, Read, str, str]] = {  # layout -> maker, reader, its argument, the file of the labels
    "tid2013": (make_tid, read_tid2013, "original", "mos_with_names.txt"),
    "tid2013 mirror": (make_tid, read_tid2013, "mirror", "meta_info_TID2013Dataset.csv"),
    "tid2008": (lambda *args: make_tid(*args, year=2008), read_tid2008, "original", "mos_with_names.txt"),
    "kadid10k": (make_kadid10k, read_kadid10k, "original", "dmos.csv"),
    "kadid10k mirror": (make_kadid10k, read_kadid10k, "mirror", "meta_info_KADID10kDataset.csv"),
    "csiq": (make_csiq, read_csiq, "original", "csiq.DMOS.xlsx"),
    "csiq text": (make_csiq, read_csiq, "text", "csiq_label.txt"),
    "csiq mirror": (make_csiq, read_csiq, "mirror", "meta_info_CSIQDataset.csv"),
    "live": (lambda root, layout, _: make_live(root, layout), read_live, "original", "dmos_realigned.mat"),
    "live mirror": (
        lambda root, layout, _: make_live(root, layout),
        read_live,
        "mirror",
        "meta_info_LIVEIQADataset.csv",
    ),
    "live_md": (lambda *args: make_live_md(args[0], args[1], 15), read_live_md, "original", "Scores.mat"),
    "live_md mirror": (make_live_md, read_live_md, "mirror", "meta_info_LIVEMDDataset.csv"),
    "live_md waterloo": (make_live_md, read_live_md, "waterloo", "LIVE_MD.txt"),
    "pipal train": (make_train, read_pipal, "original", "Train_Label"),
    "pipal train mirror": (make_train, read_pipal, "mirror", "meta_info_PIPALDataset.csv"),
    "pipal val": (make_val, lambda root: read_pipal(root, "val"), "original", "pipal21_val.txt"),
    "pipal val mirror": (make_val, lambda root: read_pipal(root, "val"), "mirror", "meta_info_PIPALDataset.csv"),
}
LOWER = ("csiq", "live")  # sets of which lower is better


@pytest.mark.parametrize("name", SETS)
def test_every_layout_is_read_whole(name: str, tmp_path: Path) -> None:
    make, read, layout, labels = SETS[name]
    items: list[Item] = make(tmp_path, layout, 3)
    dataset = read(tmp_path)
    assert dataset.labels == labels
    assert dataset.higher_is_better == (not name.startswith(LOWER))
    assert {o.name: o.score for o in dataset.opinions} == {item.name: item.score for item in items}
    types = {"tid": tid2013.TYPES, "kad": kadid10k.TYPES, "pip": CLASSES}.get(name[:3], ())
    first = 0 if name.startswith("pipal") else 1
    named = {i.name: types[int(i.distortion) - first] if i.distortion.isdigit() else i.distortion for i in items}
    assert {o.name: o.distortion for o in dataset.opinions} == named
    amplitudes = {item.name: item.amplitude for item in items}
    sign = 1 if dataset.higher_is_better else -1
    measured = [_mean_square(o.image, o.reference) for o in dataset.opinions]
    assert measured == [amplitudes[o.name] ** 2 for o in dataset.opinions], "paired with another reference"
    srcc = spearmanr([-value for value in measured], [sign * o.score for o in dataset.opinions]).statistic
    assert srcc > 0.5, "a positive score is right"
    order = [(o.reference_name, o.name) for o in dataset.opinions]
    assert order == sorted(order)
    assert len({o.reference for o in dataset.opinions}) == len({o.reference_name for o in dataset.opinions})


def _mean_square(image: Path, reference: Path) -> float:
    a, b = (np.asarray(Image.open(path).convert("RGB"), float) for path in (image, reference))
    return float(((a - b) ** 2).mean())


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("make", "read", "scale", "references"),
    [
        (make_tid, read_tid2013, TID2013, 25),
        (lambda root: make_tid(root, year=2008), read_tid2008, TID2008, 25),
        (make_kadid10k, read_kadid10k, KADID10K, 81),
        (make_csiq, read_csiq, CSIQ, 30),
        (make_live, read_live, LIVE, 29),
        (make_live_md, read_live_md, LIVE_MD, 15),
        (make_pipal, read_pipal, PIPAL_TRAIN, 200),
    ],
)
def test_whole_sets_have_the_published_counts_and_no_note_but_of_their_labels(
    make: Make, read: Read, scale: Scale, references: int, tmp_path: Path
) -> None:
    make(tmp_path)
    dataset = read(tmp_path)
    better = "higher" if dataset.higher_is_better else "lower"
    assert dataset.notes(scale) == (f"labels: {dataset.labels}, {better} is better",)
    assert len(dataset.opinions) == scale.count
    assert len({o.reference_name for o in dataset.opinions}) == references


def test_counts_are_those_of_the_published_sets() -> None:
    scales = (TID2008, TID2013, KADID10K, CSIQ, LIVE, ORIGINAL, LIVE_MD, PIPAL_TRAIN, PIPAL_VAL)
    assert [scale.count for scale in scales] == [1700, 3000, 10_125, 866, 779, 779, 450, 23_200, 1000]
    assert [s.title for s in scales if not s.higher_is_better] == ["CSIQ", LIVE.title, ORIGINAL.title, "LIVE-MD"]
    assert len(JLD_DEVELOPMENT) == 16
    assert (81 - len(JLD_DEVELOPMENT)) * 125 == 8125


def test_images_of_live_by_type_without_the_copies(tmp_path: Path) -> None:
    make_live(tmp_path)
    types = Counter(o.distortion for o in read_live(tmp_path).opinions)
    assert types == {"jp2k": 169, "jpeg": 175, "wn": 145, "gblur": 145, "fastfading": 145}


def test_the_two_label_files_of_live_differ_and_are_named(tmp_path: Path) -> None:
    make_live(tmp_path)
    realigned, original = read_live(tmp_path), read_live(tmp_path, "original")
    assert [o.name for o in realigned.opinions] == [o.name for o in original.opinions]
    assert [o.score for o in realigned.opinions] != [o.score for o in original.opinions]
    assert (realigned.labels, original.labels) == ("dmos_realigned.mat", "dmos.mat")
    assert original.notes(ORIGINAL)[0] == "labels: dmos.mat, lower is better"


def test_the_number_1600_of_csiq_is_a_name(tmp_path: Path) -> None:
    make_csiq(tmp_path, references=1)
    dataset = read_csiq(tmp_path)
    assert {o.reference_name for o in dataset.opinions} == {"1600"}
    assert dataset.opinions[0].name == "1600.awgn.1"
    assert len(dataset.opinions) == 29


def test_images_of_live_md_that_are_in_both_parts_are_two(tmp_path: Path) -> None:
    make_live_md(tmp_path, references=15)
    scores = {o.name: o.score for o in read_live_md(tmp_path).opinions}
    assert scores["part1/photo1_blur1"] != scores["part2/photo1_blur1"]


def test_a_mirrors_table_may_lie_beside_the_folder(tmp_path: Path) -> None:
    make_csiq(tmp_path, "mirror", 1)
    folder = tmp_path / "meta_info"
    folder.mkdir()
    (tmp_path / "meta_info_CSIQDataset.csv").rename(folder / "Meta_info_CSIQDataset.csv")
    assert len(read_csiq(tmp_path / "CSIQ").opinions) == 29


def test_a_table_with_other_names_is_read_by_position(tmp_path: Path) -> None:
    make_csiq(tmp_path, "mirror", 1)
    table = tmp_path / "meta_info_CSIQDataset.csv"
    known = read_csiq(tmp_path)
    table.write_text(table.read_text().replace("ref_name,dist_name,dmos", "reference,image,label"))
    assert read_csiq(tmp_path) == known


def test_the_authors_labels_come_before_a_mirrors(tmp_path: Path) -> None:
    make_csiq(tmp_path, "original", 1)
    (tmp_path / "meta_info_CSIQDataset.csv").write_text("ref_name,dist_name,dmos\n1600.png,1600.AWGN.1.png,0.5\n")
    assert read_csiq(tmp_path).labels == "csiq.DMOS.xlsx"


def test_files_of_a_mac_are_passed_over(tmp_path: Path) -> None:
    make_tid(tmp_path, references=1)
    for folder in (tmp_path / "distorted_images", tmp_path / "__MACOSX"):
        folder.mkdir(exist_ok=True)
        (folder / "._i01_01_1.bmp").write_bytes(b"")
    (tmp_path / "__MACOSX" / "i01_01_1.bmp").write_bytes(b"")
    assert len(read_tid2013(tmp_path).opinions) == 120


def test_another_range_of_a_whole_set_is_noted(tmp_path: Path) -> None:
    items = make_csiq(tmp_path, "text")
    lines = (f"{Path(item.image).name} {item.score * 0.9:.3f}\n" for item in items)
    (tmp_path / "csiq_label.txt").write_text("".join(lines))
    assert read_csiq(tmp_path).notes(CSIQ)[1] == "other labels: they lie in 0..0.9, and those of CSIQ in 0..1"


def edit(file: str, *changes: tuple[str, str]) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        text = (root / file).read_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        (root / file).write_text(text)

    return change


def reverse(file: str, highest: float, sep: str | None, column: int) -> Callable[[Path], None]:
    """Turn labels round: the best becomes the worst."""

    def change(root: Path) -> None:
        head, *lines = (root / file).read_text().splitlines()
        out = [head] if "name" in head or "img" in head else []
        for line in lines:
            cells = line.split(sep)
            cells[column] = f"{highest - float(cells[column]):.5f}"
            out.append((sep or " ").join(cells))
        (root / file).write_text("\n".join(out))

    return change


def copy(source: str, target: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / source, root / target)

    return change


def mat(file: str, **variables: Any) -> Callable[[Path], None]:
    return lambda root: savemat(root / file, variables)


def write(file: str, content: bytes) -> Callable[[Path], None]:
    return lambda root: void((root / file).write_bytes(content))


def void(_: object) -> None:
    return None


LIVE_FOLDER = "databaserelease2"
ONES = np.ones((1, 982))
V73 = b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(116) + bytes(8) + b"\x00\x02IM" + b"\x89HDF\r\n\x1a\n" * 100
FAULTS: dict[str, tuple[str, Callable[[Path], Any], str]] = {
    "missing image": (
        "csiq",
        lambda root: (root / "dst_imgs/awgn/1600.AWGN.2.png").unlink(),
        r"has no 1600.AWGN.2.png \(1 of the 87 images that csiq.DMOS.xlsx lists are missing\). Unpack",
    ),
    "missing reference": ("csiq", lambda root: (root / "src_imgs/1600.png").unlink(), r"has no 1600.png. .*needs it"),
    "flat and nested": (
        "csiq",
        copy("dst_imgs/awgn/1600.AWGN.2.png", "dst_imgs/1600.awgn.2.PNG"),
        r"Expected one file 1600.AWGN.2.png in .*, got dst_imgs/1600.awgn.2.PNG and dst_imgs/awgn/1600.AWGN.2.png",
    ),
    "a number for a name": (
        "csiq text",
        edit("csiq_label.txt", ("1600.AWGN.1.png", "1600.0")),
        r"line 1: expected the name of an image \(.*\), got '1600.0'",
    ),
    "a spreadsheet's name": (
        "csiq text",
        edit("csiq_label.txt", ("1600.AWGN.1.png", "1600.0.AWGN.1.png")),
        r"line 1: expected a file name like 1600.AWGN.1.png .* A spreadsheet may have changed it",
    ),
    "no workbook": ("csiq", write("csiq.DMOS.xlsx", b"PK but not"), r"is not a readable .xlsx workbook"),
    "no sheet": (
        "csiq",
        lambda root: write_workbook(root / "csiq.DMOS.xlsx", {"one": [["x"]]}),
        r"has no sheet all_by_image. It has 'one'",
    ),
    "no columns": (
        "csiq",
        lambda root: write_workbook(root / "csiq.DMOS.xlsx", {"all_by_image": [["image", "dmos"]]}),
        r"expected the columns image, dst_type, dst_lev, dmos in the sheet all_by_image",
    ),
    "reversed csiq": (
        "csiq text",
        reverse("csiq_label.txt", 1, None, 1),
        r"csiq_label.txt: expected the labels of CSIQ, of which lower is better, got labels that fall as distortions "
        r"get stronger \(in .* comparisons\)",
    ),
    "reversed tid2013": (
        "tid2013 mirror",
        reverse("meta_info_TID2013Dataset.csv", 7.5, ",", 2),
        r"of which higher is better, got labels that rise as distortions get stronger",
    ),
    "reversed kadid10k": (
        "kadid10k mirror",
        reverse("meta_info_KADID10kDataset.csv", 6, ",", 2),
        r"the labels of KADID-10k, of which higher is better, got labels that rise",
    ),
    "reversed live_md": (
        "live_md waterloo",
        reverse("LIVE_MD.txt", 90, ",", 3),
        r"the labels of LIVE-MD, of which lower is better, got labels that fall",
    ),
    "tid2008 as tid2013": (
        "tid2013",
        lambda root: void((shutil.rmtree(root), make_tid(root, year=2008))),
        r"lists 1,700 images, which TID2008 has; TID2013 has 3,000. .* benchmark tid2008",
    ),
    "100 - MOS": (
        "tid2013",
        write("mos_with_names.txt", b"94.2 i01_01_1.bmp"),
        r"line 1: expected a label of TID2013, 0 to 9, got 94.2",
    ),
    "another scale": (
        "kadid10k mirror",
        lambda root: void((root / "meta_info_KADID10kDataset.csv").write_text(
            "ref_name,dist_name,dmos\nI01.png,I01_01_01.png,0.57\n"
        )),
        r"line 2: expected a label of KADID-10k, 1 to 5, got 0.57",
    ),
    "too many": (
        "pipal val",
        lambda root: void((root / "pipal21_val.txt").write_text(
            "".join(f"A0901_10_{i:04d}.bmp, 1400\n" for i in range(1650))
        )),
        r"lists 1,650 images, and PIPAL \(val\) has 1,000. It may be of another release",
    ),
    "no elo": (
        "pipal val mirror",
        edit("meta_info_PIPALDataset.csv", ("elo_score,hq_name", "rank,hq_name")),
        r"has no column elo_score. Expected the columns dist_name, hq_name, elo_score",
    ),
    "scaled elo": (
        "pipal val",
        write("pipal21_val.txt", b"A0901_10_00.bmp, 0.1"),
        r"expected a label of PIPAL \(val\), 500 to 2500, got 0.1",
    ),
    "merged and not": (
        "pipal train",
        copy("Distortion_1/A0006_00_00.bmp", "Dist_Imgs/A0006_00_00.bmp"),
        r"Expected one file A0006_00_00.bmp in .*, got Dist_Imgs/.* and Distortion_1/",
    ),
    "other release of live": (
        "live",
        mat(f"{LIVE_FOLDER}/dmos_realigned.mat", dmos_new=ONES[:, :779], orgs=ONES),
        r"dmos_realigned.mat, dmos_new: expected 982 elements, got 779. Get the published file",
    ),
    "dmos under another name": (
        "live",
        mat(f"{LIVE_FOLDER}/dmos_realigned.mat", dmos=ONES, orgs=ONES),
        r"has no variable dmos_new. Expected dmos_new and orgs, got dmos, orgs: it may be another file under this name",
    ),
    "no copies": (
        "live",
        mat(f"{LIVE_FOLDER}/dmos_realigned.mat", dmos_new=ONES, orgs=0 * ONES),
        r"expected 203 copies of references in orgs, got 0",
    ),
    "no numbers": (
        "live",
        mat(f"{LIVE_FOLDER}/dmos_realigned.mat", dmos_new=ONES * np.nan, orgs=ONES),
        r"dmos_new: expected finite numbers, got others",
    ),
    "numbers for names": (
        "live",
        mat(f"{LIVE_FOLDER}/refnames_all.mat", refnames_all=ONES),
        r"refnames_all.mat, refnames_all: expected names, got numbers",
    ),
    "no names": (
        "live",
        lambda root: (root / LIVE_FOLDER / "refnames_all.mat").unlink(),
        r"has no refnames_all.mat. dmos_realigned.mat needs it",
    ),
    "a pickle": (
        "live",
        write(f"{LIVE_FOLDER}/dmos_realigned.mat", pickle.dumps({"dmos_new": [1.0] * 982})),
        r"dmos_realigned.mat is not a readable MATLAB file .* Get it again",
    ),
    "version 7.3": (
        "live",
        write(f"{LIVE_FOLDER}/dmos_realigned.mat", V73),
        r"is a MATLAB file of version 7.3, and expected is one of version 7 or older",
    ),
    "cut short": (
        "live",
        lambda root: void((root / LIVE_FOLDER / "dmos_realigned.mat").write_bytes(
            (root / LIVE_FOLDER / "dmos_realigned.mat").read_bytes()[:-100]
        )),
        r"dmos_realigned.mat is not a readable MATLAB file",
    ),
    "another folder": (
        "live mirror",
        edit("meta_info_LIVEIQADataset.csv", ("jp2k/", "jp2000/")),
        r"expected an image in one of the folders jp2k, jpeg, wn, gblur, fastfading, got 'jp2000/img",
    ),
    "two references": (
        "live_md mirror",
        lambda root: Image.new("RGB", (16, 9)).save(root / "Part 2/blurnoise/photo1.bmp"),
        r"Expected the same reference in both parts, got .*photo1.bmp and another",
    ),
    "no part": (
        "live_md mirror",
        edit("meta_info_LIVEMDDataset.csv", ("Part 1/", "")),
        r"expected an image such as Part 1/blurjpeg/babygirl_blur1.bmp, got 'blurjpeg/",
    ),
    "out of the folder": (
        "csiq mirror",
        edit("meta_info_CSIQDataset.csv", ("1600.AWGN.1.png", "../1600.AWGN.1.png")),
        r"expected a file in this folder as dist_name, got '../1600.AWGN.1.png'",
    ),
    "nothing": ("csiq", lambda root: void((shutil.rmtree(root), root.mkdir())), r"has none of csiq.DMOS.x.* is empty"),
    "no folder": ("csiq", shutil.rmtree, r"is not a folder. Expected CSIQ's layout"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_wrong_data_is_a_sentence(fault: str, tmp_path: Path) -> None:
    name, spoil, sentence = FAULTS[fault]
    make, read, layout, _ = SETS[name]
    root = tmp_path / "data"
    make(root, layout, 3)
    spoil(root)
    with pytest.raises(DataError, match=sentence):
        read(root)


def test_the_original_labels_of_live_are_not_those_of_a_mirror(tmp_path: Path) -> None:
    make_live(tmp_path, "mirror")
    with pytest.raises(DataError, match=r"has none of dmos.mat in it. Expected LIVE's layout"):
        read_live(tmp_path, "original")


def test_realigned_labels_named_dmos_are_noticed(tmp_path: Path) -> None:
    make_live(tmp_path)
    draw = np.linspace(0, 111.77, 982)[None]
    orgs = (np.arange(982) < 203)[None] * 1.0
    savemat(tmp_path / LIVE_FOLDER / "dmos.mat", {"dmos": draw, "orgs": orgs})
    with pytest.raises(DataError, match=r"dmos.mat has labels above 100, as only dmos_realigned.mat has"):
        read_live(tmp_path, "original")
