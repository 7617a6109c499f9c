"""Data in BAPPS's layout: the real judgments beside the checkout, and folders with every fault."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from helpers import write_judged_family
from PIL import Image
from realdata import RealData

from lnkit.datasets import two_afc_layout as layout
from lnkit.datasets.two_afc import JudgedFamily, family_notes, open_families, read_judgment
from lnkit.datasets.two_afc_layout import find_families
from lnkit.errors import DataError
from lnkit.progress import SilentProgress

ROWS = 3


def make_bapps(
    root: Path, two_afc: tuple[str, ...] = ("cnn", "mine", "traditional"), jnd: tuple[str, ...] = ("cnn",)
) -> Path:
    for part, names, columns in (("2afc", two_afc, 3), ("jnd", jnd, 2)):
        for name in names:
            images = np.random.default_rng(ROWS).integers(0, 256, (ROWS, columns, 8, 8, 3), dtype=np.uint8)
            write_judged_family(root, part, name, images, np.arange(ROWS) / ROWS)
    return root


@dataclass
class Data:
    families: tuple[JudgedFamily, ...]
    notes: tuple[str, ...]

    def of(self, part: str) -> list[JudgedFamily]:
        return [family for family in self.families if family.part == part]

    @property
    def fingerprints(self) -> dict[str, str]:
        return {str(family): family.table.sha256 for family in self.families}


def opened(root: Path, cache: Path, parts: tuple[str, ...] = ("2afc", "jnd"), resolution: int = 8) -> Data:
    families = open_families(root, cache, SilentProgress(), parts=parts, resolution=resolution)
    return Data(families, family_notes(families, parts))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_bapps(tmp_path / "data")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture(scope="module")
def materials(real_data: RealData, tmp_path_factory: pytest.TempPathFactory) -> Data:
    return opened(real_data("human_2afc"), tmp_path_factory.mktemp("packed"), resolution=64)


def test_the_real_judgments(real_data: RealData, materials: Data) -> None:
    (family,) = materials.of("2afc")
    folder = real_data("human_2afc") / "2afc" / "val" / "materials"
    assert (family.name, family.images[0].shape, materials.of("jnd")) == ("materials", (2738, 64, 64, 3), [])
    for row in (0, 1, 1369, 2737):
        for column, images in zip(("ref", "p0", "p1"), family.images, strict=True):
            expected = np.asarray(Image.open(folder / column / f"{row:06d}.png").convert("RGB"))
            np.testing.assert_array_equal(images[row], expected)
        assert family.judgments[row] == np.load(folder / "judge" / f"{row:06d}.npy").item()
    assert "none of the 6 official 2afc families" in materials.notes[0]
    assert materials.notes[1] == "absent: the part jnd"


def test_the_real_judgments_favor_small_distances(materials: Data) -> None:
    """A pixel distance agrees with people clearly more often than chance, so ref, p0, p1 and judge are not mixed up."""
    (family,) = materials.of("2afc")
    ref = family.images[0].astype(np.float64)
    d0, d1 = (((ref - other) ** 2).mean((1, 2, 3)) for other in family.images[1:])
    agreement = np.where(d1 < d0, family.judgments, np.where(d0 < d1, 1 - family.judgments, 0.5)).mean()
    assert agreement == pytest.approx(0.6413, abs=1e-4)  # computed once with Pillow and NumPy alone


def test_families_official_first_and_then_by_name(root: Path, cache: Path) -> None:
    data = opened(root, cache)
    assert [family.name for family in data.of("2afc")] == ["traditional", "cnn", "mine"]
    assert [family.name for family in data.of("jnd")] == ["cnn"]
    assert set(data.fingerprints) == {"2afc/traditional", "2afc/cnn", "2afc/mine", "jnd/cnn"}
    np.testing.assert_allclose(data.of("jnd")[0].judgments, [0, 1 / 3, 2 / 3], rtol=1e-6)


def test_what_is_missing_or_of_another_size_is_named(root: Path, cache: Path) -> None:
    assert opened(root, cache).notes == (
        "partial: 2 of the 6 official 2afc families; missing: superres, deblur, color, frameinterp",
        "partial: 2afc/traditional has 3 items, and the official one has 4,720",
        "partial: 2afc/cnn has 3 items, and the official one has 4,720",
        "partial: 1 of the 2 official jnd families; missing: traditional",
        "partial: jnd/cnn has 3 items, and the official one has 4,800",
    )


def test_a_complete_set_has_nothing_to_note(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = {part: dict.fromkeys(official, ROWS) for part, official in layout.OFFICIAL.items()}
    monkeypatch.setattr(layout, "OFFICIAL", small)
    data = opened(make_bapps(tmp_path / "data", tuple(small["2afc"]), tuple(small["jnd"])), cache)
    assert data.notes == ()
    assert [family.name for family in data.of("2afc")] == list(layout.TWO_AFC)


def test_a_part_that_is_not_asked_for_is_not_missed(root: Path, cache: Path) -> None:
    data = opened(root, cache, parts=("jnd",))
    assert (data.of("2afc"), len(data.of("jnd"))) == ([], 1)
    assert not any("2afc" in note for note in data.notes)


@pytest.mark.parametrize("level", ["dataset", "PerceptualSimilarity/dataset", "2afc"])
def test_other_levels_of_the_tree_are_understood(tmp_path: Path, cache: Path, level: str) -> None:
    if level != "2afc":
        make_bapps(tmp_path / "top" / level)
        data = opened(tmp_path / "top", cache)
    else:
        data = opened(make_bapps(tmp_path / "top") / "2afc", cache)
        assert data.of("jnd") == []
    assert [family.name for family in data.of("2afc")] == ["traditional", "cnn", "mine"]


def test_a_2afc_folder_under_another_name(root: Path, tmp_path: Path, cache: Path) -> None:
    (root / "2afc").rename(tmp_path / "renamed")
    assert len(opened(tmp_path / "renamed", cache).of("2afc")) == 3


def test_hidden_and_other_files_are_passed_over(root: Path, cache: Path) -> None:
    folder = root / "2afc" / "val" / "cnn" / "ref"
    (folder / "._000000.png").write_bytes(b"of a Mac")
    (folder / "Thumbs.db").write_bytes(b"of Windows")
    (root / "2afc" / "val" / ".DS_Store").write_bytes(b"")
    assert len(opened(root, cache).of("2afc")[1].images[0]) == ROWS


def test_converted_images_are_noted(root: Path, cache: Path) -> None:
    path = root / "2afc" / "val" / "cnn" / "ref" / "000001.png"
    Image.open(path).convert("L").save(path)
    assert "images that were not RGB were converted" in opened(root, cache).notes[-1]
    assert "1 of Pillow's mode L" in opened(root, cache).notes[-1]


def test_resolution_and_filter_have_arrays_of_their_own(root: Path, cache: Path) -> None:
    small, same = opened(root, cache, resolution=4), opened(root, cache)
    assert small.of("2afc")[0].images[0].shape[1:] == (4, 4, 3)
    assert same.of("2afc")[0].images[0].shape[1:] == (8, 8, 3)
    assert small.fingerprints == same.fingerprints


def lose_an_image(family: Path) -> str:
    (family / "p1" / "000001.png").unlink()
    return r"p1 has no file for item 000001 \(1 missing\).* got 3 in ref, 3 in p0, 2 in p1, 3 in judge"


def lose_a_judgment(family: Path) -> str:
    (family / "judge" / "000002.npy").unlink()
    return r"judge has no file for item 000002"


def have_one_too_many(family: Path) -> str:
    shutil.copy(family / "ref" / "000000.png", family / "ref" / "000009.png")
    return r"p0 has no file for item 000009"


def lose_a_folder(family: Path) -> str:
    shutil.rmtree(family / "p0")
    return r"p0 is missing\. Expected BAPPS's layout.* holds judge, p1, ref\."


def empty_a_folder(family: Path) -> str:
    for path in (family / "p0").iterdir():
        path.unlink()
    return r"p0 has no .* files in it"


def have_two_of_a_number(family: Path) -> str:
    Image.new("RGB", (8, 8)).save(family / "p0" / "000001.jpg")
    return "two files of the same number"


def break_an_image(family: Path) -> str:
    path = family / "p0" / "000001.png"
    path.write_bytes(path.read_bytes()[:60])
    return r"p0/000001\.png is not a readable image"


def judge_of(value: object) -> Callable[[Path], str]:
    def spoil(family: Path) -> str:
        np.save(family / "judge" / "000001.npy", np.array(value))
        return r"judge/000001\.npy holds "

    return spoil


def break_a_judgment(family: Path) -> str:
    path = family / "judge" / "000001.npy"
    path.write_bytes(path.read_bytes()[:-2])
    return r"judge/000001\.npy is not a readable \.npy file"


def have_a_steering_name(family: Path) -> str:
    (family / "p0" / "000001.png").rename(family / "p0" / "\x1b[31m.png")
    return "has characters that cannot be printed"


FAULTS = [
    have_a_steering_name,
    lose_an_image,
    lose_a_judgment,
    have_one_too_many,
    lose_a_folder,
    empty_a_folder,
    have_two_of_a_number,
    break_an_image,
    judge_of([1.5]),
    judge_of([-0.1]),
    judge_of([np.nan]),
    judge_of([0.2, 0.4]),
    judge_of([]),
    judge_of(["0.5"]),
    judge_of([0.5j]),
    break_a_judgment,
]


@pytest.mark.parametrize("spoil", FAULTS)
def test_faults_are_sentences_that_name_the_file(root: Path, cache: Path, spoil: Callable[[Path], str]) -> None:
    family = root / "2afc" / "val" / "mine"
    sentence = spoil(family)
    with pytest.raises(DataError, match=sentence) as error:
        opened(root, cache)
    assert str(family) in str(error.value)
    assert not list(cache.rglob("mine*/*/manifest.json"))


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="not a readable"):
        read_judgment((tmp_path / "a.npy").read_bytes(), tmp_path / "a.npy")


def test_judgments_may_be_numbers_without_a_shape(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.float64(0.25))
    assert read_judgment((tmp_path / "a.npy").read_bytes(), tmp_path / "a.npy") == 0.25


def another_layout(root: Path) -> Path:
    (root / "train" / "cats").mkdir(parents=True)
    return root


def an_empty_folder(root: Path) -> Path:
    root.mkdir()
    return root


def an_empty_split(root: Path) -> Path:
    (root / "2afc" / "val").mkdir(parents=True)
    return root


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            another_layout,
            r"has no 2afc or jnd data of the split 'val'\. .*: 2afc/val/<family>.* holds train\.",
        ),
        (an_empty_folder, r"has no 2afc or jnd data of the split 'val'.* is empty\."),
        (an_empty_split, r"val is empty\. Expected BAPPS's layout"),
        (lambda root: root, r"is not a folder\."),
    ],
)
def test_other_folders(tmp_path: Path, make: Callable[[Path], Path], sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        find_families(make(tmp_path / "other"))


@pytest.mark.parametrize("name", [b"two\nlines", b"not-utf8-\xff"])
def test_a_family_that_cannot_be_named_is_refused(root: Path, cache: Path, name: bytes) -> None:
    family = root / "2afc" / "val" / "mine"
    family.rename(family.with_name(os.fsdecode(name)))
    with pytest.raises(DataError, match="has characters that cannot be printed"):
        opened(root, cache)


def test_data_lie_under_any_name(root: Path, cache: Path) -> None:
    """Names that are not UTF-8 are common on old disks, and every name is such under the locale C."""
    odd = root.rename(root.with_name(os.fsdecode(b"data-\xe4")))
    assert opened(odd, cache).of("2afc")
