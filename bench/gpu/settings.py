"""What every check needs to know: the two devices, the sizes, and a folder for its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of all checks."""

    device: str  # to be checked: "cuda"
    folder: Path  # of files that nobody needs afterwards
    quick: bool = False  # tiny sizes, to try the script without a GPU
    reference: str = "cpu"  # the device to compare with
    engines: tuple[str, ...] = ("eager", "inductor")

    @property
    def on_cuda(self) -> bool:
        """Whether the checked device is a CUDA device."""
        return torch.device(self.device).type == "cuda"

    def size(self, full: Value, quick: Value) -> Value:
        """Return the first of two sizes, or the second for a quick run."""
        return quick if self.quick else full
