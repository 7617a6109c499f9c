"""Select an engine: the requested one, or the fastest for the work that is left."""

from __future__ import annotations

import logging
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from lnkit.distances.engines import inductor, onnx
from lnkit.distances.engines.eager import EagerEngine
from lnkit.errors import UsageError
from lnkit.progress import activity

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
    with activity(f"building the engine {name} for {shape[0]} images of {shape[2]} x {shape[1]} pixels"):
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
    if batches <= MIN_RUNS:  # timing would take longer than the work
        return best
    left = batches * min(_times([best], shape)[0])
    for name in ENGINES[1:]:
        if left < PAYS_OFF_AFTER or missing(name, device):
            continue
        started = time.perf_counter()
        engine = _try_to_build(name, module, shape, device)
        if engine is not None and (ratio := _time_ratio(engine, best, shape)) < 1:
            best, left = engine, left * ratio
        _log.debug("Trying %s took %.1f s.", name, time.perf_counter() - started)
    return best


def _try_to_build(name: str, module: nn.Module, shape: tuple[int, ...], device: torch.device) -> Engine | None:
    try:
        return build_engine(name, module, shape, device)
    except Exception as error:  # compilers raise errors of many types, and another engine will do
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        _log.warning("The engine %s could not be built (%s). Another one is used.", name, reason)
        return None


def _time_ratio(engine: Engine, other: Engine, shape: tuple[int, ...]) -> float:
    """Return the time of an engine relative to that of another, measured in turns.

    Other work on the machine comes and goes within seconds: it lengthens neighboring runs alike, so their ratio holds
    where times that were measured one engine after the other would tell which moment was quiet.
    """
    ours, theirs = _times([engine, other], shape)
    return statistics.median(mine / its for mine, its in zip(ours, theirs, strict=True))


def _times(engines: Sequence[Engine], shape: tuple[int, ...]) -> list[list[float]]:
    """Return the seconds of several runs of a batch by each engine, which take turns."""
    stack = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    times: list[list[float]] = [[] for _ in engines]
    with activity("measuring the speed of engines"):
        while len(times[0]) < MIN_RUNS or max(map(sum, times)) < MIN_SECONDS:
            for engine, seconds in zip(engines, times, strict=True):
                before = time.perf_counter()
                engine(stack)
                seconds.append(time.perf_counter() - before)
    return times
