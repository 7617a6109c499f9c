"""The examples in the docstrings of networks, distances and training run, and give what they show."""

from __future__ import annotations

import doctest
from importlib import import_module

import pytest

MODULES = (
    "lnkit.distances.comparer",
    "lnkit.distances.factory",
    "lnkit.distances.functional",
    "lnkit.networks.load",
    "lnkit.networks.loss_network",
    "lnkit.training.collapse",
    "lnkit.training.perceptual_loss",
)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name: str) -> None:
    failed, attempted = doctest.testmod(import_module(name))
    assert attempted
    assert not failed
