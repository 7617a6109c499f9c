"""What a perceptual score is worth: simulated distances against the expected value, by integrals."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click
import numpy as np
import pytest
from realdata import RealData
from scipy.integrate import quad
from scipy.stats import norm

from lnkit import DataError, UsageError
from lnkit_probes.cli import score_range
from lnkit_probes.sample import write_sample
from lnkit_probes.score_range import read_judgments, simulate_distances, simulated_score


def chance_of_order(noise: float) -> float:
    """The probability that a distance around 1 exceeds one around 0, both normal and cut to [0, 1]."""
    whole = norm.cdf(1, 0, noise) - norm.cdf(0, 0, noise)

    def density_around_1(x: float) -> float:
        return float(norm.pdf(x, 1, noise) / whole)

    def below(x: float) -> float:  # of the distance around 0
        return float((norm.cdf(x, 0, noise) - norm.cdf(0, 0, noise)) / whole)

    return float(quad(lambda x: density_around_1(x) * below(x), 0, 1, points=[1 - noise] if noise < 1 else None)[0])


def expected_score(judgments: dict[str, np.ndarray], noise: float) -> float:
    right = chance_of_order(noise)
    families = [np.maximum(p, 1 - p) * right + np.minimum(p, 1 - p) * (1 - right) for p in judgments.values()]
    return 100 * float(np.mean([family.mean() for family in families]))


@pytest.mark.parametrize("noise", [0.01, 0.3, 0.5, 3.0])
def test_a_score_is_the_expected_one(noise: float) -> None:
    rng = np.random.default_rng(0)
    judgments = {"one": rng.integers(0, 6, 20_000) / 5, "two": rng.integers(0, 3, 20_000) / 2}
    assert simulated_score(judgments, noise) == pytest.approx(expected_score(judgments, noise), abs=0.5)


def test_distances_are_around_0_and_1_as_people_judged() -> None:
    judge = np.array([1, 0.6, 0.5, 0.4, 0])
    d0, d1 = simulate_distances(judge, 1e-3, np.random.default_rng(0))
    np.testing.assert_allclose(d0, [1, 1, 0, 0, 0], atol=0.01)
    np.testing.assert_allclose(d1, [0, 0, 1, 1, 1], atol=0.01)
    d0, d1 = simulate_distances(np.ones(20_000), 0.5, np.random.default_rng(1))
    assert 0 <= min(d0.min(), d1.min()) <= max(d0.max(), d1.max()) <= 1
    assert d1.mean() == pytest.approx(0.5 * (norm.pdf(0) - norm.pdf(2)) / (norm.cdf(2) - 0.5), abs=0.005)


def test_real_judgments_span_the_published_range(real_data: RealData) -> None:
    """Kumar2022 3.2: from about 80 to 50 as the noise grows."""
    judgments = read_judgments(real_data("judgments/bapps_val_2afc.npz"))
    found = [simulated_score(judgments, noise) for noise in (0.01, 0.5, 3)]
    assert found == pytest.approx([80.1, 67.0, 50.7], abs=0.4)
    assert found == pytest.approx([expected_score(judgments, noise) for noise in (0.01, 0.5, 3)], abs=0.5)


def test_folders_and_archives_give_the_same_judgments(tmp_path: Path) -> None:
    write_sample(tmp_path / "data")
    read = read_judgments(tmp_path / "data")
    assert read.keys() == {"sample_noise", "sample_blur"}
    np.savez(tmp_path / "judgments.npz", **{f"{family}/judge": judge for family, judge in read.items()})
    again = read_judgments(tmp_path / "judgments.npz")
    assert {family: judge.tolist() for family, judge in again.items()} == {f: j.tolist() for f, j in read.items()}


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"one/d0": np.ones(3)}, "has no array <family>/judge"),
        ({"one/judge": np.full(3, 2.0)}, "fractions of people"),
        ({"one/judge": np.full(3, np.nan)}, "fractions of people"),
        ({"one/judge": np.array(["a"])}, "fractions of people"),
        ({"one/judge": np.full(3, 1j)}, "fractions of people"),
        ({"one/judge": np.ones((2, 2))}, "fractions of people"),
    ],
)
def test_faults_of_archives_are_named(arrays: dict[str, np.ndarray], said: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "judgments.npz", **arrays)
    with pytest.raises(DataError, match=said):
        read_judgments(tmp_path / "judgments.npz")
    (tmp_path / "damaged.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="is damaged"):
        read_judgments(tmp_path / "damaged.npz")
    os.mkfifo(tmp_path / "fifo.npz")
    with pytest.raises(DataError, match="got a FIFO"):
        read_judgments(tmp_path / "fifo.npz")


def test_a_judgment_that_is_no_file_is_named(tmp_path: Path) -> None:
    write_sample(tmp_path / "data")
    judgment = sorted((tmp_path / "data").rglob("judge/*.npy"))[0]
    judgment.unlink()
    os.mkfifo(judgment)
    with pytest.raises(DataError, match="FIFO"):
        read_judgments(tmp_path / "data")


def command(*words: str) -> None:
    click.Command.main(score_range, list(words), standalone_mode=False)


def test_the_command_prints_a_table_or_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "judgments.npz"
    np.savez(file, **{"one/judge": np.ones(500), "two/judge": np.zeros(500)})
    command("--data", str(file), "--noise", "0.01")
    assert capsys.readouterr().out == (
        "noise  perceptual score\n0.01   100.0\nSimulated on 1,000 judgments of 2 families.\n"
    )
    command("--data", str(file), "--noise", "0.01,50", "--json")
    (first, last) = json.loads(capsys.readouterr().out)
    assert first == {"noise": 0.01, "ps": 100.0}
    assert last["ps"] == pytest.approx(50, abs=5)


@pytest.mark.parametrize("noise", ["0", "-1", "inf", "nan", "many"])
def test_impossible_noise_is_refused(noise: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "judgments.npz", **{"one/judge": np.ones(5)})
    with pytest.raises(UsageError, match="as --noise"):
        command("--data", str(tmp_path / "judgments.npz"), "--noise", noise)
