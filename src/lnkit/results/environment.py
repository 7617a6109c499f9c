"""Where a run took place: what a reader needs to explain a difference in the last digit, or in the time."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

PACKAGES = ("lnkit", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-image", "onnxruntime")


def describe_environment(device: str, engine: str) -> dict[str, str]:
    """Versions, device, engine and threads, which decide how sums are rounded; what is not installed is left out."""
    facts = {"python": platform.python_version(), "system": platform.platform(), "device": device, "engine": engine}
    if torch := sys.modules.get("torch"):  # which is there after every run
        facts["threads"] = str(torch.get_num_threads())
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            continue
    return facts
