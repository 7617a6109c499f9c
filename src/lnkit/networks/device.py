"""Devices: which one is there, and a sentence for one that is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from lnkit.errors import UsageError

if TYPE_CHECKING:
    pass


def open_device(name: str) -> torch.device:
    """Return a device that is there, for "auto" the fastest; raises UsageError for one that is not."""
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        return accelerator or torch.device("cpu")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UsageError(
            f"The device {name!r} cannot be used here ({str(error).splitlines()[0]:.100}). Use 'cpu', or check the "
            "installation of torch and the driver."
        ) from error
    return device
