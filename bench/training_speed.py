"""The training loop against the bare step: the cost of loading, logging and checkpoints."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from bench.harness import Ratio
from bench.inputs import make_triplets
from lnkit import DeepPerceptualLoss
from lnkit.progress import SilentProgress
from lnkit.training.device_setup import DeviceSetup, deterministic
from lnkit.training.loader import EpochSampler
from lnkit.training.loop import train
from lnkit.training_task import Batch, TrainingSettings, TrainingTask, Validation
from lnkit_superres.network import TransformationNetwork

HIGH, LOW = 192, 48  # pixels; a step of `superres` x4 takes about a second at this size on two cores
BATCH = 4
CPU = torch.device("cpu")
TARGET = 1.05  # time relative to the bare step, at most


class TimedSuperres(TrainingTask):
    """A step of `superres` from memory-mapped arrays; records the time of every call of ``losses``."""

    def __init__(self, folder: Path, items: int) -> None:
        self.items = items
        images = make_triplets(items, HIGH)[0]
        np.save(folder / "high.npy", images)
        np.save(folder / "low.npy", images[:, ::4, ::4])
        self.high, self.low = (np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("high", "low"))
        self.loss = DeepPerceptualLoss("squeezenet1_1", "early", weights="random")
        self.loss.to(memory_format=torch.channels_last)
        self.times: list[float] = []

    def build(self) -> nn.Module:
        return TransformationNetwork(4, 5)

    def optimizer(self, network: nn.Module) -> torch.optim.Optimizer:
        return torch.optim.Adam(network.parameters())

    def load(self, items: NDArray[np.int64], draw: np.random.Generator) -> Batch:
        arrays = {"high": self.high[items], "low": self.low[items]}
        return {name: torch.from_numpy(array).permute(0, 3, 1, 2) for name, array in arrays.items()}

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        self.times.append(time.perf_counter())
        high, low = batch["high"].float() / 255, batch["low"].float() / 255
        return {"loss": self.loss(network(low), high)}

    def validate(self, network: nn.Module) -> Validation:
        return Validation(0.0)


def measure(quick: bool) -> Iterator[Ratio]:
    """Measure seconds per step in the loop, and of the same step on a batch in memory, in turns."""
    steps, turns = (8, 3) if quick else (16, 5)
    with tempfile.TemporaryDirectory() as folder:
        task = TimedSuperres(Path(folder), items=64)
        in_loop, bare = [], []
        for turn in range(turns + 1):  # the first is a warm-up
            times = _loop(task, Path(folder) / str(turn), steps), _bare(task, steps)
            if turn:
                in_loop.append(times[0])
                bare.append(times[1])
    loop, step = statistics.median(in_loop), statistics.median(bare)
    yield Ratio(
        "training loop, superres x4",
        f"in the loop: {loop:.3f} s per step",
        f"batch in memory: {step:.3f} s",
        loop / step,
        TARGET,
        at_most=True,
    )


def _loop(task: TimedSuperres, folder: Path, steps: int) -> float:
    settings = TrainingSettings("bench", "bench", steps, BATCH, validate_every=steps, seed=0)
    task.times = []
    train(task, settings, folder, DeviceSetup(CPU), SilentProgress())
    return _per_step(task.times)


def _bare(task: TimedSuperres, steps: int) -> float:
    order = EpochSampler(task.items, BATCH, 0)
    batch = task.load(order.batch(0), order.draw(0))
    network = task.build().to(memory_format=torch.channels_last)
    optimizer = task.optimizer(network)
    task.times = []
    with deterministic(CPU):
        for _ in range(steps):
            optimizer.zero_grad(set_to_none=True)
            task.losses(network, batch)["loss"].backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return _per_step(task.times)


def _per_step(times: list[float]) -> float:
    """Return the median time from one step to the next, without the first."""
    return float(np.median(np.diff(times)[1:]))
