"""What the user has set in torch changes no score, no weights and no loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import lnkit
from lnkit.networks.weights import build_backbone
from lnkit.plugins.load import default_registry

SAMPLE: dict[str, Any] = {"sample": True, "engine": "eager", "overrides": {"per_family": "3", "resamples": "0"}}


@contextmanager
def double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(torch.float32)


@contextmanager
def elsewhere() -> Iterator[None]:
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def autocast() -> Iterator[None]:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        yield


@pytest.mark.parametrize("setting", [double, elsewhere, autocast])
def test_a_run_is_the_same(setting: Callable[[], Any], tmp_path: Path) -> None:
    def evaluate(name: str) -> lnkit.FinishedRun:
        (run,) = lnkit.evaluate("squeezenet1_1", "mid", weights="random", results=tmp_path / name, **SAMPLE)
        return run

    usual = evaluate("usual")
    with setting():
        other = evaluate("other")
    assert other.record.id == usual.record.id
    assert other.record.scores == usual.record.scores


@pytest.mark.parametrize("setting", [double, elsewhere])
def test_weights_and_losses_are_the_same(setting: Callable[[], Any]) -> None:
    images = torch.rand(2, 3, 48, 48)

    def loss() -> torch.Tensor:
        return lnkit.DeepPerceptualLoss("squeezenet1_1", "early", weights="random")(images, images.flip(0))

    spec = default_registry().backbone("squeezenet1_1")
    usual, sha256 = loss(), build_backbone(spec, "random").sha256
    with setting():
        assert build_backbone(spec, "random").sha256 == sha256
        dtype, device = torch.get_default_dtype(), torch.get_default_device()
        other = loss()
        assert (torch.get_default_dtype(), torch.get_default_device()) == (dtype, device)
    assert other.dtype == torch.float32
    assert torch.equal(other, usual)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_an_own_network_of_another_type_is_that_of_float32(dtype: torch.dtype, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU()).half()  # values that each type can hold
    runs = [
        lnkit.evaluate(network.to(kind), "1", results=tmp_path / str(kind), **SAMPLE)[0]
        for kind in (torch.float32, dtype)
    ]
    assert runs[0].record.id == runs[1].record.id
    assert runs[0].record.scores == runs[1].record.scores
    assert network[0].weight.dtype == dtype
