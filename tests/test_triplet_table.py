"""Triplets in a table beside a folder of images: the same items, pixels and scores as in folders of columns."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lnkit.data.folders import same_name
from lnkit.data.pack.array_folder import release
from lnkit.data.pack.indexed_images import IndexedImages
from lnkit.datasets.two_afc import family_notes, fingerprint, open_families, read_judgments
from lnkit.datasets.two_afc_layout import find_families
from lnkit.errors import DataError
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import run
from lnkit.progress import SilentProgress
from lnkit.stats import two_afc_ceilings

SIDE, IMAGES, ROWS = 16, 7, 40
FAMILIES = ("traditional", "mine")
DRAW = np.random.default_rng(5)
PIXELS = DRAW.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
TRIPLETS = DRAW.integers(0, IMAGES, (ROWS, 3))
JUDGE = DRAW.integers(0, 6, ROWS) / 5
OWNER = np.arange(ROWS) % 3 // 2  # family of each row: two of "traditional", one of "mine", and so on
COLUMNS = ("ref", "p0", "p1")


def write_rows(path: Path, header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])


def make_table(root: Path, votes: int = 0) -> Path:
    (root / "images" / "deep").mkdir(parents=True)
    names = [f"{'deep/' * (number % 2)}{number}.png" for number in range(IMAGES)]
    for name, pixels in zip(names, PIXELS, strict=True):
        Image.fromarray(pixels).save(root / "images" / name)
    rows = [
        [FAMILIES[owner], *(names[image] for image in triplet), repr(float(judge)), *[votes] * bool(votes)]
        for owner, triplet, judge in zip(OWNER, TRIPLETS, JUDGE, strict=True)
    ]
    write_rows(root / "triplets.csv", ["family", *COLUMNS, "judge", *["votes"] * bool(votes)], rows)
    return root


def make_folders(root: Path) -> Path:
    for owner, family in enumerate(FAMILIES):
        for row in np.flatnonzero(owner == OWNER):
            for column, image in zip(COLUMNS, TRIPLETS[row], strict=True):
                path = root / "2afc" / "val" / family / column / f"{row:06d}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                Image.fromarray(PIXELS[image]).save(path)
            path = root / "2afc" / "val" / family / "judge" / f"{row:06d}.npy"
            path.parent.mkdir(exist_ok=True)
            np.save(path, np.array([JUDGE[row]]))
    return root


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return make_table(tmp_path / "table")


def test_both_layouts_hold_the_same(tmp_path: Path, table: Path) -> None:
    folders = make_folders(tmp_path / "folders")
    ours, theirs = (
        open_families(root, tmp_path / "cache", SilentProgress(), resolution=SIDE) for root in (table, folders)
    )
    assert [family.name for family in ours] == [family.name for family in theirs] == list(FAMILIES)
    for one, other in zip(ours, theirs, strict=True):
        assert len(one) == len(other) == one.files.rows
        np.testing.assert_array_equal(one.judgments, other.judgments)
        assert one.judgments.dtype == other.judgments.dtype
        for found, expected in zip(one.images, other.images, strict=True):
            assert found.shape == expected.shape
            np.testing.assert_array_equal(np.asarray(found), expected)
            np.testing.assert_array_equal(np.asarray(found[2:5]), expected[2:5])
            np.testing.assert_array_equal(np.asarray(found[1]), expected[1])
            release(found)
            np.testing.assert_array_equal(np.asarray(found[2:5]), expected[2:5])
    assert family_notes(list(ours), ["2afc"]) == family_notes(theirs, ["2afc"])


def test_scores_are_equal_bit_by_bit(tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    folders = make_folders(tmp_path / "folders")
    scores = []
    for number, root in enumerate((table, folders)):
        request = RunRequest(
            backbone="pixel",
            bench="bapps",
            overrides={"resolution": str(SIDE), "parts": "2afc"},
            data=root,
            results=tmp_path / f"results{number}",
            engine="eager",
            device="cpu",
        )
        (finished,) = run(request, progress=SilentProgress())
        scores.append({name: (s.value, s.interval, s.ceilings) for name, s in finished.record.scores.items()})
    assert scores[0] == scores[1]
    assert {"2afc", "2afc_majority", "2afc/mine", "2afc/traditional"} <= scores[0].keys()


def test_each_image_is_stored_once(tmp_path: Path, table: Path) -> None:
    open_families(table, tmp_path / "cache", SilentProgress(), resolution=SIDE)
    packed = list((tmp_path / "cache").rglob("*.npy"))
    assert [file.name for file in packed] == ["image.npy"]
    assert packed[0].stat().st_size == 128 + PIXELS.nbytes


def test_a_slice_reads_nothing() -> None:
    class Counted(np.ndarray):  # type: ignore[type-arg]
        reads = 0

        def __getitem__(self, rows: object) -> object:
            Counted.reads += 1
            return super().__getitem__(rows)  # type: ignore[index]

    stored = PIXELS.view(Counted)
    images = IndexedImages(stored, np.array([3, 3, 0]))
    cut = images[1:]
    assert Counted.reads == 0
    np.testing.assert_array_equal(np.asarray(cut), PIXELS[[3, 0]])
    assert (len(cut), cut.shape, cut.dtype) == (2, (2, SIDE, SIDE, 3), np.uint8)


def test_votes_give_the_ceiling_of_one_rater(tmp_path: Path) -> None:
    root = make_table(tmp_path / "voted", votes=5)
    (_, mine) = open_families(root, tmp_path / "cache", SilentProgress(), resolution=SIDE)
    assert mine.votes is not None
    assert mine.votes.tolist() == [5.0] * len(mine)
    judge = mine.judgments.astype(float)
    expected = np.mean(
        [np.mean([a == b for i, a in enumerate(v) for j, b in enumerate(v) if i != j]) for v in drawn(judge)]
    )
    ceilings = two_afc_ceilings(judge, mine.votes)
    assert ceilings["one rater"] == pytest.approx(float(expected), abs=1e-6)
    assert ceilings == two_afc_ceilings(judge, 5)
    assert "one rater" not in two_afc_ceilings(judge, np.where(judge > 0, 5, 1))


def drawn(judge: np.ndarray) -> list[list[int]]:
    """The five votes behind each fraction."""
    return [[1] * round(5 * share) + [0] * (5 - round(5 * share)) for share in judge.tolist()]


def test_fingerprints_depend_on_all_that_is_scored(tmp_path: Path, table: Path) -> None:
    def known() -> str:
        return fingerprint(open_families(table, tmp_path / "cache", SilentProgress(), resolution=SIDE))

    before = known()
    assert known() == before
    text = (table / "triplets.csv").read_text(encoding="utf-8")
    for changed in (text.replace("0.2", "0.4", 1), text.replace(",0.png", ",2.png", 1), text.replace("mine", "own")):
        assert changed != text
        (table / "triplets.csv").write_text(changed, encoding="utf-8")
        assert known() != before
    (table / "triplets.csv").write_text(text, encoding="utf-8")
    assert known() == before
    Image.fromarray(PIXELS[1]).save(table / "images" / "0.png")
    assert known() != before


def test_judgments_are_read_without_images(tmp_path: Path, table: Path) -> None:
    folders = make_folders(tmp_path / "folders")
    for one, other in zip(find_families(table, ("2afc",)), find_families(folders, ("2afc",)), strict=True):
        np.testing.assert_array_equal(read_judgments(one), read_judgments(other))


def test_images_beside_the_table_and_no_families(tmp_path: Path) -> None:
    name, stored = "b\u00e4r.png", "ba\u0308r.png"
    for file in (stored, "1.png"):
        Image.fromarray(PIXELS[0]).save(tmp_path / file)
    write_rows(tmp_path / "triplets.csv", ["p1", "judge", "ref", "p0"], [[name, 1, "1.png", "1.png"]])
    (family,) = find_families(tmp_path, ("2afc",))
    assert (family.name, family.images) == ("triplets", {"ref": ("1.png",), "p0": ("1.png",), "p1": (stored,)})
    assert same_name(stored) == name


@pytest.mark.parametrize(
    ("row", "says"),
    [
        (
            ["a", "0.png", "0.png", "no.png", "1"],
            r"has no image 'no\.png' \(1 of the 2 in triplets\.csv are missing",
        ),
        (["a", "0.png", "0.png", "../x.png", "1"], r"line 2: expected a file in this folder as p1"),
        (["a", "0.png", "0.png", "/etc/passwd", "1"], r"line 2: expected a file in this folder as p1"),
        (
            ["a", "0.png", "0.png", "0.png", "1.5"],
            r"line 2: expected a fraction .* \[0, 1\] as judge, got 1\.5",
        ),
        (["a", "0.png", "0.png", "0.png", "nan"], r"line 2, column judge: expected a number, got 'nan'"),
        (["a/b", "0.png", "0.png", "0.png", "1"], r"line 2: expected a name without / as family, got 'a/b'"),
        (["", "0.png", "0.png", "0.png", "1"], r"line 2: expected a name without / as family"),
        (["a", "0.png", "0.png", "0.png"], r"line 2 has 4 cells, and the header has 5"),
    ],
)
def test_faults_are_sentences(table: Path, row: list[str], says: str) -> None:
    write_rows(table / "triplets.csv", ["family", *COLUMNS, "judge"], [row])
    with pytest.raises(DataError, match=says):
        find_families(table, ("2afc",))


def make_numbered(root: Path, names: Sequence[str], numbers: np.ndarray = TRIPLETS) -> Path:
    """The triplets of ``make_table``, with numbers instead of files."""
    (root / "images").mkdir(parents=True)
    for name, pixels in zip(names, PIXELS, strict=True):
        Image.fromarray(pixels).save(root / "images" / name)
    rows = [
        [FAMILIES[owner], *triplet, repr(float(judge))]
        for owner, triplet, judge in zip(OWNER, numbers.tolist(), JUDGE, strict=True)
    ]
    write_rows(root / "triplets.csv", ["family", *COLUMNS, "judge"], rows)
    return root


def test_numbers_name_images(tmp_path: Path, table: Path) -> None:
    named = make_numbered(tmp_path / "numbers", [f"{number:03d}.png" for number in range(IMAGES)])
    listed = make_numbered(tmp_path / "names", [f"{letter}.png" for letter in "gfedcba"])
    (listed / "names.txt").write_text("g.png\nf\ne\nd\n\nc\nb\na\n")  # with or without the suffix
    opened = [
        open_families(root, tmp_path / "cache", SilentProgress(), resolution=SIDE) for root in (table, named, listed)
    ]
    for ours, by_number, by_name in zip(*opened, strict=True):
        for expected, *others in zip(ours.images, by_number.images, by_name.images, strict=True):
            for found in others:
                np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        np.testing.assert_array_equal(by_number.judgments, ours.judgments)
    packed = list((tmp_path / "cache").rglob("*.npy"))
    assert [file.stat().st_size for file in packed] == [128 + PIXELS.nbytes] * len(opened)


NUMBERED = [f"{number}.png" for number in range(IMAGES)]
NUMBER_FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "counts from 1": (
        lambda root: None,
        r"triplets\.csv seems to count the images from 1: it has the number 7 and no 0",
    ),
    "images count from 1": (
        lambda root: [
            (root / "images" / f"{n}.png").rename(root / "images" / f"{n + 1}.png") for n in range(6, -1, -1)
        ],
        r"counts its images from 1: it has 1 to 7 and no 0",
    ),
    "beyond": (
        lambda root: edit(root, "99"),
        r"no image of the number 99 \(1 of the 8 in triplets\.csv are",
    ),
    "two of one number": (
        lambda root: (root / "images" / "003.png").write_bytes((root / "images" / "3.png").read_bytes()),
        r"has two images of the number 3: 003\.png and 3\.png",
    ),
    "no numbers": (
        lambda root: [(root / "images" / name).rename(root / "images" / f"x{name}") for name in NUMBERED],
        r"has no image named by a number\. Expected images named 0\.png",
    ),
    "a name twice": (lambda root: (root / "names.txt").write_text("1.png\n1.png\n"), r"has the name '1\.png' twice"),
    "a name without a file": (
        lambda root: (root / "names.txt").write_text("1.png\nno.png\n"),
        r"has no image 'no\.png' \(1 of the 2 in names\.txt are missing",
    ),
    "an empty list": (lambda root: (root / "names.txt").write_text("\n"), r"names\.txt is empty"),
    "two files for a name": (
        lambda root: [
            Image.new("RGB", (SIDE, SIDE)).save(root / "images" / "3.bmp"),
            (root / "names.txt").write_text("3\n"),
        ],
        r"has two images for the name '3': 3\.bmp and 3\.png",
    ),
}


def edit(root: Path, number: str) -> None:
    """Replace the first image of the first triplet."""
    path = root / "triplets.csv"
    header, first, *others = path.read_text().splitlines()
    cells = first.split(",")
    cells[1] = number
    path.write_text("\n".join([header, ",".join(cells), *others]))


@pytest.mark.parametrize("name", NUMBER_FAULTS)
def test_faults_of_numbers_are_sentences(tmp_path: Path, name: str) -> None:
    spoil, says = NUMBER_FAULTS[name]
    root = make_numbered(tmp_path / "data", NUMBERED, TRIPLETS + (name == "counts from 1"))
    assert {0, 6} <= set(TRIPLETS.ravel().tolist())
    spoil(root)
    with pytest.raises(DataError, match=says):
        find_families(root, ("2afc",))


@pytest.mark.parametrize("votes", ["0", "2.5", "-1", "many", "1e300"])
def test_votes_are_whole_numbers(table: Path, votes: str) -> None:
    write_rows(table / "triplets.csv", [*COLUMNS, "judge", "votes"], [["0.png"] * 3 + ["1", votes]])
    with pytest.raises(DataError, match=r"line 2.*(whole number of people as votes|expected a number)"):
        find_families(table, ("2afc",))


def test_a_table_and_folders_at_once(table: Path) -> None:
    make_folders(table)
    with pytest.raises(DataError, match=r"has triplets in triplets\.csv and in folders"):
        find_families(table)


def test_a_table_has_no_training_split(table: Path) -> None:
    with pytest.raises(DataError, match=r"triplets\.csv has no split 'train'"):
        find_families(table, ("2afc",), "train")


def test_an_empty_table(table: Path) -> None:
    write_rows(table / "triplets.csv", [*COLUMNS, "judge"], [])
    with pytest.raises(DataError, match=r"triplets\.csv has no triplet"):
        find_families(table)
