"""The device and the precision of a training; they change its rounding only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from lnkit.errors import UsageError
from lnkit.networks.device import make_cublas_repeatable
from lnkit.plugins.process_state import preserved
from lnkit.plugins.torch_state import GENERATORS, SETTINGS

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class DeviceSetup:
    """A device, and the precision of losses on it."""

    device: torch.device
    precision: str = "fp32"  # of the losses; weights and their updates are always float32

    def __post_init__(self) -> None:
        """Raise UsageError for an unknown precision."""
        if self.precision not in PRECISIONS:
            raise UsageError(f"No precision is named {self.precision!r}; there are {', '.join(PRECISIONS)}.")

    def autocast(self) -> AbstractContextManager[None]:
        """Return a context in which operations that allow it run in the precision."""
        mixed = self.precision != "fp32"
        return torch.autocast(self.device.type, dtype=PRECISIONS[self.precision] if mixed else None, enabled=mixed)

    def scaler(self) -> torch.amp.GradScaler:
        """Return a gradient scaler, which keeps small gradients from vanishing in fp16; disabled otherwise."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")

    @property
    def facts(self) -> dict[str, str]:
        """Device, version of torch and number of threads, on which the last bits of a result depend."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        threads = torch.get_num_threads() if self.device.type == "cpu" else 0
        return {"device": name, "torch": torch.__version__, "threads": str(threads)}


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Make the same computation give the same bits; restore all settings and generators afterwards."""
    if device.type == "cuda":
        make_cublas_repeatable()
    memory: Any = torch.utils.deterministic
    filling = memory.fill_uninitialized_memory
    with preserved((*SETTINGS, *GENERATORS)):
        torch.use_deterministic_algorithms(True, warn_only=True)  # a few operations have no deterministic kernel
        torch.backends.cudnn.benchmark = False  # it times kernels and may choose others the next time
        torch.backends.cudnn.deterministic = True
        memory.fill_uninitialized_memory = False  # slow, and nothing here reads uninitialized memory
        try:
            yield
        finally:
            memory.fill_uninitialized_memory = filling
