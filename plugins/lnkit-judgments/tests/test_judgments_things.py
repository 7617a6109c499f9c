"""`things`: odd-one-out triplets in every published layout, scored by a plain rule, and every fault named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from file_server import Behavior, serving
from PIL import Image

import lnkit
from lnkit import DataError, UsageError
from lnkit.data.fetch.datasets import ensure_dataset
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress
from lnkit.results.rescore import rescore

pytest.importorskip("lnkit_judgments.things")

from lnkit.datasets.things import read_odd_one_out
from lnkit_judgments.things import THINGS_DATASET
from lnkit_judgments.things.protocol import VARIANTS
from lnkit_judgments.things.scores import Distances, estimate_sharing, score_all

SIDE, IMAGES = 8, 9
NAME = "data1854_batch5_test10"
TABLE = "triplets_large_final_correctednc_correctedorder"
PIXEL = {"backbone": "pixel", "bench": "things", "engine": "eager", "device": "cpu"}
DRAW = np.random.default_rng(11)
PIXELS = DRAW.integers(0, 256, (IMAGES, SIDE, SIDE, 3), dtype=np.uint8)
TRIPLETS = np.array([DRAW.permutation(IMAGES)[:3] for _ in range(60)])


def make_things(root: Path, lines: list[str] | None = None, name: str = f"{NAME}.txt") -> Path:
    (root / "images").mkdir(parents=True)
    for number, pixels in enumerate(PIXELS):
        Image.fromarray(pixels).save(root / "images" / f"{number}.png")
    (root / name).write_text("".join(lines or [f"{a} {b} {c}\n" for a, b, c in TRIPLETS.tolist()]))
    return root


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return make_things(tmp_path / "things")


def evaluated(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> lnkit.FinishedRun:
    changes = {"resolution": str(SIDE)} | (overrides or {})
    (finished,) = lnkit.evaluate(**PIXEL | {"data": root, "overrides": changes} | options)
    return finished


def score_of(root: Path, overrides: dict[str, str] | None = None, **options: Any) -> Any:
    return evaluated(root, overrides, **options).record.scores["odd_one_out"]


def far(a: int, b: int) -> float:
    return float(((PIXELS[a].astype(float) - PIXELS[b]) ** 2).mean())


def test_the_last_column_is_the_odd_one_out(root: Path) -> None:
    right = [far(a, b) < min(far(a, c), far(b, c)) for a, b, c in TRIPLETS.tolist()]
    score = score_of(root)
    assert 0 < np.mean(right) < 1
    assert score.value == pytest.approx(np.mean(right))
    assert score.n == 60
    low, high = score.interval
    assert 0 <= low < score.value < high <= 1
    others = [
        np.mean([far(t[i], t[j]) < min(far(t[i], t[k]), far(t[j], t[k])) for t in TRIPLETS.tolist()])
        for i, j, k in ((0, 2, 1), (1, 2, 0))
    ]
    assert score.value not in others


def test_the_table_of_all_judgments_counts_from_1_and_names_its_choice(tmp_path: Path, root: Path) -> None:
    lines = ["subject_id\timage1\timage2\timage3\tRT\tchoice\n"]
    orders = list(permutations(range(3)))
    for number, triplet in enumerate(TRIPLETS.tolist()):
        order = orders[number % 6]
        shown = [str(triplet[place] + 1) for place in order]
        lines.append("\t".join(["7", *shown, "830", str(order.index(2) + 1)]) + "\n")
    table = make_things(tmp_path / "table", lines, f"{TABLE}.csv")
    ours, theirs = read_odd_one_out(root, NAME), read_odd_one_out(table, TABLE)
    assert [[*sorted(t[:2]), t[2]] for t in theirs.triplets.tolist()] == [
        [*sorted(t[:2]), t[2]] for t in ours.triplets.tolist()
    ]
    assert score_of(table, variant="all2023").value == score_of(root).value


def test_other_places_names_and_ways_to_write_numbers(tmp_path: Path, root: Path) -> None:
    lines = [f"{a:.6e} {b}.0\t{c}\r\n" for a, b, c in TRIPLETS.tolist()]
    other = make_things(tmp_path / "other", lines, "validationset.txt")
    (other / "triplet_dataset").mkdir()
    (other / "validationset.txt").rename(other / "triplet_dataset" / "validationset.txt")
    for number in range(IMAGES):
        (other / "images" / f"{number}.png").rename(other / "images" / f"thing {9 - number}.png")
    (other / "names.txt").write_text("".join(f"thing {9 - number}\n" for number in range(IMAGES)))
    record = evaluated(other, variant="dreamsim").record
    assert record.scores["odd_one_out"].value == score_of(root).value
    assert any(note.startswith("noise ceiling of these triplets: about 67.8 %") for note in record.notes)
    assert not any("noise ceiling" in note for note in evaluated(root).record.notes)


def test_equal_distances_are_wrong() -> None:
    kept, first, second = np.array([1.0, 1, 1, 1, 2]), np.array([1.0, 2, 1, 2, 1]), np.array([1.0, 2, 2, 1, 1])
    score = score_all(Distances(kept, first, second, np.arange(15).reshape(5, 3))).scores["odd_one_out"]
    assert score.value == 1 / 5
    assert score.baselines == {"chance": 1 / 3}
    assert score.cases == 15


def plain_variance(values: np.ndarray[Any, Any], members: np.ndarray[Any, Any]) -> float:
    """The products of the deviations of all two items that share a member, one by one."""
    off, sets = values - values.mean(), [set(row) for row in members.tolist()]
    return sum(off[i] * off[j] for i in range(len(off)) for j in range(len(off)) if sets[i] & sets[j]) / len(off) ** 2


def test_the_variance_adds_up_all_triplets_that_share_an_image() -> None:
    draw = np.random.default_rng(3)
    for images in (5, 9, 30):
        members = np.array([draw.permutation(images)[:3] for _ in range(50)])
        effect = draw.normal(size=images)
        values = (effect[members].sum(axis=1) > 0.3).astype(float)
        found = estimate_sharing(values, members)
        independent = values.var(ddof=1) / len(values)
        assert found.variance == pytest.approx(max(plain_variance(values, members), independent))
        assert found.freedom == images - 1


@pytest.mark.exhaustive
def test_intervals_contain_the_true_share_as_often_as_they_say() -> None:
    """Images that are easy or hard for a network: their triplets are right or wrong together."""
    draw = np.random.default_rng(5)
    held, narrow, rounds, images, count = 0, 0, 300, 60, 2000
    truth = np.mean(draw.normal(size=(400_000, 3)).sum(axis=1) + draw.normal(size=400_000) > 0)
    for _ in range(rounds):
        effect = draw.normal(size=images)
        members = np.array([draw.permutation(images)[:3] for _ in range(count)])
        values = (effect[members].sum(axis=1) + draw.normal(size=count) > 0).astype(float)
        low, high = estimate_sharing(values, members).interval() or (0, 0)
        held += low <= truth <= high
        half = 1.96 * values.std() / count**0.5
        narrow += abs(values.mean() - truth) <= half
    assert 0.90 < held / rounds < 0.985
    assert narrow / rounds < 0.6  # an interval over triplets, as if they were independent


def test_first_images_and_quick(root: Path) -> None:
    few = (TRIPLETS < 6).all(axis=1)
    assert score_of(root, {"first_images": "6"}).n == few.sum() > 3
    assert VARIANTS["quick"].first_images == 300
    with pytest.raises(DataError, match="has no triplet of the first 2 images"):
        score_of(root, {"first_images": "2"})


def test_images_that_no_triplet_shows_are_not_measured(tmp_path: Path) -> None:
    found = read_odd_one_out(make_things(tmp_path / "few", ["7 2 5\n", "5 2 0\n"]), NAME)
    assert found.images == ("0.png", "2.png", "5.png", "7.png")
    assert found.numbers[found.triplets].tolist() == [[7, 2, 5], [5, 2, 0]]


def test_nothing_hangs_on_batches(root: Path) -> None:
    network = {"backbone": "squeezenet1_1", "weights": "random", "points": "early", "overrides": {"resolution": "32"}}
    assert score_of(root, **network) == score_of(root, batch_size=2, force=True, **network)


def test_scores_come_from_stored_distances_too(root: Path) -> None:
    finished = evaluated(root)
    again = rescore(finished.record, np.load(finished.folder / "distances.npz"), default_registry())
    assert again == {"odd_one_out": finished.record.scores["odd_one_out"].value}


def test_a_changed_judgment_is_other_data_and_not_the_published_file(root: Path) -> None:
    record = evaluated(root).record
    assert f"{NAME}.txt is not the published file, by its SHA-256: it may be cut short or changed" in record.notes
    with (root / f"{NAME}.txt").open("a") as file:
        file.write("0 1 2\n")
    after = evaluated(root).record
    assert after.key.data["images"] == record.key.data["images"]
    assert after.key.data["judgments"] != record.key.data["judgments"]


def put(text: str, line: int = 2) -> Callable[[Path], object]:
    def spoil(root: Path) -> None:
        lines = (root / f"{NAME}.txt").read_text().splitlines()
        lines[line - 1] = text
        (root / f"{NAME}.txt").write_text("\n".join(lines))

    return spoil


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing image": (
        lambda root: (root / "images" / "4.png").unlink(),
        r"images has no image of the number 4 \(1 of the 9 in data1854_batch5_test10\.txt are missing\)",
    ),
    "broken image": (lambda root: (root / "images" / "4.png").write_bytes(b"no"), r"4\.png is not a readable image"),
    "cut short": (
        put("3 1"),
        r"line 2: expected three numbers of images, from 0, got '3 1'\. If the file was cut short",
    ),
    "cut in the last line": (
        lambda root: (root / f"{NAME}.txt").write_text((root / f"{NAME}.txt").read_text().rstrip()[:-2]),
        r"line 60: expected three numbers",
    ),
    "four numbers": (put("3 1 2 5"), r"line 2: expected three numbers of images, from 0, got '3 1 2 5'"),
    "text": (put("3 1 cat"), r"line 2: expected three numbers of images, from 0, got '3 1 cat'"),
    "negative": (put("3 1 -2"), r"line 2: expected three numbers"),
    "not whole": (put("3 1 2.5"), r"line 2: expected three numbers"),
    "infinite": (put("3 1 1e300"), r"line 2: expected three numbers"),
    "nan": (put("3 1 nan"), r"line 2: expected three numbers"),
    "steers": (put("3 1 \x1b[2J"), r"line 2: expected three numbers of images, from 0, got '3 1 \\x1b\[2J'"),
    "beyond": (put("3 1 77"), r"has no image of the number 77"),
    "an image twice": (put("3 1 3"), r"triplet 2 \(3 1 3\) has an image twice"),
    "empty": (lambda root: (root / f"{NAME}.txt").write_text("\n \n"), r"test10\.txt is empty\. Expected"),
    "counts from 1": (
        lambda root: (root / f"{NAME}.txt").write_text("".join(f"{a + 1} {b + 1} {c + 1}\n" for a, b, c in TRIPLETS)),
        r"seems to count the images from 1: it has the number 9 and no 0",
    ),
    "no file": (
        lambda root: (root / f"{NAME}.txt").rename(root / "validationset.txt"),
        r"has no data1854_batch5_test10\.txt or .*\.csv in it\. It has validationset: choose one with --set tripl",
    ),
    "twice": (
        lambda root: (root / f"{NAME}.csv").write_text("x"),
        r"has data1854_batch5_test10 twice, as .*\.txt and .*\.csv",
    ),
    "no images": (
        lambda root: [file.rename(root / f"x{file.name}") for file in (root / "images").iterdir()],
        r"images has no image named by a number.*images is empty",
    ),
    "no text": (lambda root: (root / f"{NAME}.txt").write_bytes(b"\xff\xfe\x00\x80"), r"expected three numbers"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_sentences(root: Path, name: str) -> None:
    spoil, sentence = FAULTS[name]
    spoil(root)
    with pytest.raises(DataError, match=sentence):
        score_of(root)


TABLE_FAULTS = {
    "choice": ("1\t2\t3\t4\n", r"line 2: expected 1, 2 or 3 as choice, the odd one out, got 4"),
    "no choice": ("1\t2\t3\t\n", r"line 2: expected numbers in image1, image2, image3, choice, got '1, 2, 3, '"),
    "short": ("1\t2\n", r"line 2: expected numbers in"),
    "from 0": ("0\t2\t3\t1\n", r"line 2: expected numbers of images from 1, got 0, 2, 3"),
    "nothing": ("", r"has no triplet below its header"),
    "beyond": ("1\t2\t10\t1\n", r"has no image of the number 9"),
}


@pytest.mark.parametrize("name", TABLE_FAULTS)
def test_faults_of_the_table_are_sentences(tmp_path: Path, name: str) -> None:
    line, sentence = TABLE_FAULTS[name]
    root = make_things(tmp_path / "table", ["image1\timage2\timage3\tchoice\n", line], f"{TABLE}.csv")
    with pytest.raises(DataError, match=sentence):
        score_of(root, variant="all2023")


def test_a_table_with_commas(tmp_path: Path) -> None:
    root = make_things(tmp_path / "table", ["image1,image2,image3,choice\n", "1,2,3,1\n"], f"{TABLE}.csv")
    with pytest.raises(DataError, match=r"has no column image1, .*separated by tabs, got 'image1,image2"):
        score_of(root, variant="all2023")


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("triplets", "../x", "expected the name of a file, got '../x'"),
        ("resolution", "0", "expected 1 or more, got 0"),
        ("first_images", "-1", "expected 0 or more, got -1"),
    ],
)
def test_values_that_cannot_be_honored_are_refused(root: Path, field: str, value: str, expected: str) -> None:
    with pytest.raises(UsageError, match=f"{field!r}: {expected}"):
        score_of(root, {field: value})


def test_triplets_are_fetched_and_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = b"0 1 2\n2 1 0\n"
    (published,) = THINGS_DATASET.files
    assert published.sha256 == "789fb927c87538d29e0cf294793280cf5a77d45dc5fdd87cf8c726993397adb8"
    with serving(Behavior(content), "sd3f7") as server:
        file = replace(published, url=f"{server.url}/", sha256=sha256(content).hexdigest())
        folder = ensure_dataset(replace(THINGS_DATASET, files=(file,)), tmp_path / "cache", SilentProgress())
        assert (folder / f"{NAME}.txt").read_bytes() == content
        other = replace(published, url=server.url)
        with pytest.raises(DataError, match="SHA-256"):
            ensure_dataset(replace(THINGS_DATASET, files=(other,)), tmp_path / "other", SilentProgress())
    monkeypatch.setenv("LNKIT_CACHE", str(tmp_path / "cache"))
    with pytest.raises(DataError, match=r"has the triplets of THINGS, and no images, which lnkit does not fetch: see"):
        lnkit.evaluate(**PIXEL)
