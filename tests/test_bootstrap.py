"""Bootstrap intervals of means against scipy's, and the names that lnkit.stats exports."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from scipy.stats import bootstrap

from lnkit.stats.bootstrap import mean_interval, named_generator

VALUES = np.random.default_rng(0).gamma(2.0, 3.0, 60)


def test_is_scipys_percentile_interval() -> None:
    found = mean_interval(VALUES, 4000, np.random.default_rng(1))
    expected = bootstrap((VALUES,), np.mean, n_resamples=4000, method="percentile", rng=np.random.default_rng(2))
    width = expected.confidence_interval.high - expected.confidence_interval.low
    assert found == pytest.approx(tuple(expected.confidence_interval), abs=0.06 * width)


def test_the_same_draw_gives_the_same_interval() -> None:
    once, again, other = (mean_interval(VALUES, 500, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert once == again != other


def test_each_seed_and_each_name_has_draws_of_its_own() -> None:
    draws = {(seed, name): named_generator(seed, name).integers(2**62) for seed in (0, 1) for name in ("cnn", "color")}
    assert len(set(draws.values())) == len(draws)
    assert named_generator(1, "cnn").integers(2**62) == draws[1, "cnn"]


def test_there_is_none_without_samples_or_of_one_item() -> None:
    rng = np.random.default_rng(0)
    assert mean_interval(VALUES, 0, rng) is None
    assert mean_interval(VALUES[:1], 100, rng) is None


def test_every_exported_name_exists_and_none_needs_pandas() -> None:
    code = "import sys; from lnkit.stats import *; assert average_precision; assert 'pandas' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
