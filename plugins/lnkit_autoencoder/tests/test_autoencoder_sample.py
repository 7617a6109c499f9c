"""The sample: the same every time, real photographs, as many of each class, and no pixel in both splits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lnkit.progress import SilentProgress
from lnkit_autoencoder.folders import open_folders
from lnkit_autoencoder.images import LabeledSet
from lnkit_autoencoder.sample import PHOTOGRAPHS, SIDE, TEST, TRAIN, sample_folder, write_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_folder(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> LabeledSet:
    return open_folders(folder, 16, tmp_path_factory.mktemp("packed"), SilentProgress())


def test_has_ten_classes_of_equal_size(data: LabeledSet) -> None:
    assert data.classes == tuple(sorted(PHOTOGRAPHS))
    assert np.bincount(data.train_labels).tolist() == [TRAIN] * 10
    assert np.bincount(data.test_labels).tolist() == [TEST] * 10
    assert data.train.shape == (10 * TRAIN, SIDE, SIDE, 3)
    assert data.side == 64


def test_comes_out_the_same_again(data: LabeledSet, tmp_path: Path) -> None:
    write_sample(tmp_path / "again")
    again = open_folders(tmp_path / "again", 16, tmp_path / "packed", SilentProgress())
    assert again.fingerprints == data.fingerprints


def test_is_made_once(folder: Path) -> None:
    before = (folder / "README.txt").stat().st_mtime_ns
    assert sample_folder(folder.parents[1]) == folder
    assert (folder / "README.txt").stat().st_mtime_ns == before


def test_patches_show_something_and_differ(data: LabeledSet) -> None:
    pixels = np.concatenate([data.train, data.test])
    assert len({patch.tobytes() for patch in pixels}) == len(pixels)
    assert pixels.std((1, 2, 3)).min() > 5


def test_classes_can_be_told_apart_but_not_by_color_alone(data: LabeledSet) -> None:
    """The nearest mean color, an independent classifier, does better than chance and worse than perfect."""
    means = np.stack([data.train[data.train_labels == label].mean((0, 1, 2)) for label in range(10)])
    distances = np.square(data.test.mean((1, 2))[:, None] - means).sum(2)
    accuracy = (distances.argmin(1) == data.test_labels).mean()
    assert 0.2 < accuracy < 0.8
