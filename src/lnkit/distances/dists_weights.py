"""Learned weights for the distance `dists`, from a file or from the package DISTS-pytorch.

A file is that of DISTS (Ding2020) or has its layout: a state dict with ``alpha`` and ``beta``, each with one number for
each of the 1475 channels of the six points ``vgg16_l2pool:dists``.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from torch import Tensor, split

from lnkit.errors import UsageError, WeightsError
from lnkit.networks.weight_readings import read_readings, split_label

CHANNELS = (3, 64, 128, 256, 512, 512)  # of the image and of relu1_2, 2_2, 3_3, 4_3 and 5_3 of VGG-16
_NAMES = ("alpha", "beta")


def load_dists_weights(source: str, points: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """Read the learned weights of DISTS.

    Args:
        source: A file, ``FILE::KEY`` if the file holds several, or "dists" for the weights in the package
            DISTS-pytorch.
        points: Number of points of the loss network; the weights are for six.

    Returns:
        Alpha and beta of each point, each (C,), float32. All together sum to 1.

    Raises:
        UsageError: ``points`` is not six, or the package is missing.
        WeightsError: The file is missing or damaged, or holds other weights.
    """
    if points != len(CHANNELS):
        raise UsageError(
            f"The learned weights of dists belong to six points, vgg16_l2pool:dists; the loss network has {points}. "
            "Leave out 'weights' to weigh all channels alike."
        )
    path, label = (_in_package(), "") if source == "dists" else split_label(source)
    alpha, beta = _read(path, label)
    total = alpha.sum() + beta.sum()
    if not total > 0:
        raise WeightsError(f"Expected alpha and beta with a sum above 0 in {path}, got {total.item():g}.")
    return tuple(zip(split(alpha / total, list(CHANNELS)), split(beta / total, list(CHANNELS)), strict=True))


def _in_package() -> Path:
    package = find_spec("DISTS_pytorch")  # found, not imported: its code is not needed
    if package is None or package.origin is None:
        raise UsageError(
            "The learned weights of dists need the package: pip install DISTS-pytorch. Or give its file weights.pt: "
            "dists(weights=weights.pt)."
        )
    return Path(package.origin).parent / "weights.pt"


def _read(path: Path, label: str) -> tuple[Tensor, Tensor]:
    readings = [reading.tensors for reading in read_readings(path, label, _NAMES.__contains__)]
    complete = [tensors for tensors in readings if all(name in tensors for name in _NAMES)]
    if not complete:
        raise WeightsError(f"Expected tensors named alpha and beta in {path}, the weights of DISTS; got others.")
    alpha, beta = (complete[0][name].detach().flatten() for name in _NAMES)
    for name, values in zip(_NAMES, (alpha, beta), strict=True):
        if values.numel() != sum(CHANNELS) or not values.is_floating_point() or not bool(values.isfinite().all()):
            raise WeightsError(
                f"Expected {sum(CHANNELS)} finite numbers as {name} in {path}, one for each channel of the six points, "
                f"got {values.numel()} of type {values.dtype}."
            )
    return alpha.float(), beta.float()
