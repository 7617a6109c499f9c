"""Triplets per second at all four points, beside a bare forward pass, the `lpips` package and the device's peak."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping
from importlib.util import find_spec
from typing import Any

import numpy as np
import torch

from bench.gpu.backbones import FOUR_POINTS, VIT, load_network, why_missing
from bench.gpu.peak import DTYPES, macs_per_image, measure_peak
from bench.gpu.results import Row
from bench.gpu.settings import Settings
from bench.harness import seconds_in_turns
from bench.inputs import make_triplets
from lnkit.distances.comparer import ImageComparer
from lnkit.networks.device import full_float32, open_device, place
from lnkit.networks.loss_network import LossNetwork
from lnkit.specs import DistanceConfig

Array = np.ndarray[Any, Any]
Images = tuple[Array, Array, Array]

BACKBONES = ("squeezenet1_1", "vgg16", "resnet50", "efficientnet_b7", VIT)
QUICK = ("squeezenet1_1",)
PRECISIONS = ("fp32", "bf16")
NETS = ("squeeze", "vgg")  # of the lpips package
TRIPLETS, SIDE = 2_048, 64
BATCH = 256  # triplets of a bare pass: as many as the comparer takes on a GPU
BAPPS_TRIPLETS = 36_344  # the comparer chooses its engine for so many
REPEATS = 3


def check(settings: Settings) -> Iterator[Row]:
    """Measure the peak, then every backbone in every precision, then LPIPS."""
    device = open_device(settings.device)
    peaks = {name: measure_peak(device, name, settings.size(8_192, 256)) for name in PRECISIONS}
    yield Row("matrix product", {f"{name} TFLOP/s": peak / 1e12 for name, peak in peaks.items()})
    images = make_triplets(settings.size(TRIPLETS, 8), SIDE)
    expected = settings.size(BAPPS_TRIPLETS, 0)
    for backbone in settings.size(BACKBONES, QUICK):
        if reason := why_missing(backbone):
            yield Row(backbone, skipped=reason)
            continue
        for precision, peak in peaks.items():
            yield measure_backbone(backbone, precision, peak, images, device, expected)
    for net in settings.size(NETS, NETS[:1]):
        yield measure_lpips(net, images, device, expected)


def measure_backbone(
    backbone: str, precision: str, peak: float, images: Images, device: torch.device, expected: int
) -> Row:
    """Measure the comparer and a bare pass on one backbone."""
    network = load_network(backbone)
    options: dict[str, Any] = {"device": str(device), "precision": precision, "expected_items": expected}
    comparer = ImageComparer(network, [(point,) for point in FOUR_POINTS], DistanceConfig(), **options)
    bare = bare_pass(network, precision, device)
    seconds = seconds_in_turns(
        {"lnkit": lambda: comparer.compare(*images), "bare": lambda: run_bare(bare, images, device)}, REPEATS
    )
    rate = {way: len(images[0]) / duration for way, duration in seconds.items()}
    flops = 2 * 3 * macs_per_image(network, SIDE)  # of a triplet
    return Row(
        f"{backbone}, {precision}",
        {
            "triplets/s": rate["lnkit"],
            "bare triplets/s": rate["bare"],
            "time relative to bare": seconds["lnkit"] / seconds["bare"],
            "share of peak": rate["lnkit"] * flops / peak,
            "bare share of peak": rate["bare"] * flops / peak,
            "engine": comparer.engine,
        },
    )


def bare_pass(network: LossNetwork, precision: str, device: torch.device) -> LossNetwork:
    """Return a copy of a network that is truncated at its deepest point, in a precision, on the device."""
    bare = copy.deepcopy(network)
    bare.backbone.to(DTYPES[precision])
    return place(bare, device)


def run_bare(network: LossNetwork, images: Images, device: torch.device) -> None:
    """Send all images through a network, from 8-bit arrays on the CPU, and wait for the end."""
    dtype = next(network.backbone.parameters()).dtype
    for start in range(0, len(images[0]), BATCH):
        stack = np.concatenate([column[start : start + BATCH] for column in images])
        with torch.inference_mode(), full_float32():
            pixels = torch.from_numpy(stack).to(device).permute(0, 3, 1, 2).float() / 255
            *_, deepest = network.tap(network.normalize(pixels).to(dtype)).values()
    float(deepest.flatten()[0])


def measure_lpips(net: str, images: Images, device: torch.device, expected: int) -> Row:
    """Measure the learned LPIPS metric against the lpips package on the same trunk."""
    subject = f"LPIPS-lin {net}"
    if find_spec("lpips") is None:
        return Row(subject, skipped="the package lpips is not installed")
    import lpips  # noqa: PLC0415 - an optional package

    from bench.lpips_speed import make_comparer  # noqa: PLC0415 - it imports lpips

    theirs = lpips.LPIPS(net=net, pnet_rand=True, verbose=False).eval()
    ours = make_comparer(theirs, net, str(device), expected)
    theirs.to(device)
    ways: Mapping[str, Callable[[], Array]] = {
        "lnkit": lambda: ours.compare(*images)[:, :, 0],
        "lpips": lambda: run_lpips(theirs, images, device),
    }
    difference = float(np.abs(ways["lnkit"]() - ways["lpips"]()).max())
    seconds = seconds_in_turns(ways, REPEATS)
    rate = {f"{way} triplets/s": len(images[0]) / duration for way, duration in seconds.items()}
    return Row(subject, {**rate, "ratio": seconds["lpips"] / seconds["lnkit"], "largest difference": difference})


def run_lpips(theirs: torch.nn.Module, images: Images, device: torch.device) -> Array:
    """Return the distances (N, 2) of the lpips package, with as many triplets at a time as the comparer takes."""
    distances = []
    with torch.no_grad(), full_float32():
        for start in range(0, len(images[0]), BATCH):
            ref, p0, p1 = (
                torch.from_numpy(column[start : start + BATCH]).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1
                for column in images
            )
            pair = torch.stack([theirs(ref, p0).flatten(), theirs(ref, p1).flatten()], dim=1)
            distances.append(pair.cpu().numpy())
    return np.concatenate(distances)
