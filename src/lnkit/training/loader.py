"""Which items make the batch of an iteration, and batches that are ready before they are needed.

Order and random draws are functions of the seed and the iteration. The position in the data is therefore the
iteration, and a training that goes on sees what it would have seen.
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

from lnkit.training.task import Batch, TrainingSettings, TrainingTask, batches_per_epoch

AHEAD = 2  # batches: one being used, one ready
ORDER, DRAW = 1, 2  # streams of random numbers, apart from each other


@dataclass(frozen=True, slots=True)
class EpochSampler:
    """Every item once in each epoch, in an order of its own."""

    items: int
    batch_size: int
    seed: int

    @property
    def batches(self) -> int:
        """In an epoch; the last one may be smaller."""
        return batches_per_epoch(self.items, self.batch_size)

    def epoch(self, iteration: int) -> int:
        """The epoch that ``iteration``, counted from 0, belongs to, also from 0."""
        return iteration // self.batches

    def batch(self, iteration: int) -> NDArray[np.int64]:
        """The items of the batch of ``iteration``."""
        start = iteration % self.batches * self.batch_size
        return _shuffled(self.items, self.seed, self.epoch(iteration))[start : start + self.batch_size]

    def draw(self, iteration: int) -> np.random.Generator:
        """A generator of the iteration's own."""
        return np.random.default_rng([self.seed, DRAW, iteration])


@lru_cache(maxsize=2)
def _shuffled(items: int, seed: int, epoch: int) -> NDArray[np.int64]:
    return np.random.default_rng([seed, ORDER, epoch]).permutation(items).astype(np.int64)


@contextmanager
def prefetch(
    task: TrainingTask, settings: TrainingSettings, start: int, device: torch.device
) -> Iterator[Iterator[Batch]]:
    """Give the batches from iteration ``start`` to the last, on ``device``, loaded ahead in a thread.

    What ``task.load`` raises is raised where its batch is asked for.
    """
    order = EpochSampler(task.items, settings.batch_size, settings.seed)
    ready: queue.Queue[Batch | BaseException] = queue.Queue(AHEAD)
    stopped = threading.Event()

    def load_all() -> None:
        for iteration in range(start, settings.iterations):
            try:
                _put(ready, _load(task, order, iteration, device), stopped)
            except BaseException as error:
                _put(ready, error, stopped)
                return
            if stopped.is_set():
                return

    thread = threading.Thread(target=load_all, name=f"loading for {settings.name}", daemon=True)
    thread.start()
    try:
        yield (_taken(ready, device) for _ in range(start, settings.iterations))
    finally:
        stopped.set()
        thread.join()


def _put(ready: queue.Queue[Batch | BaseException], batch: Batch | BaseException, stopped: threading.Event) -> None:
    """Wait for a place in the queue, but not for ever: nobody takes anything once the loop has ended."""
    while not stopped.is_set():
        try:
            ready.put(batch, timeout=0.1)
        except queue.Full:
            continue
        return


def _load(task: TrainingTask, order: EpochSampler, iteration: int, device: torch.device) -> Batch:
    batch = task.load(order.batch(iteration), order.draw(iteration))
    if device.type != "cuda":
        return batch
    return {name: tensor.pin_memory() for name, tensor in batch.items()}  # copied while the GPU computes


def _taken(ready: queue.Queue[Batch | BaseException], device: torch.device) -> Batch:
    batch = ready.get()
    if isinstance(batch, BaseException):
        raise batch
    return to_device(batch, device)


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Bring a batch to where it is used."""
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}
