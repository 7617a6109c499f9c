"""The items of each batch, and a thread that loads batches ahead.

Order and random draws are functions of the seed and the iteration only, so a resumed training sees the same batches as
one that was never interrupted.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray

from lnkit.training_task import Batch, TrainingSettings, TrainingTask, batches_per_epoch

AHEAD = 2  # batches that wait in the queue
ORDER, DRAW = 1, 2  # keys of independent streams of random numbers


@dataclass(frozen=True, slots=True)
class EpochSampler:
    """Shuffles the items anew for each epoch, and visits each item once."""

    items: int
    batch_size: int
    seed: int

    @property
    def batches(self) -> int:
        """Number of batches in an epoch; the last one may be smaller."""
        return batches_per_epoch(self.items, self.batch_size)

    def epoch(self, iteration: int) -> int:
        """Return the epoch of an iteration; both are counted from 0."""
        return iteration // self.batches

    def batch(self, iteration: int) -> NDArray[np.int64]:
        """Return the items of the batch of an iteration."""
        start = iteration % self.batches * self.batch_size
        return _shuffled(self.items, self.seed, self.epoch(iteration))[start : start + self.batch_size]

    def draw(self, iteration: int) -> np.random.Generator:
        """Return the random generator of an iteration."""
        return np.random.default_rng([self.seed, DRAW, iteration])


@lru_cache(maxsize=2)
def _shuffled(items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, ORDER, epoch]).permutation(items).astype(np.int64)


@contextmanager
def prefetch(
    task: TrainingTask, settings: TrainingSettings, start: int, device: torch.device
) -> Iterator[Iterator[Batch]]:
    """Load batches ahead in a thread.

    Args:
        task: The task, whose ``load`` is called in the thread. Its errors are raised when the batch is requested.
        settings: Number of iterations, batch size and seed.
        start: The first iteration.
        device: The device of the batches.

    Yields:
        An iterator over the batches from iteration ``start`` to the last.
    """
    sampler = EpochSampler(task.items, settings.batch_size, settings.seed)
    ready: queue.Queue[Batch | BaseException] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def load_all() -> None:
        for iteration in range(start, settings.iterations):
            try:
                _put(ready, _load(task, sampler, iteration, device), stopped)
            except BaseException as error:
                _put(ready, error, stopped)
                return
            if stopped.is_set():
                return

    thread = threading.Thread(target=load_all, name=f"loading for {settings.name}", daemon=True)
    thread.start()
    try:
        yield (_next(ready, device) for _ in range(start, settings.iterations))
    finally:
        stopped.set()
        thread.join()


def _put(ready: queue.Queue[Batch | BaseException], batch: Batch | BaseException, stopped: threading.Event) -> None:
    """Wait for a place in the queue until ``stopped``: nothing is taken from it once the loop has ended."""
    while not stopped.is_set():
        try:
            ready.put(batch, timeout=0.1)
        except queue.Full:
            continue
        return


def _load(task: TrainingTask, sampler: EpochSampler, iteration: int, device: torch.device) -> Batch:
    batch = task.load(sampler.batch(iteration), sampler.draw(iteration))
    if device.type != "cuda":
        return batch
    return {name: tensor.pin_memory() for name, tensor in batch.items()}  # copied while the GPU computes


def _next(ready: queue.Queue[Batch | BaseException], device: torch.device) -> Batch:
    batch = ready.get()
    if isinstance(batch, BaseException):
        raise batch
    return to_device(batch, device)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Copy a batch to a device."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
