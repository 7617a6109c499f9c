"""Training of small-image networks: images per second in the loop, with packed images, against the bare step."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from bench.harness import Ratio
from bench.inputs import make_triplets
from lnkit.datasets.labelled import Labelled, LabelledData
from lnkit.progress import SilentProgress
from lnkit.training.device_setup import DeviceSetup, deterministic
from lnkit.training.loader import EpochSampler
from lnkit.training.loop import train
from lnkit.training_task import Batch, TrainingSettings, Validation
from lnkit_earlystop.networks.architecture import parse
from lnkit_earlystop.recipes import recipe_of
from lnkit_earlystop.task import ClassifierTask, TrainingPlan

NETWORK, SIDE, BATCH, IMAGES = "resnet6", 64, 128, 4096
CPU = torch.device("cpu")
TARGET = 0.9  # images per second relative to the bare step, at least
LOADING = 1.0  # time of loading relative to the step, at most: loading runs on another core


class TimedClassifier(ClassifierTask):
    """Records the time of every call of ``losses``."""

    def __init__(self, plan: TrainingPlan, data: LabelledData) -> None:
        super().__init__(plan, data, CPU, lambda *_: Validation(0.0))
        self.times: list[float] = []

    def losses(self, network: nn.Module, batch: Batch) -> Mapping[str, Tensor]:
        self.times.append(time.perf_counter())
        return super().losses(network, batch)

    def validate(self, network: nn.Module) -> Validation:
        return Validation(0.0)


def measure(quick: bool) -> Iterator[Ratio]:
    """Measure images per second in the loop, of the same step on a batch in memory, and of loading alone, in turns."""
    steps, turns = (8, 3) if quick else (16, 7)
    with tempfile.TemporaryDirectory() as folder:
        task = TimedClassifier(_plan(steps), _packed(Path(folder)))
        in_loop: list[float] = []
        bare: list[float] = []
        loading: list[float] = []
        for turn in range(turns + 1):  # the first is a warm-up
            times = _loop(task, Path(folder) / str(turn), steps), _bare(task, steps), _load(task, steps)
            if turn:
                for series, seconds in zip((in_loop, bare, loading), times, strict=True):
                    series.append(seconds)
    loop, step, load = map(statistics.median, (in_loop, bare, loading))
    yield Ratio(
        f"training {NETWORK} at {SIDE} px",
        f"in the loop: {BATCH / loop:,.0f} images/s",
        f"batch in memory: {BATCH / step:,.0f} images/s",
        step / loop,
        TARGET,
    )
    yield Ratio(
        "loading its batches",
        f"{1000 * load:.1f} ms a batch",
        f"step: {1000 * step:.0f} ms",
        load / step,
        LOADING,
        at_most=True,
    )


def _plan(steps: int) -> TrainingPlan:
    architecture = parse(NETWORK)
    return TrainingPlan(architecture, recipe_of(architecture), BATCH, steps, seed=0)


def _packed(folder: Path) -> LabelledData:
    """Return images mapped into memory, as lnkit packs them."""
    np.save(folder / "images.npy", make_triplets(IMAGES, SIDE)[0])
    labels = np.arange(IMAGES) % 100
    images = Labelled(np.load(folder / "images.npy", mmap_mode="r"), labels)
    return LabelledData(images, images, tuple(map(str, range(100))), "made up")


def _loop(task: TimedClassifier, folder: Path, steps: int) -> float:
    """Return the median seconds from one step to the next in lnkit's loop."""
    settings = TrainingSettings(
        name=folder.name,
        title="",
        iterations=steps,
        batch_size=BATCH,
        validate_every=steps,
        seed=0,
        constant_below=-1.0,
    )
    task.times = []
    train(task, settings, folder, DeviceSetup(CPU), SilentProgress())
    return statistics.median(np.diff(task.times))


def _bare(task: TimedClassifier, steps: int) -> float:
    """Return the median seconds of the same step on one batch in memory."""
    with deterministic(CPU):
        network = task.build().to(memory_format=torch.channels_last).train()
        optimizer = task.optimizer(network)
        order = EpochSampler(task.items, BATCH, 0)
        batch = task.load(order.batch(0), order.draw(0))
        times = []
        for _ in range(steps):
            before = time.perf_counter()
            optimizer.zero_grad(set_to_none=True)
            task.losses(network, batch)["loss"].backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            times.append(time.perf_counter() - before)
    return statistics.median(times)


def _load(task: TimedClassifier, steps: int) -> float:
    """Return the median seconds to crop, mirror and stack one batch."""
    order = EpochSampler(task.items, BATCH, 0)
    times = []
    for step in range(steps):
        before = time.perf_counter()
        task.load(order.batch(step), order.draw(step))
        times.append(time.perf_counter() - before)
    return statistics.median(times)
