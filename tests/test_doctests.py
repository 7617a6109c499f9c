"""The examples in docstrings give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    "lnkit.stats.bootstrap",
    "lnkit.stats.coefficients",
    "lnkit.stats.jnd",
    "lnkit.stats.rank_correlation",
    "lnkit.stats.ranks",
    "lnkit.stats.two_afc",
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    result = doctest.testmod(import_module(module))
    assert result.attempted > 0
    assert result.failed == 0
