"""Open a device by name."""

from __future__ import annotations

import torch

from lnkit.errors import UsageError


def open_device(name: str) -> torch.device:
    """Return a device after checking that it can be used.

    Args:
        name: "cpu", "cuda", "cuda:1", "mps" or another name of torch; "auto" is an accelerator if there is one, else
            the CPU.

    Raises:
        UsageError: The device does not exist or does not work.
    """
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
