"""Several processes that train one network, as started by torchrun or accelerate."""

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
    """Number of this process among all that train together."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_first(self) -> bool:
        """Whether this process prints, scores and writes tables and figures."""
        return self.rank == 0

    @classmethod
    def from_environment(cls) -> World:
        """Read the launcher's variables; without them there is one process.

        Raises:
            lnkit.UsageError: a variable is no number.
        """
        try:
            size = int(os.environ.get("WORLD_SIZE", "1"))
            if size == 1:
                return cls()
            return cls(int(os.environ.get("RANK", "0")), size, int(os.environ.get("LOCAL_RANK", "0")))
        except ValueError as error:
            raise lnkit.UsageError(
                f"Expected numbers in WORLD_SIZE, RANK and LOCAL_RANK, as torchrun sets them ({error}). Unset them to "
                "train in one process."
            ) from error

    def device(self, name: str) -> str:
        """Return the device of this process: with several on a machine, each gets a GPU of its own."""
        several = self.size > 1 and name in ("auto", "cuda") and torch.cuda.is_available()
        return f"cuda:{self.local_rank}" if several else name

    def share(self, count: int) -> slice:
        """Return the slice of a batch of ``count`` items that this process computes."""
        if count < self.size:
            raise lnkit.UsageError(
                f"A batch of {count} images cannot be shared by {self.size} processes. Give a larger --batch-size."
            )
        return slice(self.rank, None, self.size)


@contextmanager
def process_group(world: World) -> Iterator[None]:
    """Connect the processes of a training; a single process needs no connection."""
    if world.size == 1:
        yield
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(world.local_rank)  # otherwise all processes of a machine would use its first GPU
    torch.distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    try:
        yield
    finally:
        torch.distributed.destroy_process_group()


def data_parallel(network: nn.Module, world: World) -> nn.Module:
    """Wrap a network so that its gradients are averaged over all processes."""
    if world.size == 1:
        return network
    return nn.parallel.DistributedDataParallel(network, broadcast_buffers=True)
