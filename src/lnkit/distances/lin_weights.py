"""Learned channel weights for the distance `lin`, from a file or from the `lpips` package.

A file is safetensors or a `.pth` state dict in the layout of LPIPS (Zhang2018): ``lin0.model.1.weight``,
``lin1.model.1.weight`` and so on, or ``lin0.weight``, each (1, C, 1, 1). The k-th weight belongs to the k-th point of a
loss network.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import Tensor

from lnkit.errors import UsageError, WeightsError

_KEY = re.compile(r"lin(\d+)\.(?:model\.\d+\.)?weight")
_IN_LPIPS = {"alexnet": "alex", "squeezenet1_1": "squeeze", "vgg16": "vgg"}  # backbone -> file of the lpips package


def load_lin_weights(source: str, points: int) -> tuple[Tensor, ...]:
    """Read the learned channel weights of a loss network.

    Args:
        source: A file, or "lpips:<backbone>" for the weights in the lpips package.
        points: Number of points of the loss network.

    Returns:
        One weight vector (C,) for each point, float32.

    Raises:
        UsageError: ``source`` is empty, or has weights for another number of points.
        WeightsError: The file is missing or damaged.
    """
    if not source:
        raise UsageError(
            "The distance 'lin' needs learned weights: give a file (safetensors or .pth), or 'lpips' for those of the "
            "lpips package."
        )
    path = _in_lpips(source.removeprefix("lpips").lstrip(":")) if re.fullmatch("lpips(:.*)?", source) else Path(source)
    weights = _ordered(_read(path), path)
    if len(weights) != points:
        raise UsageError(
            f"Expected lin weights for the {points} points of the loss network, got {len(weights)} in {path.name}: the "
            "k-th weight belongs to the k-th point. Use weights that were learned for these points."
        )
    return weights


def _in_lpips(backbone: str) -> Path:
    if backbone not in _IN_LPIPS:
        raise UsageError(
            f"The lpips package has lin weights for {', '.join(_IN_LPIPS)}, not for "
            f"{backbone or 'an unnamed backbone'}; write for example 'lpips:vgg16'."
        )
    package = find_spec("lpips")
    if package is None or package.origin is None:
        raise UsageError("The lin weights of lpips need the package: pip install 'lnkit[lpips]'.")
    return Path(package.origin).parent / "weights" / "v0.1" / f"{_IN_LPIPS[backbone]}.pth"


def _read(path: Path) -> dict[str, Tensor]:
    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file  # noqa: PLC0415 - only for such a file

            return dict(load_file(path))
        state: dict[str, Tensor] = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise WeightsError(f"Expected a file with lin weights at {path}, got no such file.") from error
    except Exception as error:  # for a damaged file, the readers raise errors of many types
        raise WeightsError(f"{path} cannot be read as lin weights ({error}).") from error
    return state


def _ordered(state: dict[str, Tensor], path: Path) -> tuple[Tensor, ...]:
    weights = {int(match[1]): value for key, value in state.items() if (match := _KEY.fullmatch(key))}
    if not weights or sorted(weights) != list(range(len(weights))):
        raise WeightsError(
            f"Expected lin weights named lin0.model.1.weight (or lin0.weight), lin1... in {path}, "
            f"got {', '.join(sorted(state)[:5]) or 'nothing'}."
        )
    return tuple(weights[k].detach().float().flatten() for k in sorted(weights))
