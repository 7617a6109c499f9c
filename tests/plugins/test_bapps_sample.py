"""The sample: the same every time, in BAPPS's layout, labeled as what it is, neither trivial nor impossible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from lnkit.datasets.two_afc import BappsData, open_bapps
from lnkit.datasets.two_afc_layout import find_families
from lnkit.progress import SilentProgress
from lnkit_bapps.sample import DISTORTIONS, JND_DISTORTIONS, NOTE, ROWS, sample_folder, write_sample


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_folder(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def data(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> BappsData:
    cache = tmp_path_factory.mktemp("packed")
    return open_bapps(folder, cache, resolution=64, resize_filter="bilinear", progress=SilentProgress())


def test_is_laid_out_as_bapps_is(folder: Path) -> None:
    families = find_families(folder)
    assert [str(f) for f in families if f.part == "2afc"] == [f"2afc/sample_{name}" for name in sorted(DISTORTIONS)]
    assert [str(f) for f in families if f.part == "jnd"] == [f"jnd/sample_{name}" for name in sorted(JND_DISTORTIONS)]
    assert {f.rows for f in families} == {ROWS}


def test_comes_out_the_same_again(data: BappsData, tmp_path: Path) -> None:
    write_sample(tmp_path / "again")
    again = open_bapps(
        tmp_path / "again", tmp_path / "c", resolution=64, resize_filter="bilinear", progress=SilentProgress()
    )
    assert again.fingerprints == data.fingerprints


def test_is_made_once(folder: Path) -> None:
    before = (folder / "README.txt").stat().st_mtime_ns
    assert sample_folder(folder.parents[1]) == folder
    assert (folder / "README.txt").stat().st_mtime_ns == before


def test_says_what_it_is(data: BappsData, folder: Path) -> None:
    assert data.notes == (NOTE,)
    assert "It is not BAPPS." in (folder / "README.txt").read_text()


def test_patches_are_photographs_and_differ(data: BappsData) -> None:
    for family in data.two_afc:
        assert family.ref.shape == (ROWS, 64, 64, 3)
        assert len({patch.tobytes() for patch in family.ref}) == ROWS
        assert family.ref.std((1, 2, 3)).min() > 5
        assert (family.ref != family.p0).any((1, 2, 3)).all()
        assert (family.p0 != family.p1).any((1, 2, 3)).all()


def test_judgments_go_both_ways(data: BappsData) -> None:
    for family in data.two_afc:
        assert set(family.judge.tolist()) == {0.0, 1.0}
        assert 0.25 < family.judge.mean() < 0.75
    for pairs in data.jnd:
        assert 0.25 < pairs.same.mean() < 0.75


def test_a_pixel_distance_does_well_but_not_perfectly(data: BappsData) -> None:
    """An independent check of the construction: what is called weaker is nearer in most triplets of every family."""
    agreements = []
    for family in data.two_afc:
        ref = family.ref.astype(np.float64)
        d0, d1 = (((ref - other) ** 2).mean((1, 2, 3)) for other in (family.p0, family.p1))
        agreements.append(np.where(d1 < d0, family.judge, 1 - family.judge).mean())
    assert min(agreements) > 0.65
    assert np.mean(agreements) < 0.98
