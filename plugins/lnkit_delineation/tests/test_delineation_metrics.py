"""The measures of marks, against scikit-learn, closed forms, and lines whose distance is known."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import jaccard_score, precision_score, recall_score

from lnkit_delineation.metrics import buffered, pixelwise
from lnkit_delineation.scores import score_all

EMPTY = np.zeros((20, 20), bool)


def line(row: int, thickness: int = 1, length: int = 60) -> np.ndarray:
    mask = np.zeros((60, length), bool)
    mask[row : row + thickness, 5:-5] = True
    return mask


def test_pixelwise_are_recall_precision_and_jaccard() -> None:
    draw = np.random.default_rng(0)
    for _ in range(5):
        marks, truth = draw.random((2, 30, 40)) < draw.random()
        found = pixelwise(marks, truth)
        flat = truth.ravel(), marks.ravel()
        assert found["completeness"] == pytest.approx(100 * recall_score(*flat))
        assert found["correctness"] == pytest.approx(100 * precision_score(*flat))
        assert found["quality"] == pytest.approx(100 * jaccard_score(*flat))


def test_by_hand() -> None:
    """3 found, 1 false, 2 missed."""
    truth, marks = np.array([[1, 1, 1, 1, 1, 0, 0]], bool), np.array([[1, 1, 1, 0, 0, 1, 0]], bool)
    assert pixelwise(marks, truth) == {"completeness": 60.0, "correctness": 75.0, "quality": 50.0}


@pytest.mark.parametrize("measure", [pixelwise, lambda marks, truth: buffered(marks, truth, 3)])
def test_where_nothing_can_be_divided_by(measure) -> None:
    full = np.ones_like(EMPTY)
    assert set(measure(EMPTY, EMPTY).values()) == {100.0}, "no road, and none was marked"
    assert set(measure(full, EMPTY).values()) == {0.0}
    assert set(measure(EMPTY, full).values()) == {0.0}


@pytest.mark.parametrize(("shift", "expected"), [(0, 100.0), (1, 100.0), (3, 100.0), (4, 0.0), (9, 0.0)])
def test_a_shifted_road_is_right_within_the_buffer(shift: int, expected: float) -> None:
    found = buffered(line(20 + shift), line(20), buffer=3)
    assert set(found.values()) == {expected}
    if shift:
        assert pixelwise(line(20 + shift), line(20))["quality"] == 0.0


def test_thickness_does_not_matter() -> None:
    found = buffered(line(17, thickness=7), line(20), buffer=3)
    assert found["completeness"] > 90
    assert found["correctness"] == 100
    assert pixelwise(line(17, thickness=7), line(20))["correctness"] == pytest.approx(100 / 7)


def test_skeletons_are_compared_and_not_areas() -> None:
    """Most pixels of a wide mark are further away than the buffer, and its middle is not."""
    found = buffered(line(17, thickness=7), line(20), buffer=1)
    assert found["correctness"] == 100
    assert found["completeness"] > 85, "but for the ends, which a skeleton of a wide mark does not reach"
    assert found["quality"] > 85


def test_half_of_a_road_and_as_much_that_is_none() -> None:
    """Of 50 pixels of road 25 are marked, and 25 marks lie elsewhere: 1/2, 1/2, and 25 of 50 + 25."""
    truth, marks = np.zeros((2, 60, 60), bool)
    truth[20, 5:55] = True
    marks[20, 5:30] = True
    marks[45, 5:30] = True
    found = buffered(marks, truth, buffer=0)
    assert found["completeness"] == 50.0
    assert found["correctness"] == 50.0
    assert found["quality"] == pytest.approx(100 * 25 / 75)
    wider = buffered(marks, truth, buffer=4)
    assert wider["completeness"] == pytest.approx(100 * 29 / 50), "four more pixels are near the end of the marks"
    assert wider["quality"] == pytest.approx(100 * 25 / (50 + 50 - 29)), "right marks, of all marks and what was missed"


def test_scores_are_means_of_tiles_with_intervals() -> None:
    values = np.random.default_rng(1).uniform(0, 100, 40)
    outcome = score_all({"quality": values})
    score = outcome.scores["quality"]
    assert score.value == pytest.approx(values.mean())
    assert score.n == 40
    assert score.interval is not None
    half = stats.t.ppf(0.975, 39) * stats.sem(values)
    students = (values.mean() - half, values.mean() + half)
    assert score.interval == pytest.approx(students, abs=0.1 * half), "but for skewness"
    assert score_all(outcome.arrays).scores == outcome.scores
    assert score_all({"quality": values[:1]}).scores["quality"].interval is None
