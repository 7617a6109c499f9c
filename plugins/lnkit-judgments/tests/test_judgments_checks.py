"""The published values by which `lnkit data verify` checks datasets of opinions: their sources, and what they mean."""

from __future__ import annotations

from pathlib import Path

import pytest

import lnkit
from lnkit.data import cache_dir
from lnkit.datasets.reader_check import check_reader, squared_differences
from lnkit.plugins.load import default_registry
from lnkit.progress import SilentProgress
from lnkit.specs import load_function

pytest.importorskip("lnkit_judgments.opinions.reader_checks")

from lnkit_judgments.opinions.reader_checks import CHECKS

# |SRCC| of the mean squared difference: JLD's result files to six digits, piq's and pyiqa's tables to four.
PUBLISHED = {
    "tid2013": [(3000, 0.686911)],
    "tid2008": [(1700, 0.5245)],
    "kadid10k": [(10_125, 0.6757), (8125, 0.673067)],
    "csiq": [(866, 0.808691)],
    "live": [(779, 0.872971)],
    "pipal": [(23_200, 0.406559), (1000, 0.254758)],
}


def test_values_are_the_published_ones() -> None:
    assert {name: [(c.images, c.expected) for c in checks] for name, checks in CHECKS.items()} == PUBLISHED
    benchmarks = default_registry().benchmarks
    assert {name for name, benchmark in benchmarks.items() if benchmark.checks} == set(CHECKS)
    for check in (check for checks in CHECKS.values() for check in checks):
        assert round(check.expected, check.digits) == check.expected != round(check.expected, check.digits - 1)


@pytest.mark.parametrize("name", ["tid2013", "csiq", "pipal"])
def test_the_value_of_a_sample_is_the_score_of_the_pixel_network(name: str) -> None:
    """The same number comes out of the benchmark, which has other code: torch, float32, batches."""
    (finished,) = lnkit.evaluate("pixel", bench=name, sample=True, engine="eager")
    folder = next(Path(cache_dir(), "samples").glob(f"{name}-*"))
    check = CHECKS[name][0]
    opinions = load_function(check.read)(folder)
    result = check_reader(check, opinions, squared_differences(opinions.opinions, SilentProgress()))
    assert result.value == pytest.approx(finished.record.scores["srcc"].value, abs=1e-9)
    assert result.partial


def test_jld_tests_on_65_references() -> None:
    lnkit.evaluate("pixel", bench="kadid10k", sample=True, engine="eager")
    folder = next(Path(cache_dir(), "samples").glob("kadid10k-*"))
    every, test = (load_function(check.read)(folder) for check in CHECKS["kadid10k"])
    names = {opinion.reference_name for opinion in every.opinions}
    assert names - {opinion.reference_name for opinion in test.opinions} == {"i02", "i03"}, "of i01 to i04"
