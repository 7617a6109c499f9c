"""What computations on any device share: full float32, full memory, and settings that a GPU needs."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lnkit import DistanceConfig, ExtractionPoint, LossNetwork, PluginError
from lnkit.distances.comparer import ImageComparer
from lnkit.distances.engines import inductor
from lnkit.distances.engines.eager import EagerEngine
from lnkit.evaluation.request import RunRequest
from lnkit.evaluation.runner import run
from lnkit.networks.device import full_float32, is_out_of_memory, open_device
from lnkit.plugins.load import default_registry
from lnkit.training.loop import load_optimizer

BACKENDS: Any = torch.backends
TWO_SETS = hasattr(torch.backends.cudnn, "conv")  # of switches, since torch 2.9


def tf32_by_the_first_set() -> None:
    torch.set_float32_matmul_precision("medium")
    BACKENDS.cudnn.allow_tf32 = True


def tf32_by_the_second_set() -> None:
    BACKENDS.fp32_precision = "tf32"
    BACKENDS.cuda.matmul.fp32_precision = "tf32"


def readable(get: Callable[[], Any]) -> Any:
    try:
        return get()
    except RuntimeError:
        return "refused"


def switches() -> list[Any]:
    """All settings, as far as torch tells them."""
    values = [readable(torch.get_float32_matmul_precision), readable(lambda: BACKENDS.cudnn.allow_tf32)]
    if TWO_SETS:
        parts = (BACKENDS, BACKENDS.cuda.matmul, BACKENDS.cudnn.conv, BACKENDS.cudnn.rnn, BACKENDS.mkldnn.matmul)
        values += [part.fp32_precision for part in parts]
    return values


@pytest.fixture
def own_switches() -> Iterator[None]:
    """Let a test change the settings."""
    parts = (BACKENDS, BACKENDS.cuda.matmul, BACKENDS.cudnn.conv, BACKENDS.cudnn.rnn, BACKENDS.mkldnn.matmul)
    before = [part.fp32_precision for part in parts] if TWO_SETS else []
    matmul, cudnn = torch.get_float32_matmul_precision(), BACKENDS.cudnn.allow_tf32
    yield
    torch.set_float32_matmul_precision(matmul)
    BACKENDS.cudnn.allow_tf32 = cudnn
    for part, precision in zip(parts, before, strict=False):
        part.fp32_precision = precision


@pytest.mark.parametrize("allow", [lambda: None, tf32_by_the_first_set, tf32_by_the_second_set])
def test_float32_is_full_whatever_the_user_allows(allow: Callable[[], None], own_switches: None) -> None:
    if allow is tf32_by_the_second_set and not TWO_SETS:
        pytest.skip("this torch has one set of switches")
    allow()
    before = switches()
    with full_float32():
        assert not BACKENDS.cuda.matmul.allow_tf32
        assert not BACKENDS.cudnn.allow_tf32
        assert torch.get_float32_matmul_precision() == "highest"
        if TWO_SETS:
            assert BACKENDS.cudnn.conv.fp32_precision == BACKENDS.mkldnn.matmul.fp32_precision == "ieee"
    assert switches() == before


def test_a_benchmark_runs_in_full_float32(tmp_path: Path, own_switches: None) -> None:
    class SeenError(Exception):
        pass

    def look(*_: object) -> None:
        raise SeenError(BACKENDS.cudnn.allow_tf32)

    BACKENDS.cudnn.allow_tf32 = True
    registry = default_registry()
    registry = replace(registry, benchmarks={"bapps": replace(registry.benchmark("bapps"), run=look)})
    with pytest.raises(PluginError, match="SeenError: False"):
        run(RunRequest("pixel", sample=True, results=tmp_path, device="cpu"), registry)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory"), True),
        (RuntimeError("MPS backend out of memory (MPS allocated: 8 GB)"), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), True),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), True),
        (RuntimeError("shape '[2]' is invalid for input of size 3"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_errors_of_full_memory(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) == expected


def make_network() -> LossNetwork:
    torch.manual_seed(0)
    return LossNetwork(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), [ExtractionPoint("early", "1")])


def test_a_comparer_backs_off_when_a_library_finds_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = EagerEngine.__call__

    def compare(engine: EagerEngine, stack: Any) -> Any:
        if len(stack) > 4:
            raise RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED")
        return whole(engine, stack)

    monkeypatch.setattr(EagerEngine, "__call__", compare)
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 8, 8, 3), dtype=np.uint8)
    comparer = ImageComparer(make_network(), [("early",)], DistanceConfig(), batch_size=4)
    assert comparer.compare(*images).shape == (4, 1, 1)


def test_a_comparer_raises_other_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def compare(*_: object) -> None:
        raise RuntimeError("another error")

    monkeypatch.setattr(EagerEngine, "__call__", compare)
    images = np.zeros((2, 1, 8, 8, 3), np.uint8)
    with pytest.raises(RuntimeError, match="another error"):
        ImageComparer(make_network(), [("early",)], DistanceConfig()).compare(*images)


def test_a_network_on_another_device_is_tried_there() -> None:
    comparer = ImageComparer(make_network().to("meta"), [("early",)], DistanceConfig())
    comparer._require_size(8, 8)


def test_cublas_is_made_repeatable_before_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    open_device("cpu")
    assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ
    monkeypatch.setattr(torch, "zeros", lambda *_, **__: None)  # there is no GPU
    open_device("cuda")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_inductor_needs_triton_on_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inductor, "find_spec", lambda name: None)
    assert inductor.missing(torch.device("cuda")) == "the package triton"
    assert "triton" not in inductor.missing(torch.device("cpu"))


def test_the_state_of_an_optimizer_keeps_the_layout_of_its_parameters() -> None:
    network = nn.Conv2d(3, 4, 3).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.Adam(network.parameters())
    network(torch.rand(1, 3, 5, 5)).sum().backward()
    optimizer.step()
    average = optimizer.state[network.weight]["exp_avg"].clone()
    assert average.stride() == network.weight.stride() != average.contiguous().stride()
    state = optimizer.state_dict()
    for tensors in state["state"].values():
        tensors |= {name: tensor.contiguous() for name, tensor in tensors.items()}  # as a checkpoint stores them

    load_optimizer(optimizer, state)
    loaded = optimizer.state[network.weight]["exp_avg"]
    assert loaded.stride() == network.weight.stride()
    assert torch.equal(loaded, average)
    assert optimizer.state[network.weight]["step"].item() == 1
