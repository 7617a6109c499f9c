"""The sample: the same every time, in BAPPS's layout, labeled as what it is, neither trivial nor impossible."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from lnkit.benchmark import BenchmarkData
from lnkit.datasets.two_afc import JudgedFamily
from lnkit.datasets.two_afc_layout import find_families
from lnkit.progress import SilentProgress
from lnkit_bapps.data import open_data
from lnkit_bapps.protocol import PAPER
from lnkit_bapps.sample import DISTORTIONS, JND_DISTORTIONS, NOTE, ROWS, sample_folder, write_sample


def opened(cache: Path, data: Path | None = None) -> BenchmarkData:
    facts: Any = SimpleNamespace(protocol=PAPER, cache=cache, data=data, sample=data is None, progress=SilentProgress())
    return open_data(facts)


def families(data: BenchmarkData, part: str) -> list[JudgedFamily]:
    return [family for family in data.content if family.part == part]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_folder(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="module")
def data(folder: Path) -> BenchmarkData:
    return opened(folder.parents[1])


def test_is_laid_out_as_bapps_is(folder: Path) -> None:
    found = find_families(folder)
    assert [str(f) for f in found if f.part == "2afc"] == [f"2afc/sample_{name}" for name in sorted(DISTORTIONS)]
    assert [str(f) for f in found if f.part == "jnd"] == [f"jnd/sample_{name}" for name in sorted(JND_DISTORTIONS)]
    assert {f.rows for f in found} == {ROWS}


def test_comes_out_the_same_again(data: BenchmarkData, tmp_path: Path) -> None:
    write_sample(tmp_path / "again")
    again = opened(tmp_path / "c", tmp_path / "again")
    assert again.fingerprints == data.fingerprints


def test_is_made_once(folder: Path) -> None:
    before = (folder / "README.txt").stat().st_mtime_ns
    assert sample_folder(folder.parents[1]) == folder
    assert (folder / "README.txt").stat().st_mtime_ns == before


def test_says_what_it_is(data: BenchmarkData, folder: Path) -> None:
    assert data.notes == (NOTE,)
    assert "It is not BAPPS." in (folder / "README.txt").read_text()


def test_patches_are_photographs_and_differ(data: BenchmarkData) -> None:
    for family in families(data, "2afc"):
        ref, p0, p1 = family.images
        assert ref.shape == (ROWS, 64, 64, 3)
        assert len({patch.tobytes() for patch in ref}) == ROWS
        assert ref.std((1, 2, 3)).min() > 5
        assert (ref != p0).any((1, 2, 3)).all()
        assert (p0 != p1).any((1, 2, 3)).all()


def test_judgments_go_both_ways(data: BenchmarkData) -> None:
    for family in families(data, "2afc"):
        assert set(family.judgments.tolist()) == {0.0, 1.0}
        assert 0.25 < family.judgments.mean() < 0.75
    for pairs in families(data, "jnd"):
        assert 0.25 < pairs.judgments.mean() < 0.75


def test_a_pixel_distance_does_well_but_not_perfectly(data: BenchmarkData) -> None:
    """An independent check of the construction: what is called weaker is nearer in most triplets of every family."""
    agreements = []
    for family in families(data, "2afc"):
        ref = family.images[0].astype(np.float64)
        d0, d1 = (((ref - other) ** 2).mean((1, 2, 3)) for other in family.images[1:])
        agreements.append(np.where(d1 < d0, family.judgments, 1 - family.judgments).mean())
    assert min(agreements) > 0.65
    assert np.mean(agreements) < 0.98
