"""Where and in which precision a training takes place; none of it changes what is trained."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from lnkit.errors import UsageError
from lnkit.plugins.process_state import preserved
from lnkit.plugins.torch_state import GENERATORS, SETTINGS

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True, slots=True)
class DeviceSetup:
    """A device, and the precision in which losses are computed on it."""

    device: torch.device
    precision: str = "fp32"  # weights and their updates are float32 whatever it is

    def __post_init__(self) -> None:
        """Refuse a precision that there is not."""
        if self.precision not in PRECISIONS:
            raise UsageError(f"No precision is named {self.precision!r}; there are {', '.join(PRECISIONS)}.")

    def autocast(self) -> AbstractContextManager[None]:
        """Compute in the precision, for what allows it."""
        mixed = self.precision != "fp32"
        return torch.autocast(self.device.type, dtype=PRECISIONS[self.precision] if mixed else None, enabled=mixed)

    def scaler(self) -> torch.amp.GradScaler:
        """What keeps small gradients from vanishing in fp16; without effect in the other precisions."""
        return torch.amp.GradScaler(self.device.type, enabled=self.precision == "fp16")

    @property
    def facts(self) -> dict[str, str]:
        """What decides about the last bit of a result."""
        name = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else self.device.type
        threads = torch.get_num_threads() if self.device.type == "cpu" else 0
        return {"device": name, "torch": torch.__version__, "threads": str(threads)}


@contextmanager
def deterministic(device: torch.device) -> Iterator[None]:
    """Have the same computation give the same bits; what is set for that, and all generators, are put back."""
    if device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # or cuBLAS may add up in any order
    memory: Any = torch.utils.deterministic
    filling = memory.fill_uninitialized_memory
    with preserved((*SETTINGS, *GENERATORS)):
        torch.use_deterministic_algorithms(True, warn_only=True)  # a few operations have no such kernel
        torch.backends.cudnn.benchmark = False  # which measures, and may choose otherwise the next time
        torch.backends.cudnn.deterministic = True
        memory.fill_uninitialized_memory = False  # nothing here reads what it has not written
        try:
            yield
        finally:
            memory.fill_uninitialized_memory = filling
