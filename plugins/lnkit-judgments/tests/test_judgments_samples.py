"""The samples: the same every time, in the published layouts, labeled, neither trivial nor impossible."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from realdata import RealData

import lnkit
from lnkit.cli import run as run_command
from lnkit.data.fetch.checksums import write_inventory
from lnkit.progress import SilentProgress

pytest.importorskip("lnkit_judgments")

from lnkit.datasets.csiq import read_csiq
from lnkit.datasets.kadid10k import read_kadid10k
from lnkit.datasets.live import read_live
from lnkit.datasets.live_md import read_live_md
from lnkit.datasets.pipal import read_pipal
from lnkit.datasets.tid2013 import read_tid2008, read_tid2013
from lnkit_judgments.matrix.layout import read_image_set
from lnkit_judgments.matrix.sample import write_matrix
from lnkit_judgments.nights.layout import read_nights
from lnkit_judgments.nights.sample import write_nights
from lnkit_judgments.opinions.sample import write_sample

OPINIONS: dict[str, Any] = {
    "tid2013": read_tid2013,
    "tid2008": read_tid2008,
    "kadid10k": read_kadid10k,
    "csiq": read_csiq,
    "live": read_live,
    "live_md": read_live_md,
    "pipal": read_pipal,
}
WRITERS = {
    "nights": write_nights,
    **{name: partial(write_sample, name) for name in OPINIONS},
    "similarity_matrix": write_matrix,
}
READERS: dict[str, Any] = {
    "nights": read_nights,
    **OPINIONS,
    "similarity_matrix": read_image_set,
}
PRIMARY = {"nights": "2afc", **dict.fromkeys(OPINIONS, "srcc"), "similarity_matrix": "spearman"}
EACH = pytest.mark.parametrize("bench", WRITERS)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    found = {}
    for bench, write in WRITERS.items():
        found[bench] = tmp_path_factory.mktemp(bench)
        write(found[bench])
    return found


@EACH
def test_comes_out_the_same_again(bench: str, folders: dict[str, Path], tmp_path: Path) -> None:
    WRITERS[bench](tmp_path)
    for folder in (tmp_path, folders[bench]):
        write_inventory(folder, SilentProgress())
    assert (tmp_path / "inventory.sha256").read_text() == (folders[bench] / "inventory.sha256").read_text()


@EACH
def test_is_small_and_says_what_it_is(bench: str, folders: dict[str, Path]) -> None:
    files = [path for path in folders[bench].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) < 20_000_000
    assert "No person was asked" in (folders[bench] / "README.txt").read_text()


def test_nights_has_every_kind_of_line(folders: dict[str, Path]) -> None:
    _, triplets = read_nights(folders["nights"])
    assert {t.split for t in triplets} == {"train", "val", "test"}
    assert {t.imagenet for t in triplets} == {True, False}
    assert min(t.votes for t in triplets) < 6 <= max(t.votes for t in triplets)
    assert {t.right_share for t in triplets} == {0.0, 1.0}
    assert 0.3 < np.mean([t.right_share for t in triplets]) < 0.7


def test_opinions_fall_with_strength_and_are_the_same_in_both_layouts(folders: dict[str, Path]) -> None:
    tid, kadid = read_tid2013(folders["tid2013"]), read_kadid10k(folders["kadid10k"])
    assert len(tid.opinions) == len(kadid.opinions) == 80
    for found, low, high in ((tid, 0, 9), (kadid, 1, 5)):
        scores = np.array([opinion.score for opinion in found.opinions]).reshape(16, 5)
        assert scores.min() >= low
        assert scores.max() <= high
        assert (scores[:, 0] > scores[:, 4]).all()


def test_similarities_of_one_photograph_are_larger(folders: dict[str, Path]) -> None:
    found = read_image_set(folders["similarity_matrix"])
    photograph = np.array([name.rpartition("_")[0] for name in found.images])
    same = photograph[:, None] == photograph
    np.fill_diagonal(same, False)
    different = photograph[:, None] != photograph
    assert (found.dissimilarity[same].max(), found.dissimilarity[different].min()) == (pytest.approx(-0.3), 0)


def drawing(bench: str, resamples: int) -> dict[str, str]:
    return {} if bench == "nights" else {"resamples": str(resamples)}  # agreement has an interval without samples


@EACH
def test_pixels_do_better_than_chance_and_not_perfectly(bench: str) -> None:
    (finished,) = lnkit.evaluate("pixel", bench=bench, sample=True, engine="eager", overrides=drawing(bench, 0))
    chance = 0.5 if bench == "nights" else 0.0
    assert chance + 0.05 < finished.record.scores[PRIMARY[bench]].value < 0.95
    assert finished.record.notes[0].startswith("sample: ")
    assert finished.record.sample


@EACH
def test_a_real_network_does_better_than_chance_at_all_points(bench: str, real_data: RealData) -> None:
    weights = str(real_data("weights/squeezenet1_1.safetensors"))
    runs = lnkit.evaluate("squeezenet1_1", bench=bench, sample=True, weights=weights, overrides=drawing(bench, 50))
    assert len(runs) == 4
    for run in runs:
        score = run.record.scores[PRIMARY[bench]]
        assert score.value > (0.6 if bench == "nights" else 0.2)
        assert score.interval[0] < score.value < score.interval[1]


def test_the_command_of_a_newcomer(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["eval", "--backbone", "pixel", "--bench", "tid2013", "--sample"]) == 0
    shown = capsys.readouterr().out
    assert "tid2013, protocol paper, SAMPLE DATA" in shown
    for expected in ("srcc", "plcc_logistic", "krcc/gaussian_blur", "not people's answers", "|all images pooled|"):
        assert expected in shown


def test_listing_imports_nothing_heavy() -> None:
    heavy = ("torch", "numpy", "scipy", "PIL", "skimage")
    code = f"import sys, lnkit_judgments; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
