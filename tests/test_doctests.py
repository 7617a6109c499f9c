"""The examples in docstrings give what they show."""

from __future__ import annotations

import doctest
import re
from importlib import import_module
from pathlib import Path

import pytest

import lnkit

MODULES = (
    "lnkit.analysis.published.frames",
    "lnkit.analysis.published.tables",
    "lnkit.cli._output",
    "lnkit.cli._progress",
    "lnkit.commands",
    "lnkit.distances.comparer",
    "lnkit.distances.criteria",
    "lnkit.distances.embedding",
    "lnkit.distances.expression",
    "lnkit.distances.factory",
    "lnkit.distances.functional",
    "lnkit.escapes",
    "lnkit.evaluation.python_api",
    "lnkit.evaluation.seeds",
    "lnkit.losses.definition",
    "lnkit.losses.expression",
    "lnkit.losses.imports.basicsr",
    "lnkit.losses.imports.kair",
    "lnkit.losses.imports.names",
    "lnkit.losses.imports.trainner",
    "lnkit.losses.load",
    "lnkit.losses.toml",
    "lnkit.metrics.perceptual_distance",
    "lnkit.networks.classifier",
    "lnkit.networks.load",
    "lnkit.networks.loss_network",
    "lnkit.results.record_files",
    "lnkit.results.spread",
    "lnkit.results.tables",
    "lnkit.search.halving.budget",
    "lnkit.search.halving.schedule",
    "lnkit.search.halving.scores",
    "lnkit.search.halving.search",
    "lnkit.search.halving.times",
    "lnkit.specs",
    "lnkit.stats.bootstrap",
    "lnkit.stats.coefficients",
    "lnkit.stats.intervals",
    "lnkit.stats.jnd",
    "lnkit.stats.rank_correlation",
    "lnkit.stats.ranks",
    "lnkit.stats.two_afc",
    "lnkit.search.point_search",
    "lnkit.sweep.costs",
    "lnkit.sweep.study",
    "lnkit.sweep.sweep",
    "lnkit.training.collapse",
    "lnkit.training.perceptual_loss",
    "lnkit.training.volumes",
)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module: str) -> None:
    result = doctest.testmod(import_module(module))
    assert result.attempted > 0
    assert result.failed == 0


def test_every_module_with_examples_is_listed() -> None:
    package = Path(lnkit.__file__).parent
    files = [file for file in package.rglob("*.py") if re.search(r"^\s*>>> ", file.read_text("utf-8"), re.MULTILINE)]
    assert {".".join(file.relative_to(package.parent).with_suffix("").parts) for file in files} == set(MODULES)
