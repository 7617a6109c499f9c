"""Learned channel weights for the distance `lin`, from a file or from the `lpips` package.

A file is safetensors or a `.pth` state dict in the layout of LPIPS (Zhang2018): ``lin0.model.1.weight``,
``lin1.model.1.weight`` and so on, or ``lin0.weight``, each (1, C, 1, 1). The k-th weight belongs to the k-th point of a
loss network.
"""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

from torch import Tensor

from lnkit.errors import UsageError, WeightsError
from lnkit.networks.weight_fit import same_values
from lnkit.networks.weight_readings import Reading, choices, read_readings, split_label
from lnkit.plugins.rules import printable

_KEY = re.compile(r"lin(\d+)\.(?:model\.\d+\.)?weight")
_IN_LPIPS = {"alexnet": "alex", "squeezenet1_1": "squeeze", "vgg16": "vgg"}  # backbone -> file of the lpips package


def load_lin_weights(source: str, points: int) -> tuple[Tensor, ...]:
    """Read the learned channel weights of a loss network.

    Args:
        source: A file, ``FILE::KEY`` if the file holds several, or "lpips:<backbone>" for the weights in the lpips
            package.
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
    if re.fullmatch("lpips(:.*)?", source):
        path, label = _in_lpips(source.removeprefix("lpips").lstrip(":")), ""
    else:
        path, label = split_label(source)
    weights = _read(path, label)
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


def _read(path: Path, label: str) -> tuple[Tensor, ...]:
    readings = read_readings(path, label, lambda name: _KEY.fullmatch(name) is not None)
    complete = [(reading, weights) for reading in readings if (weights := _ordered(reading))]
    if not complete:
        names = sorted(max(readings, key=lambda reading: len(reading.values)).values)
        raise WeightsError(
            f"Expected lin weights named lin0.model.1.weight (or lin0.weight), lin1... in {path}, "
            f"got {printable(', '.join(names[:5]))}."
        )
    first = complete[0][1]
    if any(len(first) != len(other) or not all(map(same_values, first, other)) for _, other in complete[1:]):
        raise UsageError(
            f"{path.name} holds several sets of lin weights, and they differ. "
            f"{choices(path, [reading for reading, _ in complete])}"
        )
    for number, weight in enumerate(first):
        if weight.dim() != 1 or not weight.is_floating_point() or not bool(weight.isfinite().all()):
            raise WeightsError(f"Expected one finite number for each channel in lin{number} of {path}, got others.")
    return tuple(weight.float() for weight in first)


def _ordered(reading: Reading) -> tuple[Tensor, ...]:
    """Return the weights in the order of the points; nothing if some are missing."""
    weights = {int(match[1]): value for name, value in reading.tensors.items() if (match := _KEY.fullmatch(name))}
    if sorted(weights) != list(range(len(weights))):
        return ()
    return tuple(_vector(weights[number]) for number in range(len(weights)))


def _vector(weight: Tensor) -> Tensor:
    """Flatten (1, C, 1, 1); other shapes stay, to be refused."""
    return weight.detach().flatten() if weight.numel() == max(weight.shape, default=0) else weight
