"""Networks that cannot be copied, cut or fed: the sentence names the part and says what to do."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import nn

import lnkit
from lnkit import ExtractionPoint, ImageError, LossNetwork, UsageError

SAMPLE: dict[str, Any] = {"sample": True, "engine": "eager", "overrides": {"per_family": "3", "resamples": "0"}}


def network(**attributes: Any) -> nn.Module:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    for name, value in attributes.items():
        setattr(made[1], name, value)
    return made


def old_style(function: Callable[[nn.Module], Any]) -> nn.Module:
    made = network()
    with warnings.catch_warnings(action="ignore"):
        function(made[0])
    return made


def sparse() -> nn.Module:
    made = network()
    made[0].weight = nn.Parameter(made[0].weight.detach().to_sparse())
    return made


def script() -> nn.Module:
    with warnings.catch_warnings(action="ignore"):
        return torch.jit.trace(network(), torch.zeros(1, 3, 9, 9), check_trace=False)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: old_style(nn.utils.weight_norm), r"0\.weight .* Use torch.nn.utils.parametrizations.weight_norm"),
        (lambda: network(lock=threading.Lock()), r"1\.lock is of type lock\. Remove it"),
        (lambda: network(made=(x for x in [1])), r"1\.made is of type generator"),
        (lambda: network(scale=torch.ones(2, requires_grad=True) * 2), r"1\.scale is a tensor .* with \.detach\(\)"),
        (script, "is a ScriptModule, whose inner outputs cannot be read. Give the nn.Module"),
        (sparse, r"Sequential has sparse weights in '0' \(Conv2d\)"),
    ],
)
def test_a_network_that_cannot_be_used_is_explained(make: Callable[[], nn.Module], sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        lnkit.evaluate(make(), "1", **SAMPLE)


@pytest.mark.parametrize(
    ("backbone", "images", "sentence"),
    [
        (network().half(), torch.zeros(1, 3, 9, 9), "images are torch.float32 .* weights of torch.float16"),
        (network(), torch.zeros(1, 3, 9, 9, dtype=torch.float64), "images are torch.float64 .* images.float()"),
        (nn.Sequential(nn.Conv2d(1, 4, 3)), torch.zeros(1, 3, 9, 9), "images with 1 in place of the 3 channels"),
        (network(), torch.zeros(1, 3, 2, 2), "too small for it"),
    ],
)
def test_a_mismatch_names_its_cause(backbone: nn.Module, images: torch.Tensor, sentence: str) -> None:
    cut = LossNetwork(backbone, [ExtractionPoint("end", "0")])
    with pytest.raises(ImageError, match=sentence):
        cut(images)


def test_evaluate_works_in_inference_mode_in_a_thread_and_deterministically() -> None:
    def score() -> float:
        (run,) = lnkit.evaluate(network(), "1", force=True, **SAMPLE)
        return run.record.scores["2afc"].value

    expected = score()
    with torch.inference_mode():
        assert score() == expected
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(score).result() == expected
    torch.use_deterministic_algorithms(True)
    try:
        assert score() == expected
    finally:
        torch.use_deterministic_algorithms(False)
