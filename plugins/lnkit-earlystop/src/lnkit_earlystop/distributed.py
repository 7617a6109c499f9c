"""Several processes that train one network, as torchrun and accelerate start them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

import lnkit


@dataclass(frozen=True, slots=True)
class World:
    """Which of how many processes this one is."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process speaks, scores and writes what people read."""
        return self.rank == 0

    def device(self, asked: str) -> str:
        """The device of this process: each on a machine gets a GPU of its own."""
        several = self.size > 1 and asked in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{self.local_rank}" if several else asked

    def share(self, count: int) -> slice:
        """Which of the items of a batch are this process's."""
        if count < self.size:
            raise lnkit.UsageError(
                f"A batch of {count} images cannot be shared by {self.size} processes. Give a larger --batch-size."
            )
        return slice(self.rank, None, self.size)


def world() -> World:
    """What the launcher says in the environment; a single process if there is none.

    Raises:
        lnkit.UsageError: the launcher's variables are no numbers.
    """
    try:
        size = int(os.environ.get("WORLD_SIZE", "1"))
        if size == 1:
            return World()
        return World(int(os.environ.get("RANK", "0")), size, int(os.environ.get("LOCAL_RANK", "0")))
    except ValueError as error:
        raise lnkit.UsageError(
            f"WORLD_SIZE, RANK and LOCAL_RANK must be numbers, as torchrun sets them ({error}). Unset them otherwise."
        ) from error


@contextmanager
def connected(place: World) -> Iterator[None]:
    """Let the processes find each other; a single one has nobody to look for."""
    if place.size == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(place.local_rank)  # or all processes of a machine would meet on its first GPU
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def parallel(network: nn.Module, place: World) -> nn.Module:
    """The network, so that gradients become the mean over all processes."""
    if place.size == 1:
        return network
    return nn.parallel.DistributedDataParallel(network, broadcast_buffers=True)
