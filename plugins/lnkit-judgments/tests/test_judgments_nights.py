"""`nights`: data in the exact layout, chosen, measured and scored as their authors do, and every fault named."""

from __future__ import annotations

import csv
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from realdata import RealData

import lnkit
from lnkit import DataError, UsageError
from lnkit.errors import LnkitError
from lnkit.plugins.load import default_registry
from lnkit.progress import Advance, SilentProgress
from lnkit.results.rescore import rescore

layout = pytest.importorskip("lnkit_judgments.nights.layout")

from lnkit_judgments.nights import run as run_module  # noqa: E402 - after the skip
from lnkit_judgments.nights.protocol import NightsProtocol  # noqa: E402
from lnkit_judgments.nights.scores import Distances, score_all  # noqa: E402

HEADER = [
    "id",
    "left_vote",
    "right_vote",
    "prompt",
    "ref_path",
    "left_path",
    "right_path",
    "split",
    "is_imagenet",
    "votes",
]
SIDE = 12
# id, left vote, right vote, split, is_imagenet, votes; what the authors' loader takes of these are 0, 1, 3 and 6.
ROWS = [
    (0, 1, 0, "test", "True", 8),
    (1, 0, 1, "test", "False", 6),
    (2, 0, 1, "test", "False", 5),
    (3, 0, 1, "test", "True", 10),
    (4, 1, 0, "val", "True", 9),
    (5, 1, 0, "train", "False", 9),
    (6, 1, 0, "test", "False", 7),
]
CHOSEN = (0, 1, 3, 6)
PIXEL = {"backbone": "pixel", "bench": "nights", "engine": "eager", "device": "cpu"}

Files = dict[str, np.ndarray[Any, Any]]


def make_nights(root: Path, rows: list[tuple[Any, ...]] = ROWS, side: int = SIDE) -> Files:
    """NIGHTS as published: data.csv, ref/000/NNN.png, distort/000/NNN_0.png and _1.png; gives the images by name."""
    rng = np.random.default_rng(0)
    files: Files = {}
    lines = []
    for number, left, right, split, imagenet, votes in rows:
        paths = [f"ref/000/{number:03d}.png", f"distort/000/{number:03d}_0.png", f"distort/000/{number:03d}_1.png"]
        for path in paths:
            files[path] = rng.integers(0, 256, (side, side, 3), dtype=np.uint8)
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(files[path]).save(root / path)
        lines.append([number, left, right, f"An image of a {number}", *paths, split, imagenet, votes])
    write_table(root, [HEADER, *lines])
    return files


def write_table(root: Path, lines: list[list[Any]]) -> None:
    with (root / "data.csv").open("w", newline="") as file:
        csv.writer(file).writerows(lines)


def edit(root: Path, change: Callable[[list[list[str]]], object]) -> None:
    """Change the lines of data.csv in place."""
    with (root / "data.csv").open(newline="") as file:
        lines = list(csv.reader(file))
    change(lines)
    write_table(root, lines)


def evaluated(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> lnkit.FinishedRun:
    changes = {"resolution": str(SIDE)} | (overrides or {})
    (finished,) = lnkit.evaluate(**PIXEL | {"data": root, "overrides": changes} | options)
    return finished


def scores_of(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> dict[str, Any]:
    return dict(evaluated(root, overrides, **options).record.scores)


class Counting(SilentProgress):
    """Adds up the steps of each task."""

    def __init__(self) -> None:
        self.steps: Counter[str] = Counter()

    @contextmanager
    def task(self, title: str, total: int | None = None, *, unit: str = "") -> Iterator[Advance]:
        yield lambda done, note="": self.steps.update({title: done})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "nights").mkdir()
    return tmp_path / "nights"


def plain_agreement(files: Files, number: int, right_vote: int) -> float:
    """The authors' three cases, on mean squared differences of pixels."""
    reference, left, right = (
        files[name].astype(np.float64)
        for name in (f"ref/000/{number:03d}.png", f"distort/000/{number:03d}_0.png", f"distort/000/{number:03d}_1.png")
    )
    d0, d1 = ((reference - left) ** 2).mean(), ((reference - right) ** 2).mean()
    return float((d0 < d1) * (1 - right_vote) + (d1 < d0) * right_vote + (d0 == d1) * 0.5)


def test_scores_are_those_of_the_authors_rules_on_plain_pixels(root: Path) -> None:
    files = make_nights(root)
    expected = {row[0]: plain_agreement(files, row[0], row[2]) for row in ROWS}
    scores = scores_of(root)
    assert {name: score.n for name, score in scores.items()} == {
        "2afc": 4,
        "2afc_majority": 4,
        "2afc/imagenet": 2,
        "2afc/no_imagenet": 2,
    }
    assert scores["2afc"].value == np.mean([expected[number] for number in CHOSEN])
    assert scores["2afc/imagenet"].value == np.mean([expected[0], expected[3]])
    assert scores["2afc/no_imagenet"].value == np.mean([expected[1], expected[6]])
    assert scores["2afc"].ceilings == {"best possible": 1.0}


def test_agreement_has_three_cases() -> None:
    share, left, right = np.array([1.0, 1.0, 1.0, 0.25]), np.array([2.0, 1.0, 1.0, 1.0]), np.array([1.0, 2.0, 1.0, 2.0])
    scores = score_all(Distances(share, left, right, np.ones(4, bool)), NightsProtocol()).scores
    assert scores["2afc"].value == (1 + 0 + 0.5 + 0.75) / 4
    assert scores["2afc"].ceilings == {"best possible": (3 + 0.75) / 4}
    low, high = scores["2afc"].interval
    assert 0 <= low < scores["2afc"].value < high <= 1
    assert "2afc/no_imagenet" not in scores
    assert scores["2afc_majority"].value == (1 + 0 + 0.5 + 1) / 4


def test_split_votes_are_left_out_of_the_majority_and_counted() -> None:
    share, left, right = np.array([0.5, 0.9, 0.2]), np.array([2.0, 2.0, 2.0]), np.array([1.0, 1.0, 1.0])
    outcome = score_all(Distances(share, left, right, np.full(3, -1)), NightsProtocol())
    assert set(outcome.scores) == {"2afc", "2afc_majority"}  # nothing is known of ImageNet's categories
    assert outcome.scores["2afc_majority"].value == 0.5
    assert outcome.notes == ("2afc_majority leaves out 1 triplets whose votes are split in halves",)


def make_table(root: Path, files: Files, votes: bool) -> None:
    """The same triplets in triplets.csv, with numbers for images and families for ImageNet's categories."""
    names = sorted(files)
    (root / "images").mkdir(parents=True)
    for number, name in enumerate(names):
        Image.fromarray(files[name]).save(root / "images" / f"{number}.png")
    header = ["family", "ref", "p0", "p1", "judge", *["votes"] * votes]
    with (root / "triplets.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(header)
        for number, left, right, split, imagenet, count in ROWS:
            paths = [f"ref/000/{number:03d}.png", *(f"distort/000/{number:03d}_{side}.png" for side in (0, 1))]
            family = "imagenet" if imagenet == "True" else "no_imagenet"
            if split == "test":
                share = right / (left + right)
                table.writerow([family, *(names.index(path) for path in paths), share, *[count] * votes])


def test_triplets_in_a_table_score_the_same(root: Path, tmp_path: Path) -> None:
    files = make_nights(root)
    make_table(tmp_path / "table", files, votes=True)
    ours, theirs = scores_of(root), scores_of(tmp_path / "table")
    assert {n: (s.value, s.n) for n, s in ours.items()} == {n: (s.value, s.n) for n, s in theirs.items()}
    make_table(tmp_path / "unknown", files, votes=False)
    with pytest.raises(DataError, match=r"have no column votes, .* 6 votes or more\. Add .* --set min_votes=0"):
        scores_of(tmp_path / "unknown")
    assert scores_of(tmp_path / "unknown", {"min_votes": "0"})["2afc"].n == 5
    make_nights(tmp_path / "table")
    with pytest.raises(DataError, match=r"has triplets in data\.csv and in triplets\.csv\. Remove one"):
        scores_of(tmp_path / "table")


def test_fetched_data_in_the_cache_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    make_nights(tmp_path / "cache" / "datasets" / "nights" / "nights")
    (finished,) = lnkit.evaluate(**PIXEL | {"overrides": {"resolution": str(SIDE)}})
    assert finished.record.scores["2afc"].n == 4


def test_real_judgments_score_as_they_do_in_the_layout_of_bapps(real_data: RealData, root: Path) -> None:
    """The same triplets and answers, laid out as NIGHTS, give the score that `bapps` gives for them."""
    source = real_data("human_2afc") / "2afc" / "val" / "materials"
    lines: list[list[Any]] = [HEADER]
    for number in range(60):
        right = float(np.load(source / "judge" / f"{number:06d}.npy").item())
        paths = [str(Path("2afc/val/materials") / column / f"{number:06d}.png") for column in ("ref", "p0", "p1")]
        lines.append([number, 1 - right, right, "a material", *paths, "test", False, 6])
    write_table(root, lines)
    (root / "2afc").symlink_to(source.parents[1])
    score = scores_of(root, {"resolution": "64"})["2afc"]
    (bapps,) = lnkit.evaluate(
        "pixel", bench="bapps", data=real_data("human_2afc"), engine="eager", overrides={"per_family": "60"}
    )
    assert score.value == pytest.approx(bapps.record.scores["2afc"].value, abs=1e-9)
    assert score.ceilings["best possible"] == pytest.approx(bapps.record.scores["2afc"].ceilings["best possible"])


def test_split_votes_and_number_are_chosen(root: Path) -> None:
    make_nights(root)
    assert scores_of(root, {"split": "val"})["2afc"].n == 1
    assert scores_of(root, {"min_votes": "5"})["2afc"].n == 5
    assert scores_of(root, {"triplets": "2"})["2afc"].n == 2
    with pytest.raises(
        DataError, match=r"no triplet of the split 'dev' with 6 votes.*5 of 'test', 1 of 'val', 1 of 't"
    ):
        scores_of(root, {"split": "dev"})


def test_images_are_resized_as_the_authors_do(root: Path) -> None:
    """Pillow's antialiased bicubic filter, which torchvision's Resize uses on images."""
    files = make_nights(root, [(0, 0, 1, "test", "True", 8)], side=40)
    small = {
        name: np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        for name, image in files.items()
    }
    arrays = np.load(evaluated(root).folder / "distances.npz")
    reference, left, right = (image.astype(np.float64) / 255 for image in small.values())
    np.testing.assert_allclose(arrays["left"], [((reference - left) ** 2).mean()], rtol=1e-5)
    np.testing.assert_allclose(arrays["right"], [((reference - right) ** 2).mean()], rtol=1e-5)


def test_other_levels_of_the_tree_and_orders_of_columns(tmp_path: Path, root: Path) -> None:
    make_nights(root)
    scores = scores_of(root)
    assert scores_of(tmp_path) == scores
    edit(root, lambda lines: [line.reverse() for line in lines])
    assert scores_of(root) == scores


def test_nothing_hangs_on_batches_and_shards(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_nights(root, [(n, n % 2, 1 - n % 2, "test", "True", 8) for n in range(20)])
    network = {"backbone": "squeezenet1_1", "weights": "random", "points": "early", "overrides": {"resolution": "32"}}
    whole = scores_of(root, **network)
    monkeypatch.setattr(run_module, "SHARD", 7)
    assert scores_of(root, batch_size=3, force=True, **network) == whole


def test_an_interrupted_run_goes_on(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lnkit.distances.comparer import ImageComparer

    make_nights(root, [(n, n % 2, 1 - n % 2, "test", "True", 8) for n in range(12)])
    monkeypatch.setattr(run_module, "SHARD", 5)
    whole = scores_of(root, results=tmp_path / "whole")
    compared: list[int] = []
    compare = ImageComparer.compare

    def stop_at_the_second(self: ImageComparer, *images: Any, **options: Any) -> Any:
        compared.append(len(images[0]))
        if len(compared) == 2:
            signal.raise_signal(signal.SIGINT)  # as a person's Ctrl-C does
        return compare(self, *images, **options)

    monkeypatch.setattr(ImageComparer, "compare", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        scores_of(root, results=tmp_path / "broken")
    progress = Counting()
    assert scores_of(root, results=tmp_path / "broken", progress=progress) == whole
    assert compared == [5, 5, 5, 2]  # the first shard is not measured again
    assert progress.steps["comparing images with pixel"] == 12


def test_scores_come_from_kept_distances_too(root: Path) -> None:
    make_nights(root)
    finished = evaluated(root)
    again = rescore(finished.record, np.load(finished.folder / "distances.npz"), default_registry())
    assert again == {name: score.value for name, score in finished.record.scores.items()}


def test_a_changed_judgment_or_image_is_other_data(root: Path) -> None:
    make_nights(root)
    before = evaluated(root).record.key.data
    edit(root, lambda lines: lines[1].__setitem__(slice(1, 3), ["0", "1"]))
    voted = evaluated(root).record.key.data
    assert voted["images"] == before["images"]
    assert voted["judgments"] != before["judgments"]
    Image.new("RGB", (SIDE, SIDE)).save(root / "ref" / "000" / "000.png")
    assert evaluated(root).record.key.data["images"] != before["images"]


def put(column: str, text: str) -> Callable[[Path], None]:
    return lambda root: edit(root, lambda lines: lines[1].__setitem__(HEADER.index(column), text))


def drop_a_column(root: Path) -> None:
    edit(root, lambda lines: [line.pop(HEADER.index("right_vote")) for line in lines])


FAULTS = {
    "no column": (
        drop_a_column,
        r"data.csv has no column right_vote. Expected .* got id, left_vote, prompt",
    ),
    "short line": (lambda root: edit(root, lambda lines: lines[2].pop()), r"data.csv, line 3 has 9 cells"),
    "twice": (put("id", "3"), r"has two lines with the id 3"),
    "no number": (put("votes", "many"), r"line 2, column votes: expected a number, got 'many'"),
    "not a number": (put("right_vote", "nan"), r"line 2, column right_vote: expected a number"),
    "no vote": (put("left_vote", "0"), r"line 2: expected votes in left_vote and right_vote, got 0 and 0"),
    "neither true nor false": (put("is_imagenet", "maybe"), r"expected True or False as is_imagenet, got 'maybe'"),
    "a path that leads out": (put("ref_path", "../000.png"), r"expected a file in this folder as ref_path"),
    "a path that steers": (put("ref_path", "ref/\x1b[2J.png"), r"expected a file in this folder as ref_path"),
    "an absolute path": (put("left_path", "/etc/passwd"), r"expected a file in this folder as left_path"),
    "missing image": (lambda root: (root / "distort/000/003_1.png").unlink(), r"003_1.png cannot be read"),
    "broken image": (lambda root: (root / "ref/000/000.png").write_bytes(b"no"), r"000.png is not a readable image"),
    "no text": (lambda root: (root / "data.csv").write_bytes(b"\xff\xfe\x00"), r"it is not UTF-8"),
    "no table": (lambda root: (root / "data.csv").unlink(), r"has no data.csv in it. Expected NIGHTS's layout"),
    "empty table": (lambda root: (root / "data.csv").write_text(""), r"in its first line, got nothing"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_sentences(root: Path, name: str) -> None:
    spoil, sentence = FAULTS[name]
    make_nights(root)
    spoil(root)
    with pytest.raises(DataError, match=sentence):
        scores_of(root)


def test_images_that_no_run_uses_need_not_be_there(root: Path) -> None:
    make_nights(root)
    for number in (2, 4, 5):
        (root / f"ref/000/{number:03d}.png").unlink()
    assert scores_of(root)["2afc"].n == 4


def test_without_data_it_says_where_to_get_them() -> None:
    with pytest.raises(LnkitError, match=r"58 GB.*ssundaram21/dreamsim.*--data DIR.*--sample"):
        lnkit.evaluate(**PIXEL)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("resolution", "0", "expected 1 or more, got 0"),
        ("min_votes", "-1", "expected 0 or more, got -1"),
        ("resize_filter", "magic", "expected one of bilinear, bicubic, lanczos, box, nearest, got 'magic'"),
        ("normalization", "x", "expected one of backbone, imagenet, lpips, none, got 'x'"),
    ],
)
def test_values_that_cannot_be_honored_are_refused(root: Path, field: str, value: str, expected: str) -> None:
    with pytest.raises(UsageError, match=f"{field!r}: {expected}"):
        scores_of(root, {field: value})


def test_the_record_says_what_was_scored(root: Path) -> None:
    make_nights(root)
    record = evaluated(root, {"resolution": "224"}).record
    assert record.notes[0] == "partial: the table lists 7 triplets, and NIGHTS has 20,019"
    assert "|224px,bicubic|test,6+ votes|mean of triplets|" in record.scores["2afc"].signature
