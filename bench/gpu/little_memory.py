"""A device with little free memory: a card that is filled on purpose, or a CPU that pretends to be full."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import torch

from lnkit.networks.loss_network import LossNetwork

PRETENDED = 4  # images at most in a forward pass of a loss network, where memory is pretended to be full


@contextmanager
def little_memory(device: torch.device, free: int) -> Iterator[None]:
    """Leave only ``free`` bytes of a card's memory while inside; on the CPU, refuse large batches instead."""
    with _filled(device, free) if device.type == "cuda" else _pretended():
        yield


@contextmanager
def _filled(device: torch.device, free: int) -> Iterator[None]:
    torch.cuda.empty_cache()
    available, _ = torch.cuda.mem_get_info(device)
    ballast = [torch.empty(max(0, available - free), dtype=torch.uint8, device=device)]
    try:
        yield
    finally:
        ballast.clear()
        torch.cuda.empty_cache()


@contextmanager
def _pretended() -> Iterator[None]:
    """Raise the error of a full card for batches of more than ``PRETENDED`` images."""
    whole: Callable[..., Any] = LossNetwork.tap

    def tap(network: LossNetwork, normalized: torch.Tensor) -> dict[str, torch.Tensor]:
        if len(normalized) > PRETENDED:
            raise torch.OutOfMemoryError("the memory is pretended to be full")
        features: dict[str, torch.Tensor] = whole(network, normalized)
        return features

    with patch.object(LossNetwork, "tap", tap):
        yield
