"""Which engine to use: the one that was asked for, or the one that pays off."""

from __future__ import annotations

import logging
import time
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

ENGINES = ("eager", "inductor", "onnxruntime")
PAYS_OFF_AFTER = 30.0  # seconds of work left; building takes 3-20 s on a quiet machine and saves a quarter or more

FEWEST_RUNS = 3  # of a batch, to measure an engine
MEASURED_FOR = 0.3  # seconds at least: small batches take a few milliseconds, and the machine's moods last longer


def check_engine(name: str, device: torch.device) -> None:
    """Raise UsageError for an engine that does not exist or cannot work here; "auto" always can."""
    if name not in ("auto", *ENGINES):
        raise UsageError(f"No engine is named {name!r}; there are auto, {', '.join(ENGINES)}.")
    if lacking := lacks(name, device):
        raise UsageError(f"The engine {name!r} cannot be used here: it needs {lacking}. Leave the choice to 'auto'.")


def lacks(name: str, device: torch.device) -> str:
    """Say what an engine needs that is not here, or nothing."""
    if name == "inductor":
        return inductor.missing()
    if name == "onnxruntime":
        return "the CPU as device" if device.type != "cpu" else onnx.missing()
    return ""


def build_engine(name: str, module: nn.Module, shape: tuple[int, ...], device: torch.device) -> Engine:
    """Build an engine by name, and run it once: what it costs to build is spent when this returns."""
    engine: Engine
    if name == "inductor":
        engine = inductor.InductorEngine(module, shape, device)
    elif name == "onnxruntime":
        engine = onnx.OnnxEngine(module, shape)
    else:
        engine = EagerEngine(module, device)
    engine(np.zeros(shape, np.uint8))
    return engine


def choose_engine(module: nn.Module, shape: tuple[int, ...], device: torch.device, batches: float) -> Engine:
    """Build the engine that is likely to be done first with ``batches`` of ``shape``.

    Each further engine is built only while the best one so far would be at work much longer than building takes.
    """
    best = build_engine("eager", module, shape, device)
    left = batches * _seconds(best, shape)
    for name in ("inductor", "onnxruntime"):
        if left < PAYS_OFF_AFTER or lacks(name, device):
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
    except Exception as error:  # a compiler's failures are of every kind, and there is another way
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        _log.warning("The engine %s could not be built (%s); another one is used.", name, reason)
        return None


def _seconds(engine: Engine, shape: tuple[int, ...]) -> float:
    """Measure a batch: the best of several, since a machine that is busy elsewhere can only be slower."""
    stack = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    measured: list[float] = []
    while len(measured) < FEWEST_RUNS or sum(measured) < MEASURED_FOR:
        before = time.perf_counter()
        engine(stack)
        measured.append(time.perf_counter() - before)
    return min(measured)
