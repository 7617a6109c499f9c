"""Select an engine: the requested one, or the fastest for the work that is left."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from lnkit.distances.engines import inductor, onnx
from lnkit.distances.engines.eager import EagerEngine
from lnkit.errors import UsageError

if TYPE_CHECKING:
    from lnkit.distances.engines.base import Engine

_log = logging.getLogger("lnkit")

_BUILDERS: Mapping[str, Callable[[nn.Module, tuple[int, ...], torch.device], Engine]] = {
    "eager": lambda module, _shape, device: EagerEngine(module, device),
    "inductor": lambda module, shape, device: inductor.InductorEngine(module, shape, device),
    "onnxruntime": lambda module, shape, _device: onnx.OnnxEngine(module, shape),
}
ENGINES = tuple(_BUILDERS)
PAYS_OFF_AFTER = 30.0  # seconds of work left; building takes 3-20 s on an idle machine and saves a quarter or more

MIN_RUNS = 3  # of a batch, to time an engine
MIN_SECONDS = 0.3  # of timing: small batches take a few milliseconds, slow phases of a busy machine longer


def check_engine(name: str, device: torch.device) -> None:
    """Raise UsageError for an engine that is unknown or cannot run here; "auto" always can."""
    if name not in ("auto", *ENGINES):
        raise UsageError(f"No engine is named {name!r}; there are auto, {', '.join(ENGINES)}.")
    if requirement := missing(name, device):
        raise UsageError(f"The engine {name!r} cannot be used here: it needs {requirement}. Use the engine 'auto'.")


def missing(name: str, device: torch.device) -> str:
    """Return the requirement of an engine that is not met here, or ""."""
    if name == "inductor":
        return inductor.missing(device)
    if name == "onnxruntime":
        return onnx.missing() if device.type == "cpu" else "the CPU as device"
    return ""


def build_engine(name: str, module: nn.Module, shape: tuple[int, ...], device: torch.device) -> Engine:
    """Build an engine by name and run it once, so that its first batch is not slower than the others."""
    engine = _BUILDERS[name](module, shape, device)
    engine(np.zeros(shape, np.uint8))
    return engine


def choose_engine(module: nn.Module, shape: tuple[int, ...], device: torch.device, batches: float) -> Engine:
    """Build the engine that is expected to finish first.

    A further engine is built only if the best one so far would run much longer than building takes.

    Args:
        module: The computation.
        shape: Shape of a batch.
        device: The device to run on.
        batches: Expected number of batches.
    """
    best = build_engine("eager", module, shape, device)
    left = batches * _seconds(best, shape)
    for name in ENGINES[1:]:
        if left < PAYS_OFF_AFTER or missing(name, device):
            continue
        started = time.perf_counter()
        engine = _try_to_build(name, module, shape, device)
        if engine is not None and (seconds := batches * _seconds(engine, shape)) < left:
            best, left = engine, seconds
        _log.debug("Trying %s took %.1f s.", name, time.perf_counter() - started)
    return best


def _try_to_build(name: str, module: nn.Module, shape: tuple[int, ...], device: torch.device) -> Engine | None:
    try:
        return build_engine(name, module, shape, device)
    except Exception as error:  # compilers raise errors of many types, and another engine will do
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        _log.warning("The engine %s could not be built (%s). Another one is used.", name, reason)
        return None


def _seconds(engine: Engine, shape: tuple[int, ...]) -> float:
    """Return the shortest time of several runs of a batch: other work on the machine can only make it longer."""
    stack = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    times: list[float] = []
    while len(times) < MIN_RUNS or sum(times) < MIN_SECONDS:
        before = time.perf_counter()
        engine(stack)
        times.append(time.perf_counter() - before)
    return min(times)
