"""Features on the device against float64 on the CPU: they may differ by the rounding of float32, not of TF32."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from bench.gpu.backbones import STUDY, VIT, load_network, why_missing
from bench.gpu.results import Row
from bench.gpu.settings import Settings
from lnkit.networks.device import full_float32, place
from lnkit.networks.loss_network import LossNetwork

QUICK = ("squeezenet1_1",)
IMAGES, SIDE = 4, 64
LIMIT = 3e-5  # relative error; TF32 keeps 10 bits of a factor, which is a relative error of 5e-4
TIMES_REFERENCE = 10.0  # a device may be this much worse than float32 on the CPU: it sums in another order


def check(settings: Settings) -> Iterator[Row]:
    """Compare the features of every backbone at its four points."""
    for backbone in settings.size((*STUDY, VIT), QUICK):
        if reason := why_missing(backbone):
            yield Row(backbone, skipped=reason)
        else:
            yield compare(backbone, settings)


def compare(backbone: str, settings: Settings) -> Row:
    """Compare the features of one backbone."""
    network = load_network(backbone)
    images = torch.rand(IMAGES, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    exact = features(copy.deepcopy(network).double(), images.double(), "cpu")
    of_reference = errors(features(copy.deepcopy(network), images, settings.reference), exact)
    of_device = errors(features(network, images, settings.device), exact)
    limits = {point: max(LIMIT, TIMES_REFERENCE * error) for point, error in of_reference.items()}
    worst = max(of_device, key=lambda point: of_device[point] / limits[point])
    figures = {"relative error": of_device[worst], "on the CPU": of_reference[worst], "limit": limits[worst]}
    wrong = not of_device[worst] <= limits[worst]  # NaN is wrong too
    problem = f"the features at {worst} differ by more than the rounding of float32" if wrong else ""
    return Row(backbone, {**figures, "worst point": worst}, problem)


def features(network: LossNetwork, images: Tensor, device: str) -> dict[str, Tensor]:
    """Return the features of images on a device, as float64 on the CPU."""
    placed = place(network, torch.device(device))
    with torch.inference_mode(), full_float32():
        found = placed(images.to(device))
    return {point: maps.cpu().double() for point, maps in found.items()}


def errors(actual: Mapping[str, Tensor], exact: Mapping[str, Tensor]) -> dict[str, float]:
    """Return the norm of the error relative to that of the features, by point."""
    return {
        point: float((actual[point] - maps).norm() / maps.norm().clamp_min(1e-300)) for point, maps in exact.items()
    }
