"""Measure several ways of doing the same thing in turns, so that other load on the machine affects all alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Ratio:
    """The speed of lnkit relative to a baseline, and its target."""

    subject: str  # "squeezenet1_1, four points"
    measured: str  # "lnkit (inductor): 1,270 triplets/s"
    baseline: str  # "published code: 68 triplets/s"
    value: float  # speed relative to the baseline; with ``at_most``, time relative to it
    target: float
    at_most: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the value reaches the target."""
        return self.value <= self.target if self.at_most else self.value >= self.target


def seconds_in_turns(ways: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each way, run in turns ``repeats`` times after one unmeasured round."""
    measured: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(repeats + 1):
        for name, way in ways.items():
            before = time.perf_counter()
            way()
            if turn:
                measured[name].append(time.perf_counter() - before)
    return {name: statistics.median(times) for name, times in measured.items()}


def machine_limit() -> dict[str, float]:
    """Measure the peak of this machine in GFLOP/s: a large matrix product, and a 3x3 convolution."""
    a, b = torch.rand(1536, 1536), torch.rand(1536, 1536)
    images = torch.rand(32, 128, 32, 32).to(memory_format=torch.channels_last)
    kernel = torch.rand(128, 128, 3, 3).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        seconds = seconds_in_turns(
            {"matmul": lambda: a @ b, "conv": lambda: torch.nn.functional.conv2d(images, kernel, padding=1)}, repeats=7
        )
    return {
        "matmul": 2 * 1536**3 / seconds["matmul"] / 1e9,
        "conv 3x3": 2 * 32 * 128 * 32 * 32 * 128 * 9 / seconds["conv"] / 1e9,
    }
