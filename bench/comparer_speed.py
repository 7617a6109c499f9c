"""Triplets per second at all four points of a backbone, against published code and bare forward passes."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from bench import published_code
from bench.harness import Ratio, seconds_in_turns
from bench.inputs import POINTS, make_backbone, make_triplets
from lnkit.distances.comparer import ImageComparer
from lnkit.networks.loss_network import LossNetwork
from lnkit.specs import DistanceConfig

TARGETS = {  # speed relative to published code, on two cores
    "squeezenet1_1": 18.0,
    "alexnet": 5.0,
    "resnet50": 4.2,
    "efficientnet_b0": 8.0,
    "vgg16": 4.2,
    "densenet121": 4.2,
    "inception_v3": 7.5,
    "efficientnet_b7": 3.3,
}
QUICK = ("squeezenet1_1", "resnet50")
BARE_LIMIT = 1.10  # time relative to bare forward passes of the deepest truncated network on the same images
TRIPLETS = 128
BAPPS_TRIPLETS = 36_344  # number of items for which the engine is chosen


def measure(quick: bool = False) -> Iterator[Ratio]:
    """Measure the comparer on several backbones."""
    for name in QUICK if quick else TARGETS:
        yield from measure_backbone(name, 3 if quick else 5)


def measure_backbone(name: str, repeats: int) -> list[Ratio]:
    """Measure the comparer on one backbone, and compare its decisions with those of published code."""
    backbone, points = make_backbone(name)
    images = make_triplets(TRIPLETS)
    truncated = [published_code.truncate(backbone, point.node) for point in points]
    comparer = ImageComparer(
        LossNetwork(backbone, points),
        [(point,) for point in POINTS],
        DistanceConfig(epsilon="reference"),  # as in published code: random weights make the norms tiny
        expected_items=BAPPS_TRIPLETS,
    )
    decisions = _differing(published_code.decide(truncated, images), comparer.compare(*images))
    seconds = seconds_in_turns(
        {
            "published": lambda: published_code.decide(truncated, images),
            "bare": lambda: _bare(truncated[-1], images),
            "lnkit": lambda: comparer.compare(*images),
        },
        repeats,
    )
    rate = {way: f"{TRIPLETS / duration:,.1f} triplets/s" for way, duration in seconds.items()}
    subject = f"{name}, four points"
    measured = f"lnkit ({comparer.engine}): {rate['lnkit']}"
    return [
        Ratio(
            subject,
            measured,
            f"published code: {rate['published']}",
            seconds["published"] / seconds["lnkit"],
            TARGETS[name],
            note=decisions,
        ),
        Ratio(
            subject,
            measured,
            f"bare forward passes: {rate['bare']}",
            seconds["lnkit"] / seconds["bare"],
            BARE_LIMIT,
            at_most=True,
        ),
    ]


def _bare(network: torch.nn.Module, images: tuple[np.ndarray, ...]) -> None:
    with torch.no_grad():
        for array in images:
            network(torch.from_numpy(array).permute(0, 3, 1, 2).contiguous().float() / 255)


def _differing(published: np.ndarray, distances: np.ndarray) -> str:
    """Return how many decisions agree; they may differ at near ties only, where rounding decides."""
    margin = distances[:, 0] - distances[:, 1]
    differ = np.sign(published) != np.sign(margin)
    largest = (np.abs(margin) / distances.max(axis=1))[differ].max(initial=0.0)
    if largest > 1e-5:
        raise AssertionError(f"{differ.sum()} decisions differ from published code, by up to {largest:.1e}")
    return f"{differ.size - differ.sum()} of {differ.size} decisions the same"
