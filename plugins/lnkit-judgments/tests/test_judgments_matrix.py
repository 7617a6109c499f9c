"""`similarity_matrix`: matrices in every form that is read, scored as scipy scores plain pixels, and faults named."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from scipy import stats
from scipy.spatial.distance import pdist

import lnkit
from lnkit import DataError
from lnkit.distances import matrix as matrix_module
from lnkit.distances.matrix import PairwiseDistances
from lnkit.errors import LnkitError
from lnkit.plugins.load import default_registry
from lnkit.results.rescore import rescore

layout = pytest.importorskip("lnkit_judgments.matrix.layout")

COUNT, SIDE = 6, 8
NAMES = [f"{letter}.png" for letter in "abcdef"]
PIXEL = {"backbone": "pixel", "bench": "similarity_matrix", "engine": "eager", "device": "cpu"}

Array = np.ndarray[Any, Any]


def pixels(index: int) -> Array:
    return np.random.default_rng(index).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)


def dissimilarities() -> Array:
    """Symmetric, of no simple relation to anything, with equal values among them."""
    values = np.random.default_rng(99).integers(0, 8, (COUNT, COUNT)).astype(float)
    return np.triu(values, 1) + np.triu(values, 1).T


def make_images(root: Path, names: list[str] = NAMES, folder: str = "images") -> Path:
    (root / folder).mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(names):
        Image.fromarray(pixels(index)).save(root / folder / name)
    return root


def make_set(root: Path) -> Path:
    make_images(root)
    np.save(root / "dissimilarity.npy", dissimilarities())
    return root


def as_csv(matrix: Array, header: list[str] | None = None, first: list[str] | None = None) -> str:
    rows = [[repr(float(value)) for value in row] for row in matrix]
    rows = [[name, *row] for name, row in zip(first, rows, strict=True)] if first else rows
    rows = [["", *header] if first else header, *rows] if header else rows
    return "\n".join(",".join(row) for row in rows) + "\n"


def evaluated(root: Path, **options: Any) -> lnkit.FinishedRun:
    changes = {"resolution": str(SIDE), "resamples": "20"}
    (finished,) = lnkit.evaluate(**PIXEL | {"data": root, "overrides": changes} | options)
    return finished


def scores_of(root: Path, **options: Any) -> dict[str, Any]:
    return dict(evaluated(root, **options).record.scores)


@pytest.fixture
def usual(tmp_path: Path) -> dict[str, Any]:
    return scores_of(make_set(tmp_path / "usual"))


def test_scores_are_scipys_on_plain_pixels(usual: dict[str, Any]) -> None:
    distance = pdist(np.stack([pixels(i).ravel() / 255.0 for i in range(COUNT)]), "sqeuclidean")
    human = dissimilarities()[np.triu_indices(COUNT, 1)]
    assert usual["spearman"].value == pytest.approx(stats.spearmanr(distance, human).statistic, abs=1e-12)
    assert usual["kendall"].value == pytest.approx(stats.kendalltau(distance, human).statistic, abs=1e-12)
    assert (usual["spearman"].n, usual["kendall"].interval) == (15, None)
    low, high = usual["spearman"].interval
    assert low < usual["spearman"].value < high


ORDER = [3, 0, 5, 1, 4, 2]  # another one than that of the names
SHUFFLED = [NAMES[index] for index in ORDER]


def write(name: str, text: str) -> Callable[[Path], None]:
    return lambda root: (root / name).write_text(text) and None


def similarity_npy(root: Path) -> None:
    np.save(root / "similarity.npy", 10 - dissimilarities())


def shuffled_npy_with_names(root: Path) -> None:
    np.save(root / "dissimilarity.npy", dissimilarities()[np.ix_(ORDER, ORDER)])
    (root / "names.txt").write_text("\n".join(SHUFFLED) + "\n")


def with_gaps_on_the_diagonal(root: Path) -> None:
    matrix = dissimilarities()
    np.fill_diagonal(matrix, np.nan)
    np.save(root / "dissimilarity.npy", matrix)


def nearly_symmetric(root: Path) -> None:
    np.save(root / "dissimilarity.npy", dissimilarities() + np.tril(np.full((COUNT, COUNT), 1e-9), -1))


SHUFFLED_MATRIX = dissimilarities()[np.ix_(ORDER, ORDER)]
STEMS = [name.removesuffix(".png") for name in SHUFFLED]
FORMS = {
    "similarity.npy": similarity_npy,
    "plain csv": write("dissimilarity.csv", as_csv(dissimilarities())),
    "csv with a header": write("dissimilarity.csv", as_csv(SHUFFLED_MATRIX, SHUFFLED)),
    "csv with header and first column": write("dissimilarity.csv", as_csv(SHUFFLED_MATRIX, SHUFFLED, SHUFFLED)),
    "names without suffix": write("similarity.csv", as_csv(-SHUFFLED_MATRIX, STEMS, STEMS)),
    "npy with names": shuffled_npy_with_names,
    "diagonal of any kind": with_gaps_on_the_diagonal,
    "symmetric to rounding": nearly_symmetric,
}


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_one_matrix_score_the_same(form: str, usual: dict[str, Any], tmp_path: Path) -> None:
    root = make_images(tmp_path / "data")
    FORMS[form](root)
    scores = scores_of(root)
    assert {name: score.value for name, score in scores.items()} == pytest.approx(
        {name: score.value for name, score in usual.items()}, abs=1e-12
    )


def test_images_may_lie_beside_the_matrix(usual: dict[str, Any], tmp_path: Path) -> None:
    make_images(tmp_path / "data", folder=".")
    np.save(tmp_path / "data" / "dissimilarity.npy", dissimilarities())
    assert scores_of(tmp_path / "data") == usual


def test_numbered_names_sort_in_one_way_or_not_at_all(tmp_path: Path) -> None:
    root = make_images(tmp_path / "data", [f"img{number}.png" for number in (1, 2, 3, 4, 9, 10)])
    np.save(root / "dissimilarity.npy", dissimilarities())
    with pytest.raises(DataError, match=r"img10.png comes before img2.png by text.*names.txt"):
        scores_of(root)
    (root / "names.txt").write_text("".join(f"img{number}\n" for number in (1, 2, 3, 4, 9, 10)))
    assert scores_of(root)["spearman"].n == 15


def test_padded_numbers_sort_in_one_way(usual: dict[str, Any], tmp_path: Path) -> None:
    root = make_images(tmp_path / "data", [f"img{number:02d}.png" for number in (1, 2, 3, 4, 9, 10)])
    np.save(root / "dissimilarity.npy", dissimilarities())
    assert scores_of(root)["spearman"].value == usual["spearman"].value


def test_images_that_are_not_in_the_matrix_are_left_out_and_counted(usual: dict[str, Any], tmp_path: Path) -> None:
    root = make_images(make_set(tmp_path / "data"), [*NAMES, "g.png", "h.png"])
    (root / "names.txt").write_text("\n".join(NAMES))
    record = evaluated(root, results=tmp_path / "own").record  # the same data without the two would be found again
    assert record.scores["spearman"].value == usual["spearman"].value
    assert record.notes[0] == "2 images in the folder are not in the matrix, and are left out"
    assert record.notes[1].endswith(": spearman (6)"), "six images, whatever the number of pairs"


def test_nothing_hangs_on_batches(tmp_path: Path) -> None:
    root = make_set(tmp_path / "data")
    network = {"backbone": "squeezenet1_1", "weights": "random", "points": "early"}
    network["overrides"] = {"resolution": "32", "resamples": "20"}
    assert scores_of(root, batch_size=2, **network) == scores_of(root, force=True, **network)


def test_an_interrupted_run_goes_on(usual: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = make_set(tmp_path / "data")
    monkeypatch.setattr("lnkit.distances.comparer.BATCH_PIXELS", 2 * SIDE * SIDE)
    monkeypatch.setattr(matrix_module, "BLOCK_BYTES", 1)
    rows: list[int] = []
    block = PairwiseDistances._block

    def stop_at_the_second(self: PairwiseDistances, images: Array, part: slice, *rest: Any) -> Any:
        rows.append(part.start)
        if len(rows) == 2:
            signal.raise_signal(signal.SIGINT)  # as a person's Ctrl-C does
        return block(self, images, part, *rest)

    monkeypatch.setattr(PairwiseDistances, "_block", stop_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        scores_of(root, results=tmp_path / "broken")
    assert scores_of(root, results=tmp_path / "broken") == usual
    assert rows == [0, 2, 2, 4]


def test_scores_come_from_kept_distances_too(tmp_path: Path) -> None:
    finished = evaluated(make_set(tmp_path / "data"))
    again = rescore(finished.record, np.load(finished.folder / "distances.npz"), default_registry())
    assert again == {name: score.value for name, score in finished.record.scores.items()}


def test_another_judgment_or_order_is_other_data(tmp_path: Path) -> None:
    before = evaluated(make_set(tmp_path / "data")).record.key.data
    matrix = dissimilarities()
    matrix[0, 1] = matrix[1, 0] = 20
    np.save(tmp_path / "data" / "dissimilarity.npy", matrix)
    after = evaluated(tmp_path / "data").record.key.data
    assert after["images"] == before["images"]
    assert after["judgments"] != before["judgments"]
    (tmp_path / "data" / "names.txt").write_text("\n".join(SHUFFLED))
    assert evaluated(tmp_path / "data").record.key.data["judgments"] != after["judgments"]


@pytest.mark.filterwarnings("error")
def test_judgments_that_are_all_the_same_give_no_score(tmp_path: Path) -> None:
    root = make_images(tmp_path / "data")
    np.save(root / "similarity.npy", np.ones((COUNT, COUNT)))
    record = evaluated(root).record
    assert record.scores == {}
    assert "undefined: all distances, or all judgments, are the same" in record.notes


def matrix_of(value: Any) -> Callable[[Path], None]:
    return lambda root: np.save(root / "dissimilarity.npy", value)


def with_(row: int, column: int, value: float, both: bool = True) -> Array:
    matrix = dissimilarities()
    matrix[row, column] = value
    if both:
        matrix[column, row] = value
    return matrix


def alone(name: str, text: str) -> Callable[[Path], None]:
    def change(root: Path) -> None:
        (root / "dissimilarity.npy").unlink()
        (root / name).write_text(text)

    return change


FAULTS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "not square": (matrix_of(np.ones((6, 5))), r"Expected a square matrix, but .* of shape \(6, 5\)"),
    "a vector": (matrix_of(np.ones(15)), r"Expected a square matrix, but .* of shape \(15,\)"),
    "too few": (matrix_of(np.ones((2, 2))), r"Expected three or more images, but .* compares 2"),
    "a gap": (
        matrix_of(with_(1, 4, np.nan)),
        r"Expected a number .*, but .* has nan in row 2, column 5",
    ),
    "infinite": (matrix_of(with_(0, 3, np.inf)), r"has inf in row 1, column 4"),
    "not symmetric": (matrix_of(with_(2, 0, 70, both=False)), r"is not symmetric: .*70 .*Save one number"),
    "unequal counts": (matrix_of(np.ones((5, 5))), r"has 5 rows, but .*images has 6 images"),
    "text in it": (matrix_of(np.full((6, 6), "a")), r"holds no array of numbers"),
    "a pickle": (
        lambda root: np.save(root / "dissimilarity.npy", np.full((6, 6), {}), allow_pickle=True),
        r"is not a readable .npy file",
    ),
    "broken": (lambda root: (root / "dissimilarity.npy").write_bytes(b"no"), r"is not a readable .npy file"),
    "two matrices": (
        write("similarity.csv", "1"),
        r"Expected one matrix .*, got similarity.csv and dissimilarity.npy",
    ),
    "no matrix": (
        lambda root: (root / "dissimilarity.npy").unlink(),
        r"no matrix in it. Expected one of similarity.csv",
    ),
    "another name": (write("names.txt", "\n".join([*NAMES[:5], "z.png"])), r"has no image 'z.png' \(1 of the 6 named"),
    "a name twice": (write("names.txt", "\n".join([*NAMES[:5], "a.png"])), r"have the name 'a.png' twice"),
    "csv with a gap": (
        alone("similarity.csv", as_csv(dissimilarities()).replace(",", ",,", 1)),
        r"similarity.csv, line 2 has 6 cells, and the first line has 7",
    ),
    "csv with a word": (
        alone("similarity.csv", as_csv(with_(0, 1, 55, both=False), NAMES).replace("55.0", "none")),
        r"row 1, column 2 of the matrix: expected a number, got 'none'",
    ),
    "csv with other rows": (
        alone("similarity.csv", as_csv(dissimilarities(), NAMES, SHUFFLED)),
        r"the names in the first column are not those of the first line",
    ),
    "empty csv": (alone("similarity.csv", ""), r"similarity.csv is empty"),
    "csv of a header": (alone("similarity.csv", ",".join(NAMES)), r"column 2 of the matrix: expected a number"),
    "csv with a row too many": (
        alone("similarity.csv", as_csv(np.ones((8, 6)))),
        r"Expected a square matrix, but .* of shape \(8, 6\)",
    ),
    "a name of no text": (
        lambda root: (root / "images" / "a.png").rename(root / "images" / os.fsdecode(b"\xff.png")),
        r"'\\udcff.png' in .* has characters that cannot be printed",
    ),
    "not an image": (lambda root: (root / "images" / "a.png").write_bytes(b"no"), r"a.png is not a readable image"),
    "not square images": (
        lambda root: Image.new("RGB", (9, 5)).save(root / "images" / "a.png"),
        r"Expected a square image, got 9 x 5 pixels in .*a.png",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_sentences(name: str, tmp_path: Path) -> None:
    spoil, sentence = FAULTS[name]
    spoil(make_set(tmp_path / "data"))
    with pytest.raises(DataError, match=sentence):
        scores_of(tmp_path / "data")


def test_without_data_it_says_what_to_name() -> None:
    with pytest.raises(LnkitError, match=r"--data DIR.*--sample.*one of similarity.csv"):
        lnkit.evaluate(**PIXEL)
