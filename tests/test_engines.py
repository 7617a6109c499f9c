"""Engines: equal distances, selection of the fastest, and a fallback if one cannot be built."""

from __future__ import annotations

import logging
import sys
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from lnkit import DistanceConfig, ExtractionPoint, LossNetwork, UsageError, extras
from lnkit.distances.comparer import ImageComparer
from lnkit.distances.engines import inductor, onnx, selection
from lnkit.distances.engines.eager import EagerEngine, prepare
from lnkit.networks.device import full_float32

Array = np.ndarray[Any, Any]


@pytest.fixture(scope="module")
def network() -> LossNetwork:
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(True), nn.Conv2d(8, 8, 3, 2), nn.SiLU())
    nn.init.uniform_(backbone[1].running_mean)  # type: ignore[arg-type]
    nn.init.uniform_(backbone[1].running_var, 0.5, 2)  # type: ignore[arg-type]
    return LossNetwork(backbone, [ExtractionPoint("early", "2"), ExtractionPoint("late", "4")])


@pytest.fixture
def images() -> tuple[Array, ...]:
    return tuple(np.random.default_rng(0).integers(0, 256, (3, 9, 16, 16, 3), dtype=np.uint8))


def compare(network: LossNetwork, images: tuple[Array, ...], engine: str, distance: str = "spatial") -> Array:
    groups = [("early",), ("late",), ("early", "late")]
    comparer = ImageComparer(network, groups, DistanceConfig(distance), engine=engine, batch_size=4)
    found = comparer.compare(*images)
    assert comparer.engine == engine
    return found


DISTANCES = ("spatial", "style", "sort", "mean_pool+squared")
COMPILED = [pytest.param("inductor", each, marks=pytest.mark.exhaustive) for each in DISTANCES[1:]]  # seconds each


@pytest.mark.parametrize(
    ("engine", "distance"), [("inductor", "spatial"), *COMPILED, *(("onnxruntime", each) for each in DISTANCES)]
)
def test_every_engine_gives_the_same_distances(
    network: LossNetwork, images: tuple[Array, ...], engine: str, distance: str
) -> None:
    if lacking := selection.missing(engine, torch.device("cpu")):
        pytest.skip(f"needs {lacking}")
    expected = compare(network, images, "eager", distance)
    np.testing.assert_allclose(compare(network, images, engine, distance), expected, rtol=1e-5)


def test_one_process_may_compile_any_number_of_engines(network: LossNetwork, images: tuple[Array, ...]) -> None:
    if lacking := inductor.missing(torch.device("cpu")):
        pytest.skip(f"needs {lacking}")
    import torch._dynamo.config as dynamo

    limit = "recompile_limit" if hasattr(dynamo, "recompile_limit") else "cache_size_limit"  # its name in torch 2.6
    with dynamo.patch({limit: 1}):
        first = compare(network, images, "inductor")
        np.testing.assert_allclose(compare(network, images, "inductor"), first)


def test_compiling_leaves_the_recursion_limit(network: LossNetwork, images: tuple[Array, ...]) -> None:
    if lacking := inductor.missing(torch.device("cpu")):
        pytest.skip(f"needs {lacking}")
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(1_234)  # inductor raises it to 2,000
    try:
        compare(network, images, "inductor")
        assert sys.getrecursionlimit() == 1_234
    finally:
        sys.setrecursionlimit(before)


def test_batch_norm_is_folded_in_a_copy(network: LossNetwork) -> None:
    folded = prepare(network)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())
    assert any(isinstance(module, nn.BatchNorm2d) for module in network.modules())
    image = torch.rand(1, 3, 16, 16)
    torch.testing.assert_close(folded(image)["late"], network(image)["late"], rtol=1e-5, atol=1e-6)


def test_batch_norm_stays_where_its_input_is_a_point() -> None:
    backbone = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).eval()
    nn.init.uniform_(backbone[1].running_mean)  # type: ignore[arg-type]
    network = LossNetwork(backbone, [ExtractionPoint("early", "0"), ExtractionPoint("late", "1")])
    image = torch.rand(1, 3, 8, 8)
    for point, features in prepare(network)(image).items():
        torch.testing.assert_close(features, network(image)[point])


def test_reduced_precision_is_off_inside_and_put_back() -> None:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = True
    with full_float32():
        assert not torch.backends.cudnn.allow_tf32
    assert torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = before


def test_few_items_are_not_worth_building_for(network: LossNetwork, images: tuple[Array, ...]) -> None:
    comparer = ImageComparer(network, [("late",)], DistanceConfig(), expected_items=9)
    assert comparer.engine == "auto"
    comparer.compare(*images)
    assert comparer.engine == "eager"


def test_many_items_are(network: LossNetwork, images: tuple[Array, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    monkeypatch.setattr(selection, "missing", lambda name, device: "")
    monkeypatch.setattr(selection, "build_engine", recording(built, selection.build_engine))
    comparer = ImageComparer(network, [("late",)], DistanceConfig(), expected_items=10**9)
    comparer.compare(*images)
    assert built[0] == "eager"
    assert set(built[1:]) == {"inductor", "onnxruntime"}
    assert comparer.engine == "onnxruntime"


def test_a_choice_does_not_hang_on_a_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that becomes slow for the second half of the time changes nothing: engines are timed in turns."""
    clock = [0.0]
    monkeypatch.setattr(selection.time, "perf_counter", lambda: clock[0])

    class Fake:
        def __init__(self, name: str, seconds: float) -> None:
            self.name, self.seconds = name, seconds

        def __call__(self, stack: Array) -> Array:
            clock[0] += self.seconds * (10 if clock[0] > 2 else 1)  # other work begins
            return stack

    slow, fast = Fake("slow", 0.1), Fake("fast", 0.05)
    built = {"eager": slow, "inductor": fast}

    def build(name: str, *_: Any) -> Fake:
        clock[0] += 1.9
        return built[name]

    monkeypatch.setattr(selection, "build_engine", build)
    monkeypatch.setattr(selection, "missing", lambda name, device: "it" * (name not in built))
    chosen = selection.choose_engine(nn.Identity(), (1,), torch.device("cpu"), 10_000)
    assert chosen.name == "fast"


def recording(built: list[str], build: Any) -> Any:
    """Build the eager engine under every name; the one called onnxruntime is made the fastest, eager the slowest."""

    def record(name: str, module: nn.Module, shape: tuple[int, ...], device: torch.device) -> Any:
        built.append(name)
        engine = build("eager", module, shape, device)
        return Named(name, engine, {"eager": 0.4, "inductor": 0.2, "onnxruntime": 0.0}[name])

    return record


class Named:
    def __init__(self, name: str, engine: EagerEngine, delay: float) -> None:
        self.name, self.engine, self.delay = name, engine, delay

    def __call__(self, stack: Array) -> Array:
        import time

        time.sleep(self.delay)
        return self.engine(stack)


def test_an_engine_that_cannot_be_built_is_replaced_with_a_sentence(
    network: LossNetwork, images: tuple[Array, ...], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the compiler gave up\nand a long trace")

    monkeypatch.setattr(inductor, "InductorEngine", fail)
    monkeypatch.setattr(onnx, "OnnxEngine", fail)
    monkeypatch.setattr(selection, "missing", lambda name, device: "")
    comparer = ImageComparer(network, [("late",)], DistanceConfig(), expected_items=10**9)
    with caplog.at_level(logging.WARNING, "lnkit"):
        comparer.compare(*images)
    assert comparer.engine == "eager"
    assert "inductor could not be built (the compiler gave up)" in caplog.text


def test_an_engine_that_is_missing_is_refused_by_name(network: LossNetwork, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "ONNX", {"onnxruntime_absent": "onnxruntime_absent"})
    with pytest.raises(UsageError, match=r"onnxruntime_absent.*pip install"):
        ImageComparer(network, [("late",)], DistanceConfig(), engine="onnxruntime")
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError, match=r"C\+\+ compiler"):
        ImageComparer(network, [("late",)], DistanceConfig(), engine="inductor")
    with pytest.raises(UsageError, match="eager, inductor, onnxruntime"):
        ImageComparer(network, [("late",)], DistanceConfig(), engine="tensorrt")
